/* bounce: the answer to a call whose target is gone, made from the forwarded frame itself: it carries who asked, for whom and
 * under which session. Only calls are answered; a reply to a reply would start a storm. (wire-protocol 2.6, W-040, W-041) */
#include "base/buf.h"
#include "router/router.h"
#include "wire/frame.h"
#include "wire/mp.h"
#include "wire/rpc_header.h"
#include "wire/rpc_value.h"

bool router_can_reject(struct slice from, struct slice session)
{
    return slice_is_utf8(from) && slice_is_utf8(session);
}

struct msg *router_reject_frame(struct slice from, struct slice to, struct slice session, struct slice text,
                                struct account *account)
{
    SCRATCH_BUF(out, 0);
    SCRATCH_BUF(method, 0);
    struct msg *m = NULL;

    ASSERT(router_can_reject(from, session));
    buf_add_slice(&method, session);
    buf_add_text(&method, ".reject");
    mp_add_map(&out, 5);
    mp_add_text(&out, "type");
    mp_add_text(&out, "method");
    mp_add_text(&out, "from");
    mp_add_str(&out, from);
    mp_add_text(&out, "to");
    mp_add_str(&out, to);
    mp_add_text(&out, "method");
    mp_add_str(&out, buf_slice(&method));
    mp_add_text(&out, "parent");
    mp_add_str(&out, session);
    mp_add_map(&out, 1);
    mp_add_text(&out, "args");
    mp_add_array(&out, 1);
    rpc_value_add_error(&out, "", text);
    if (!out.is_failed && !method.is_failed)
        m = msg_try_new(out.len, account);
    if (m) {
        memcpy(msg_head(m), out.ptr, out.len);
        ws_seal(m);
    }
    return m;
}

static const struct rpc_header_caps ours = {.max_bytes = UINT32_MAX, .max_depth = 64, .max_pairs = UINT32_MAX};

void router_refuse(struct router *r, struct loop *self, struct msg *m, struct slice text)
{
    struct rpc_header h;

    if (rpc_header_peek(msg_head_slice(m), &ours, &h) == RPC_HEADER_OK && h.session.ptr && h.from.ptr &&
        router_can_reject(h.to, h.session)) {
        struct msg *answer = router_reject_frame(h.to, h.from, h.session, text, account_shared(m->account));
        if (!answer)
            router_overdrawn(r, self, h.from, router_reject_frame(h.to, h.from, h.session, text, self->own));
        else if (router_send(r, self, h.from, answer) != ROUTER_OK)
            msg_unref(answer);
    }
    msg_unref(m);
}

void router_bounce(struct router *r, struct loop *self, struct msg *m)
{
    struct rpc_header h;
    SCRATCH_BUF(text, 0);

    if (rpc_header_peek(msg_head_slice(m), &ours, &h) != RPC_HEADER_OK || !h.session.ptr) {
        msg_unref(m);
        return;
    }
    buf_add_fmt(&text, "Target peer " SLICE_FMT " is not connected", SLICE_ARG(h.to));
    loop_count(self, METRIC_BOUNCED, 1);
    router_refuse(r, self, m, buf_slice(&text));
}
