/* small: the methods that fit in a line or two. */
#include "manager/access.h"
#include "manager/reply.h"
#include "manager/room.h"
#include "wire/mp.h"
#include "wire/rpc_value.h"

void do_echo(struct rpc_call *call, void *arg)
{
    struct refusal r;
    struct buf b;

    (void)arg;
    if (!access_allows(call, OPERATION_ECHO, &r)) {
        reply_refusal(call, &r);
        return;
    }
    /* What comes back is relayed: a bare reference in it would be read as one of the hub's
     * (wire-protocol 3.11). */
    buf_init(&b, 0);
    rpc_value_expand(call->args[0], call->workspace, &b);
    reply_buf(call, &b);
}
