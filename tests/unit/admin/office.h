/* office: the administrator's service as it is, with the hub behind it, and callers that are hosts
 * of their own: what they say and hear is JSON. */
#pragma once
#include "admin/admin_internal.h"
#include "manager/built_in_service.h"
#include "manager/manager_internal.h"
#include "rpc/rpc.h"
#include "unit/peer/peer_kit.h"
#include "wire/ip.h"
#include "wire/json.h"
#include "wire/mp.h"

struct office {
    struct kit k;
    struct rpc_settings settings;
    struct rpc_loop *rl;
    struct admin admin;
    struct manager manager; /* as much of it as walks over all clients need */
    struct rpc_service service;
    struct rpc_host *host, *boss, *other;
    struct buf answer; /* the last: JSON, or the text of an error */
    bool is_answered, is_error;
};

static inline struct rpc_host *office_host(struct office *o, const char *address, struct user *u)
{
    struct rpc_host *h =
        rpc_host_open(o->rl, &(struct rpc_host_options){.address = slice_of(address),
                                                        .user = u,
                                                        .workspace = SLICE_LIT("ws-user-root"),
                                                        .account = o->k.hub.process});

    CHECK(h != NULL);
    user_unref(u);
    return h;
}

static inline void office_init(struct office *o)
{
    memset(o, 0, sizeof(*o));
    kit_init(&o->k, 1);
    o->k.t.config.max_blocks = 4;
    o->settings = (struct rpc_settings){.base_url = "http://public",
                                        .max_pending = 100,
                                        .max_message_bytes = 1 << 20,
                                        .call_timeout_ms = 60000};
    o->rl = rpc_loop_new(o->k.t.loop, o->k.hub.router, &o->settings);
    o->admin.hub = &o->k.hub;
    o->manager.hub = &o->k.hub;
    list_init(&o->manager.works);
    o->admin.manager = &o->manager;
    list_init(&o->admin.waits);
    o->service = (struct rpc_service){.id = admin_service.id,
                                      .name = admin_service.name,
                                      .description = "",
                                      .type = admin_service.type,
                                      .methods = admin_service.methods,
                                      .n_methods = admin_service.n_methods,
                                      .arg = &o->admin,
                                      .admit = admin_service.admit};
    o->host = office_host(o, "ws-user-root/srv", user_new_root("ws-user-root"));
    rpc_host_add(o->host, &o->service);
    o->boss = office_host(o, "ws-user-root/boss", user_new_root("ws-user-root"));
    o->other = office_host(o, "ws-user-root/other", kit_user("bob", "ws:ws-user-root#rw"));
}

static inline void office_deinit(struct office *o)
{
    rpc_host_close(o->boss);
    rpc_host_close(o->other);
    rpc_host_close(o->host);
    turns_run(&o->k.t);
    rpc_loop_free(o->rl);
    kit_deinit(&o->k);
    buf_deinit(&o->answer);
}

static inline void office_on_done(const struct rpc_reply *reply, void *arg)
{
    struct office *o = arg;
    struct slice text;

    o->is_answered = true;
    o->is_error = reply->outcome != RPC_RESOLVED;
    buf_clear(&o->answer);
    if (reply->outcome == RPC_REJECTED && mp_find_str(reply->value, "_rvalue", &text))
        buf_add_slice(&o->answer, text);
    else if (o->is_error)
        buf_add_slice(&o->answer, reply->text);
    else if (reply->value.len)
        CHECK_INT(json_from_mp(reply->value, &o->answer), JSON_OK);
}

/* What a call is answered with. args: a JSON array. */
static inline struct slice office_ask(struct office *o, struct rpc_host *from, const char *method,
                                      const char *args)
{
    char path[100], error[JSON_ERROR_MAX];
    SCRATCH_BUF(encoded, 0);

    snprintf(path, sizeof(path), "services.admin-utils.%s", method);
    CHECK_INT(json_to_mp(slice_of(args), &encoded, error), JSON_OK);
    o->is_answered = false;
    (void)rpc_request(from,
                      &(struct rpc_request){.target = SLICE_LIT("ws-user-root/srv"),
                                            .method = slice_of(path),
                                            .args = buf_slice(&encoded),
                                            .promise = RPC_PROMISE_COMPACT},
                      office_on_done, o);
    TURNS_UNTIL(&o->k.t, o->is_answered);
    return buf_slice(&o->answer);
}

static inline void office_check(struct office *o, const char *method, const char *args,
                                const char *answer)
{
    struct slice got = office_ask(o, o->boss, method, args);

    if (!slice_is(got, answer))
        check_fail(__FILE__, __LINE__, "%s %s: " SLICE_FMT " and not %s", method, args,
                   SLICE_ARG(got), answer);
}

/* Whether a piece is in what a call is answered with. */
static inline void office_has(struct office *o, const char *method, const char *args,
                              const char *piece)
{
    struct slice got = office_ask(o, o->boss, method, args);

    if (!got.len || !memmem(got.ptr, got.len, piece, strlen(piece)))
        check_fail(__FILE__, __LINE__, "%s %s: " SLICE_FMT " has no %s", method, args,
                   SLICE_ARG(got), piece);
}

/* A client that is connected; its connection is nobody's. */
static inline struct client *office_client(struct office *o, const char *workspace, const char *id,
                                           struct user *u, const char *address)
{
    struct workspace *w = workspace_find(&o->k.hub.registry, slice_of(workspace));
    struct in6_addr ip = {0};

    w = w ? w : kit_workspace(&o->k, workspace, u->id);
    CHECK(!address || ip_parse(address, &ip));
    struct account *seat = hub_seat_take(&o->k.hub, w, u, &ip);
    struct client *c =
        client_add(&o->k.hub.registry, w, slice_of(id), u, (struct handle){0}, false);
    client_pay(c, seat);
    account_unref(seat);
    hub_client_join(&o->k.hub, c);
    c->origin.address = ip;
    hub_address_take(&o->k.hub, &ip);
    user_unref(u);
    return c;
}
