/* bounce: the answer to a call whose target is gone, made from the forwarded frame itself: it carries who asked, for whom and
 * under which session. Only calls are answered; a reply to a reply would start a storm. (wire-protocol 2.6, W-040, W-041) */
#include <stdio.h>

#include "base/buf.h"
#include "base/memory.h"
#include "router/router.h"
#include "wire/frame.h"
#include "wire/mp.h"
#include "wire/rpc_header.h"
#include "wire/rpc_value.h"

static void build(const struct rpc_header *h, struct buf *out)
{
    char *text = mem_new(h->to.len + 64);
    char *method = mem_new(h->session.len + 8);
    struct slice reject = SLICE_LIT(".reject");

    memcpy(method, h->session.ptr, h->session.len);
    memcpy(method + h->session.len, reject.ptr, reject.len);
    mp_add_map(out, 5);
    mp_add_text(out, "type");
    mp_add_text(out, "method");
    mp_add_text(out, "from");
    mp_add_str(out, h->to);
    mp_add_text(out, "to");
    mp_add_str(out, h->from);
    mp_add_text(out, "method");
    mp_add_str(out, slice_make(method, h->session.len + reject.len));
    mp_add_text(out, "parent");
    mp_add_str(out, h->session);
    mp_add_map(out, 1);
    mp_add_text(out, "args");
    mp_add_array(out, 1);
    int n = snprintf(text, h->to.len + 64, "Target peer " SLICE_FMT " is not connected", SLICE_ARG(h->to));
    rpc_value_add_error(out, "", slice_make(text, (size_t)n));
    mem_free(text);
    mem_free(method);
}

void router_bounce(struct router *r, struct loop *self, struct msg *m)
{
    static const struct rpc_header_caps ours = {.max_bytes = UINT32_MAX, .max_depth = 64, .max_pairs = UINT32_MAX};
    struct rpc_header h;

    if (rpc_header_peek(msg_head_slice(m), &ours, &h) == RPC_HEADER_OK && h.session.ptr && h.from.ptr) {
        struct buf out;
        buf_init(&out, 0);
        build(&h, &out);
        struct msg *answer = out.is_failed ? NULL : msg_try_new(out.len, NULL);
        if (answer) {
            memcpy(msg_head(answer), out.ptr, out.len);
            ws_seal(answer);
            loop_count(self, METRIC_BOUNCED, 1);
            if (router_send(r, self, h.from, answer) != ROUTER_OK)
                msg_unref(answer);
        }
        buf_deinit(&out);
    }
    msg_unref(m);
}
