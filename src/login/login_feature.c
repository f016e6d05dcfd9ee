/* login_feature: the service's life. It is offered like any other service of the hub and steps
 * aside when somebody who may write to the workspace `public`, which only root can grant, offers
 * another. */
#include "login/login_internal.h"

#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "base/memory.h"
#include "config/config.h"
#include "http/feature_set.h"
#include "http/rate.h"
#include "http/request.h"
#include "login/local.h"
#include "login/local_table.h"
#include "login/login_limits.h"
#include "login/login_table.h"
#include "login/oauth.h"
#include "login/login_page.h"
#include "manager/manager.h"
#include "manager/built_in_service.h"
#include "peer/hub.h"

/* ---- yielding to another ---- */

static void on_other(void *arg)
{
    struct login *l = arg;

    atomic_store_explicit(&l->is_yielding, l->other.is_there, memory_order_release);
    if (l->other.is_there)
        l->registration = manager_unregister(l->registration);
    else
        l->registration = manager_register(l->manager, &l->service, l);
}

/* ---- life ---- */

static const struct login_variant login_variant_default = {
    .description = "Login service for Hypha",
    .unknown_class = "AssertionError",
    .unknown_at_check = "Invalid key, key does not exist",
    .unknown_at_report = "Invalid key, key does not exist or expired",
    .timeout_class = "Exception",
};

static const struct login_variant login_variant_local = {
    .description = "Custom authentication service for Hypha",
    .unknown_class = "ValueError",
    .unknown_at_check = "Invalid login key",
    .unknown_at_report = "Invalid login key",
    .timeout_class = "TimeoutError",
    .is_local = true,
};

static void login_build_service(struct login *l)
{
    size_t n_methods = login_n_methods + (l->variant->is_local ? local_n_methods : 0);

    l->methods = mem_new(n_methods * sizeof(*l->methods));
    memcpy(l->methods, login_methods, login_n_methods * sizeof(*l->methods));
    if (l->variant->is_local)
        memcpy(l->methods + login_n_methods, local_methods, local_n_methods * sizeof(*l->methods));
    l->service = (struct manager_service){.id = LOGIN_SERVICE,
                                          .name = "Hypha Login",
                                          .description = l->variant->description,
                                          .type = "functions",
                                          .place = MANAGER_PUBLIC,
                                          .visibility = "public",
                                          .methods = l->methods,
                                          .n_methods = n_methods};
}

static void *login_make(const struct feature_context *c)
{
    struct login *l = MEM_NEW(struct login);

    l->hub = c->hub;
    l->api = feature_made(c->features, &api_feature);
    l->variant = c->config->enable_local_auth ? &login_variant_local : &login_variant_default;
    l->rate = http_rate_new();
    atomic_init(&l->is_yielding, false);
    sessions_init(&l->sessions, l->hub->loop);
    l->oauth = oauth_new(l->hub);
    login_build_service(l);
    return l;
}

static void login_free(void *made)
{
    struct login *l = made;

    sessions_deinit(&l->sessions);
    http_rate_free(l->rate);
    oauth_free(l->oauth);
    mem_free(l->methods);
    mem_free(l);
}

static void *login_open(void *made, struct manager *m)
{
    struct login *l = made;

    LOOP_ASSERT(l->hub->loop);
    l->manager = m;
    other_login_open(&l->other, l->hub, m, on_other, l);
    if (l->variant->is_local)
        l->local = local_open(l);
    oauth_open(l->oauth);
    l->registration = manager_register(m, &l->service, l);
    return l;
}

/* No more starts, and who waits is told that the login has expired. */
static void login_drain(void *opened)
{
    struct login *l = opened;

    l->is_draining = true;
    sessions_clear(&l->sessions);
}

static void login_close(void *opened)
{
    struct login *l = opened;

    other_login_close(&l->other);
    sessions_clear(&l->sessions);
    oauth_close(l->oauth);
    local_close(l->local);
    l->local = NULL;
    l->registration = manager_unregister(l->registration);
    l->manager = NULL;
}

/* ---- routes ---- */

static void on_authorize(struct http_request *req, void *arg)
{
    oauth_on_authorize(req, ((struct login *)arg)->oauth);
}

static void login_service_on_token(struct http_request *req, void *arg)
{
    oauth_on_token(req, ((struct login *)arg)->oauth);
}

static const struct http_route routes[] = {
    {HTTP_M_GET, "/login", page_on_login},
    {HTTP_M_GET, "/public/apps/hypha-login", page_on_bare},
    {HTTP_M_GET, "/public/apps/hypha-login/", page_on_page},
    {HTTP_M_GET, "/public/apps/hypha-login/index", page_on_page},
    {HTTP_M_GET, "/public/apps/hypha-login/profile", page_on_profile},
    {HTTP_M_GET, "/public/apps/hypha-login/assets/{file}", page_on_file},
    {HTTP_M_GET | HTTP_M_POST, "/public/apps/hypha-login/{path:path}", page_on_other},
    {HTTP_M_GET, "/oauth/authorize", on_authorize},
    {HTTP_M_POST, "/oauth/token", login_service_on_token, .max_body_bytes = OAUTH_BODY_MAX,
     .allow = login_allow_exchange},
};

const struct feature login_feature = {
    .name = "login",
    .make = login_make,
    .free = login_free,
    .routes = routes,
    .n_routes = ARRAY_LEN(routes),
    .allow_call = login_allow_call,
    .open = login_open,
    .drain = login_drain,
    .close = login_close,
};
