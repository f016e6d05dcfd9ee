/* workspace_clients: who is connected to a workspace, and whether somebody answers. */
#include "base/memory.h"
#include "manager/caller_access.h"
#include "manager/client_request.h"
#include "manager/reply.h"
#include "manager/manager_internal.h"
#include "manager/service_info.h"
#include "manager/service_projection.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "wire/mp.h"

/* ---- list_clients ---- */

static void add_client(struct mp_open *list, const struct client *c, bool with_scope)
{
    struct buf *b = list->buf;

    mp_item(list);
    mp_add_map(b, 2);
    mp_add_text(b, "id");
    mp_add_text(b, c->full_id);
    mp_add_text(b, "user");
    user_map_add(b, service_info_creator(slice_make(c->built_in->info, c->built_in->info_len)),
                 with_scope);
}

void do_list_clients(struct rpc_call *call, void *arg)
{
    struct manager *m = arg;
    struct refusal r;
    struct mp_open list;
    struct buf b;
    const struct workspace *w =
        access_target(m->hub, call, call_text(call, 0), OPERATION_LIST_CLIENTS, &r);

    if (!w) {
        reply_refusal(call, &r);
        return;
    }
    buf_init(&b, 0);
    mp_open_array(&list, &b);
    LIST_FOREACH (it, &w->clients) {
        const struct client *c = LIST_ENTRY(it, struct client, link);
        if (c->built_in)
            add_client(&list, c, access_is_admin(call, w));
    }
    mp_close(&list);
    reply_buf(call, &b);
}

/* ---- ping: a failure is an answer, not an error ---- */

static const double PING_TIMEOUT_S = 5, PING_TIMEOUT_MOST_S = 600;

struct ping {
    struct rpc_call *call;
    struct held_buf address;
};

static void reply_failed(struct rpc_call *call, struct slice address, struct slice reason)
{
    SCRATCH_BUF(text, 0);

    buf_add_text(&text, "Failed to ping client ");
    /* of what is none, as much as one may be long */
    buf_add_slice(&text, slice_utf8_prefix(address, ADDRESS_MAX));
    buf_add_text(&text, ": ");
    buf_add_slice(&text, reason);
    reply_text(call, buf_slice(&text));
}

static void clients_on_pong(const struct rpc_reply *reply, void *arg)
{
    struct ping *p = arg;
    struct slice said = {NULL, 0};

    if (reply->outcome == RPC_RESOLVED && mp_get_str(reply->value, &said) &&
        slice_is(said, "pong")) {
        reply_text(p->call, said);
    } else {
        (void)mp_find_str(reply->value, "_rvalue", &said);
        if (reply->outcome == RPC_GONE)
            said = reply->text;
        else if (reply->outcome != RPC_REJECTED)
            said = (struct slice){NULL, 0};
        reply_failed(p->call, buf_slice(&p->address.b), said);
    }
    held_buf_deinit(&p->address);
    mem_free(p);
}

static void ping_client(struct manager *m, struct rpc_call *call, struct slice address,
                        double timeout_s)
{
    static const char args[] = "\x91\xa4"
                               "ping";
    struct ping *p = MEM_NEW(struct ping);

    p->call = call;
    held_buf_init(&p->address, 0, rpc_call_payer(call));
    buf_add_slice(&p->address.b, address);
    struct rpc_request request = {.target = buf_slice(&p->address.b),
                                  .method = SLICE_LIT("services.built-in.ping"),
                                  .args = slice_make(args, sizeof(args) - 1),
                                  .promise = RPC_PROMISE_FULL,
                                  .deadline_ms = (uint64_t)(timeout_s * 1000) + 1};
    if (!client_request_send(m, call, &request, clients_on_pong, p)) {
        client_request_reject(call);
        held_buf_deinit(&p->address);
        mem_free(p);
    }
}

static double ping_timeout(const struct rpc_call *call)
{
    double s = PING_TIMEOUT_S;

    if (call_has(call, 1))
        (void)mp_get_num(call->args[1], &s);
    return s > 0 ? (s < PING_TIMEOUT_MOST_S ? s : PING_TIMEOUT_MOST_S) : 0;
}

/* The decision's words without the rule: it is an answer here, not a refusal. */
static void reply_denied(struct rpc_call *call, struct slice address, struct slice workspace)
{
    struct refusal r;

    (void)refuse(&r, "PermissionError", "Permission denied for workspace " SLICE_FMT,
                 SLICE_ARG(workspace));
    reply_failed(call, address, slice_of(r.text));
}

void do_ping(struct rpc_call *call, void *arg)
{
    struct manager *m = arg;
    struct slice id = call_text(call, 0);
    struct access_question q = access_question_of(call, OPERATION_PING);
    struct address target;
    SCRATCH_BUF(full, 0);

    if (!slice_has_byte(id, '/'))
        buf_add_fmt(&full, SLICE_FMT "/", SLICE_ARG(call->workspace));
    buf_add_slice(&full, id);
    bool is_address = address_split(buf_slice(&full), &target);
    if (is_address)
        q.target = target.workspace;
    if (!is_address)
        reply_failed(call, id, SLICE_LIT("Invalid client id"));
    else if (!access_decide(&q).is_allowed)
        reply_denied(call, buf_slice(&full), target.workspace);
    else
        ping_client(m, call, buf_slice(&full), ping_timeout(call));
}
