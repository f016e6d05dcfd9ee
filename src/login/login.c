/* login: the service's life. It is offered like any other service of the hub and steps aside when
 * somebody who may write to the workspace `public`, which only root can grant, offers another. */
#include "login/login.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "config/config.h"
#include "http/rate.h"
#include "http/request.h"
#include "login/local.h"
#include "login/login_room.h"
#include "login/oauth.h"
#include "manager/manager.h"
#include "peer/hub.h"
#include "wire/ip.h"
#include "wire/mp.h"

static const char SERVICE[] = "hypha-login";

/* ---- yielding to another ---- */

static void on_other(void *arg)
{
    struct login *l = arg;

    atomic_store_explicit(&l->is_yielding, l->other.is_there, memory_order_release);
    if (l->other.is_there)
        manager_withdraw(l->manager, MANAGER_PUBLIC, &l->service);
    else
        manager_offer(l->manager, MANAGER_PUBLIC, &l->service);
}

/* ---- life ---- */

static void build_service(struct login *l)
{
    size_t n_methods = login_n_methods + (l->manner->is_local ? local_n_methods : 0);
    struct mp_open config;

    l->methods = mem_new(n_methods * sizeof(*l->methods));
    memcpy(l->methods, login_methods, login_n_methods * sizeof(*l->methods));
    if (l->manner->is_local)
        memcpy(l->methods + login_n_methods, local_methods, local_n_methods * sizeof(*l->methods));
    held_buf_init(&l->config, 0, l->hub->loop->own);
    mp_open_map(&config, &l->config.b);
    mp_key(&config, "visibility");
    mp_add_text(&l->config.b, "public");
    mp_key(&config, "require_context");
    mp_add_bool(&l->config.b, false);
    mp_close(&config);
    l->service = (struct rpc_service){.id = SERVICE,
                                      .name = "Hypha Login",
                                      .description = l->manner->description,
                                      .type = "functions",
                                      .config = buf_slice(&l->config.b),
                                      .methods = l->methods,
                                      .n_methods = n_methods,
                                      .arg = l};
}

struct login *login_new(struct hub *h, struct api *a, bool has_accounts)
{
    struct login *l = MEM_NEW(struct login);

    l->hub = h;
    l->api = a;
    l->manner = has_accounts ? &login_manner_local : &login_manner_default;
    l->rate = http_rate_new();
    atomic_init(&l->is_yielding, false);
    sessions_init(&l->sessions, h->loop);
    l->oauth = oauth_new(h);
    build_service(l);
    login_pages_init(l);
    return l;
}

void login_free(struct login *l)
{
    if (!l)
        return;
    sessions_deinit(&l->sessions);
    held_buf_deinit(&l->config);
    http_rate_free(l->rate);
    oauth_free(l->oauth);
    mem_free(l->methods);
    mem_free(l);
}

void login_open(struct login *l, struct manager *m)
{
    LOOP_ASSERT(l->hub->loop);
    l->manager = m;
    other_login_open(&l->other, l->hub, m, on_other, l);
    if (l->manner->is_local)
        l->local = local_open(l);
    oauth_open(l->oauth);
    manager_offer(m, MANAGER_PUBLIC, &l->service);
}

void login_drain(struct login *l)
{
    l->is_draining = true;
    sessions_clear(&l->sessions);
}

void login_close(struct login *l)
{
    if (!l->manager)
        return;
    other_login_close(&l->other);
    sessions_clear(&l->sessions);
    oauth_close(l->oauth);
    local_close(l->local);
    l->local = NULL;
    manager_withdraw(l->manager, MANAGER_PUBLIC, &l->service);
    l->manager = NULL;
}

/* ---- the rates of an address ---- */

bool login_rate_take(struct login *l, enum login_rate kind, const char *address,
                     unsigned *ret_retry_after_s)
{
    static const unsigned per_minute[] = {
        [LOGIN_RATE_STARTS] = LOGIN_STARTS_PER_MINUTE, [LOGIN_RATE_MAILS] = LOGIN_MAILS_PER_MINUTE};
    const struct http_rate_tier tier = {per_minute[kind] / 60.0, per_minute[kind]};
    char key[HTTP_CLIENT_MAX + 4];

    snprintf(key, sizeof(key), "%u %s", (unsigned)kind, address);
    return http_rate_take(l->rate, slice_of(key), tier, clock_mono_ms(), ret_retry_after_s);
}

bool login_rate_take_call(struct login *l, enum login_rate kind, const struct rpc_call *call,
                          unsigned *ret_retry_after_s)
{
    const struct client *c = client_find(&l->hub->registry, call->from_text);
    char address[IP_TEXT_MAX];

    /* What came by HTTP has no client record and has been counted on its way in. */
    if (!c || !ip_is_known(&c->origin.address))
        return true;
    ip_network_print(&c->origin.address, address);
    return login_rate_take(l, kind, address, ret_retry_after_s);
}

/* A service has more than one name: whatever holds the id is it. */
static bool names_us(struct slice service_id)
{
    return service_id.len >= sizeof(SERVICE) - 1 &&
           memmem(service_id.ptr, service_id.len, SERVICE, sizeof(SERVICE) - 1);
}

static bool is_mailing(const struct login *l, struct slice function)
{
    return l->manner->is_local &&
           (slice_is(function, "signup") || slice_is(function, "resend_code") ||
            slice_is(function, "request_reset"));
}

bool login_allow(struct login *l, struct http_request *req, unsigned *ret_retry_after_s)
{
    struct slice function =
        req->route ? http_request_param(req, "function") : (struct slice){NULL, 0};
    bool is_start = slice_is(function, "start");

    if ((!is_start && !is_mailing(l, function)) || !names_us(http_request_param(req, "service_id")))
        return true;
    char network[HTTP_CLIENT_MAX];
    http_request_network(req, network);
    return login_rate_take(l, is_start ? LOGIN_RATE_STARTS : LOGIN_RATE_MAILS, network,
                           ret_retry_after_s);
}
