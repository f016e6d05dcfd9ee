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
    held_buf_keep(&l->config);
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

static bool take(struct login *l, const struct config *c, enum login_rate kind, const char *address,
                 unsigned *ret_retry_after_s)
{
    const struct login_asking a = {kind, address, c->verification_max_pending, clock_mono_ms()};

    return login_rates_take(l->rate, &a, ret_retry_after_s);
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
    return take(l, loop_config(l->hub->loop), kind, address, ret_retry_after_s);
}

/* A service has more than one name: whatever holds the id is it. */
static bool names_us(struct slice service_id)
{
    return service_id.len >= sizeof(SERVICE) - 1 &&
           memmem(service_id.ptr, service_id.len, SERVICE, sizeof(SERVICE) - 1);
}

/* False: it is not counted. */
static bool rate_of_function(const struct login *l, struct slice function, enum login_rate *ret)
{
    static const struct {
        const char *function;
        enum login_rate rate;
    } rows[] = {{"start", LOGIN_RATE_STARTS},       {"signup", LOGIN_RATE_MAILS},
                {"resend_code", LOGIN_RATE_MAILS},  {"request_reset", LOGIN_RATE_MAILS},
                {"login", LOGIN_RATE_TRIES},        {"update_profile", LOGIN_RATE_TRIES}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        *ret = rows[i].rate;
        if (slice_is(function, rows[i].function))
            return rows[i].rate == LOGIN_RATE_STARTS || l->manner->is_local;
    }
    return false;
}

/* The provider may take seconds for each exchange, so one address must not hold all there may be. */
static bool rate_of(const struct login *l, const struct http_request *req, enum login_rate *ret)
{
    *ret = LOGIN_RATE_EXCHANGES;
    if (!req->route || req->route->on_request == oauth_on_token)
        return req->route != NULL;
    return rate_of_function(l, http_request_param(req, "function"), ret) &&
           names_us(http_request_param(req, "service_id"));
}

bool login_allow(struct login *l, struct http_request *req, unsigned *ret_retry_after_s)
{
    char network[HTTP_CLIENT_MAX];
    enum login_rate rate;

    if (!rate_of(l, req, &rate))
        return true;
    http_request_network(req, network);
    return take(l, loop_config(req->loop), rate, network, ret_retry_after_s);
}
