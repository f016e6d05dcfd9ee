/* dispatch: what a frame is for. `services.*` are calls; anything else names a session of ours, which only the client that
 * was called may touch. Who speaks is read from what the router stamped and from nowhere else: segment 2 is never merged over
 * segment 1, so its keys cannot override anything. A frame that arrived in chunks speaks for whoever completed it. */
#include "rpc/dispatch.h"

#include "base/memory.h"
#include "rpc/call.h"
#include "rpc/pending.h"
#include "wire/mp.h"
#include "wire/rpc_header.h"

/* The router has applied the configured caps; frames of the hub's own hosts and chunked ones know only these. */
static const struct rpc_header_caps generous = {.max_bytes = UINT32_MAX, .max_depth = MP_MAX_DEPTH, .max_pairs = UINT32_MAX};

static bool read_payload(struct slice bytes, struct incoming *ret)
{
    struct slice payload, args;

    ret->args = (struct slice){NULL, 0};
    ret->with_kwargs = false;
    ret->promise = (struct rpc_promise){.is_present = false};
    if (!bytes.len)
        return true;
    if (mp_take(&bytes, MP_MAX_DEPTH, &payload) != MP_OK || !mp_is(payload, MP_MAP))
        return false;
    if (mp_find(payload, "args", &args) && mp_is(args, MP_ARRAY))
        ret->args = args;
    (void)mp_find_bool(payload, "with_kwargs", &ret->with_kwargs);
    rpc_promise_read(payload, &ret->promise);
    return true;
}

static bool read_frame(struct msg *m, struct rpc_header *ret_header, struct incoming *ret)
{
    struct slice head = msg_head_slice(m);
    int r = rpc_header_peek(head, &generous, ret_header);

    if ((r != RPC_HEADER_OK && r != RPC_HEADER_NO_TO) || !slice_is(ret_header->type, "method") || !ret_header->method.len)
        return false;
    if (ret_header->tail.len && m->tail.len)
        return false;
    *ret = (struct incoming){.msg = m, .method = ret_header->method, .session = ret_header->session};
    if (!read_payload(m->tail.len ? m->tail : ret_header->tail, ret))
        return false;
    if (ret->promise.is_compact && !ret->session.len)
        ret->promise.is_present = false;        /* a promise without a path to answer on */
    return true;
}

bool dispatch_read_unpacked(struct msg *m, const struct rpc_call *completed_by, struct incoming *ret)
{
    struct rpc_header header;

    if (!read_frame(m, &header, ret))
        return false;
    ret->from = completed_by->from_text;
    ret->ws = completed_by->workspace;
    ret->user = completed_by->user;
    return true;
}

static void run_session(struct rpc_host *h, const struct incoming *in, struct slice id, struct slice rest)
{
    struct pending *p = pending_find(h, id);

    if (!p) {
        call_refuse(h, in, "Session not found: " SLICE_FMT ":" SLICE_FMT, SLICE_ARG(in->from), SLICE_ARG(in->method));
    } else if (!slice_eq(p->target, in->from)) {
        call_refuse(h, in, "Access denied for method call (" SLICE_FMT ") from " SLICE_FMT " to target " SLICE_FMT,
                    SLICE_ARG(in->method), SLICE_ARG(in->from), SLICE_ARG(p->target));
    } else if (slice_is(rest, "heartbeat")) {
        pending_touch(p);
    } else if (slice_is(rest, "resolve") || slice_is(rest, "reject")) {
        struct slice value = {NULL, 0};
        (void)mp_at(in->args, 0, &value);
        pending_settle(p, slice_is(rest, "resolve"), value);
    } else {
        call_start_callback(h, in, p->callbacks, rest);
    }
}

void dispatch_run(struct rpc_host *h, const struct incoming *in)
{
    struct slice first, rest;

    if (!slice_cut(in->method, '.', &first, &rest))
        call_refuse(h, in, "Method not found: " SLICE_FMT ":" SLICE_FMT " at " SLICE_FMT, SLICE_ARG(in->from),
                    SLICE_ARG(in->method), SLICE_ARG(h->parts.client));
    else if (slice_is(first, "services"))
        call_start(h, in, rest);
    else
        run_session(h, in, first, rest);
}

void dispatch_msg(struct rpc_host *h, struct msg *m)
{
    struct rpc_header header;
    struct incoming in;

    if (read_frame(m, &header, &in)) {
        in.from = header.from;
        (void)mp_find_str(header.map, "ws", &in.ws);
        (void)mp_find(header.map, "user", &in.user_map);
        dispatch_run(h, &in);
    } else if (!slice_is(header.type, "method")) {
        /* Events are nothing to a host: it subscribes to none, but anybody may address one to it. */
    } else {
        loop_count(host_loop(h), METRIC_FRAMES_MALFORMED, 1);
    }
    msg_unref(m);
}
