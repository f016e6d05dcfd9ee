/* desk: the endpoints, served by a house, in front of a manager that answers what the test says.
 * All between the two is as it is: HTTP, the authorization, the caller's own host, the router. */
#pragma once
#include "api/api_internal.h"
#include "http/feature_set.h"
#include "rpc/rpc.h"
#include "unit/peer/house.h"
#include "wire/json.h"

struct desk {
    struct house h;
    struct rpc_settings settings;
    struct rpc_loop *rl;
    struct rpc_host *manager;
    struct rpc_service service;
    struct feature_set features;
    struct feature_context context;
    atomic_int phase;
    void *api;
    /* what the manager does */
    struct buf answer;         /* an encoded value: calls are resolved with it */
    const char *rejects, *why; /* or rejected with a class and a text */
    bool keeps;                /* or kept */
    struct rpc_call *kept;
    char *asked; /* owned: the last call, "method [args]" as JSON */
    /* what the log was told of the last request */
    const char *refused_by;
    unsigned status;
    unsigned n_done;
};

/* The call that is kept is answered, though nobody may wait for it: whoever keeps one owns it,
 * whenever it came. */
static inline void desk_let_go(struct desk *d)
{
    if (d->kept)
        rpc_resolve(d->kept, SLICE_LIT("\xc0"));
    d->kept = NULL;
}

static inline void desk_handle(struct rpc_call *call, void *arg)
{
    struct desk *d = arg;
    SCRATCH_BUF(text, 0);

    buf_add_fmt(&text, "%s [", call->method->name);
    for (unsigned i = 0; i < RPC_MAX_PARAMS && call->args[i].len; i++) {
        buf_add_text(&text, i ? "," : "");
        CHECK_INT(json_from_mp(call->args[i], &text), JSON_OK);
    }
    buf_add_byte(&text, ']');
    mem_free(d->asked);
    d->asked = mem_copy(text.ptr, text.len);
    if (d->keeps) {
        desk_let_go(d);
        d->kept = call;
    } else if (d->rejects) {
        rpc_reject(call, d->rejects, "%s", d->why);
    } else {
        rpc_resolve(call, buf_slice(&d->answer));
    }
}

static inline void desk_on_done(struct http_request *req, void *arg)
{
    struct desk *d = arg;

    d->refused_by = req->refused_by;
    d->status = req->status;
    d->n_done++;
}

#define DESK_ANY                                                                                   \
    {"a", RPC_ANY, true}, {"b", RPC_ANY, true}, {"c", RPC_ANY, true}, {"d", RPC_ANY, true},        \
        {"e", RPC_ANY, true},                                                                      \
    {                                                                                              \
        "f", RPC_ANY, true                                                                         \
    }

static inline void desk_init(struct desk *d)
{
    static const struct rpc_method methods[] = {
        {"list_services", "", {DESK_ANY}, desk_handle},
        {"get_service", "", {DESK_ANY}, desk_handle},
        {"get_service_info", "", {DESK_ANY}, desk_handle},
        {"get_workspace_info", "", {DESK_ANY}, desk_handle},
    };
    struct config *c = &d->h.k.t.config;

    memset(d, 0, sizeof(*d));
    house_init(&d->h);
    c->max_http_calls = 10;
    d->settings = (struct rpc_settings){.base_url = "http://public",
                                        .max_pending = 100,
                                        .max_chunk_keys = 100,
                                        .max_chunk_bytes = 64 << 20,
                                        .chunk_ttl_ms = 60000,
                                        .max_message_bytes = 16 << 20,
                                        .call_timeout_ms = 60000};
    d->rl = rpc_loop_new(d->h.k.t.loop, d->h.k.hub.router, &d->settings);
    d->service = (struct rpc_service){.id = "default",
                                      .name = "default",
                                      .description = "",
                                      .type = "generic",
                                      .config = SLICE_LIT("\x81\xaavisibility\xa6public"),
                                      .methods = methods,
                                      .n_methods = ARRAY_LEN(methods),
                                      .arg = d};
    struct user *root = user_new_root("public");
    d->manager =
        rpc_host_open(d->rl, &(struct rpc_host_options){.address = SLICE_LIT("*/manager-srv"),
                                                        .user = root,
                                                        .account = d->h.k.hub.process});
    user_unref(root);
    CHECK(d->manager != NULL);
    rpc_host_add(d->manager, &d->service);
    d->context = (struct feature_context){.loops = &d->h.k.t.set,
                                          .rpc_loops = &d->rl,
                                          .peer_loops = &d->h.pl,
                                          .hub = &d->h.k.hub,
                                          .config = c,
                                          .features = &d->features,
                                          .phase = &d->phase};
    d->api = api_feature.make(&d->context);
    house_serve(&d->h, &api_feature, d->api);
    d->h.site.on_done = desk_on_done;
    d->h.site.arg = d;
}

static inline void desk_deinit(struct desk *d)
{
    struct house *h = &d->h;

    d->keeps = false;
    desk_let_go(d);
    http_loop_close_all(&h->hl);
    TURNS_UNTIL(&h->k.t, h->hl.n_conns == 0 && list_is_empty(&h->k.t.loop->streams));
    rpc_host_close(d->manager);
    http_loop_deinit(&h->hl);
    peer_loop_deinit(&h->pl);
    rpc_loop_free(d->rl);
    api_feature.free(d->api);
    kit_deinit(&h->k);
    buf_deinit(&d->answer);
    mem_free(d->asked);
}

/* Callers alive. */
static inline unsigned desk_calls(struct desk *d)
{
    return atomic_load(&((struct api *)d->api)->n_calls);
}

static inline void desk_answers(struct desk *d, const char *json)
{
    char error[JSON_ERROR_MAX];

    buf_clear(&d->answer);
    if (json_to_mp(slice_of(json), &d->answer, error) != JSON_OK)
        check_fail(__FILE__, __LINE__, "%s: %s", json, error);
}

/* A request that has been sent. headers: each with its end of line. */
static inline struct guest desk_ask(struct desk *d, const char *method, const char *target,
                                    const char *headers)
{
    struct guest g = house_connect(&d->h);
    SCRATCH_BUF(text, 0);

    buf_add_fmt(&text, "%s %s HTTP/1.1\r\nHost: x\r\n%sConnection: close\r\n\r\n", method, target,
                headers);
    guest_send(&g, buf_slice(&text));
    return g;
}

/* The whole answer has come: its status, and the body from then on at the returned place. */
static inline const char *desk_hear(struct desk *d, struct guest *g, unsigned *ret_status)
{
    GUEST_IS_CLOSED(g);
    TURNS_UNTIL(&d->h.k.t, d->h.hl.n_conns == 0);
    buf_add_byte(&g->got, '\0');
    const char *text = (const char *)g->got.ptr, *body = strstr(text, "\r\n\r\n");
    CHECK(body != NULL);
    *ret_status = (unsigned)atoi(text + strlen("HTTP/1.1 "));
    return body + 4;
}

static inline void desk_check(struct desk *d, const char *target, const char *headers,
                              unsigned status, const char *piece)
{
    struct guest g = desk_ask(d, "GET", target, headers);
    unsigned got;
    const char *body = desk_hear(d, &g, &got);

    if (got != status || !strstr(body, piece))
        check_fail(__FILE__, __LINE__, "%s: %u %s", target, got, body);
    guest_leave(&g);
}
