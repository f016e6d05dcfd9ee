/* reject: made from what the forwarded frame itself carries: who asked, for whom and under which
 * session. Only calls are answered; a reply to a reply would start a storm. (W-040, W-041) */
#include "router/reject.h"

#include "base/buf.h"
#include "wire/ws_frame.h"
#include "wire/mp.h"
#include "wire/rpc_value.h"

bool router_can_reject(struct slice from, struct slice session)
{
    return slice_is_utf8(from) && slice_is_utf8(session);
}

struct msg *router_reject_frame(struct slice from, struct slice to, struct slice session,
                                struct slice text, struct account *account)
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
