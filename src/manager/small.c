/* small: the methods that fit in a line or two. */
#include "base/log.h"
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
    if (!access_context(call, PERMISSION_READ_WRITE, &r)) {
        reply_refusal(call, &r);
        return;
    }
    /* What comes back is relayed: a bare reference in it would be read as one of the hub's
     * (wire-protocol 3.11). */
    buf_init(&b, 0);
    rpc_value_expand(call->args[0], call->workspace, &b);
    reply_buf(call, &b);
}

/* The message is the caller's: it is not written to the server's log, which holds no payloads. */
void do_log(struct rpc_call *call, void *arg)
{
    struct refusal r;

    (void)arg;
    if (!access_context(call, PERMISSION_READ_WRITE, &r)) {
        reply_refusal(call, &r);
        return;
    }
    LOG(LOG_DEBUG, "manager", "a client logs", log_slice("client", call->from_text),
        log_int("bytes", (int64_t)call->args[0].len));
    reply_nil(call);
}

/* Clients expect the whole table to be there (wire-protocol 3.16); what is not built yet says
 * so. */
void do_absent(struct rpc_call *call, void *arg)
{
    (void)arg;
    rpc_reject(call, "NotImplementedError", "%s is not available in this server yet",
               call->method->name);
}

/* Its own sentence in the original too: the search is an option there. */
void do_search_services(struct rpc_call *call, void *arg)
{
    (void)arg;
    rpc_reject(call, "RuntimeError", "Service search is not enabled.");
}
