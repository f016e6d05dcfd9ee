/* persisted_reply: the answer is built when the change is made and told when the change is
 * stored. */
#include "manager/persisted_reply.h"

#include <string.h>

#include "base/buf.h"
#include "base/memory.h"
#include "manager/reply.h"
#include "peer/workspace_lifecycle.h"
#include "peer/workspace_persistence.h"
#include "registry/registry.h"
#include "rpc/rpc.h"

struct kept {
    struct rpc_call *call;
    char *workspace; /* owned */
    struct held_buf answer;
};

void persisted_settle(struct rpc_call *call, int outcome, const char *workspace, struct buf *answer)
{
    if (outcome == WORKSPACE_PERSISTED) {
        reply_buf(call, answer);
        return;
    }
    buf_deinit(answer);
    if (outcome == WORKSPACE_GONE)
        rpc_reject(call, "KeyError", "Workspace not found: %s", workspace);
    else if (outcome == WORKSPACE_RECORDS_CLOSED)
        rpc_reject(call, "RuntimeError", "Server is shutting down");
    else if (outcome == WORKSPACE_NOT_PERSISTED)
        rpc_reject(call, "RuntimeError",
                   "Workspace %s could not be stored; its changes have been taken back", workspace);
    else
        rpc_reject(call, "RuntimeError",
                   "Workspace %s could not be stored; its changes hold until the server restarts",
                   workspace);
}

static void persisted_wait_for(struct hub *h, struct rpc_call *call, const struct workspace *w,
                               struct buf *answer, workspace_persisted_fn *then)
{
    struct kept *k = MEM_NEW(struct kept);

    *k = (struct kept){.call = call, .workspace = mem_copy(w->id, strlen(w->id))};
    held_buf_init(&k->answer, 0, rpc_call_payer(call));
    held_buf_set(&k->answer, buf_slice(answer));
    k->answer.b.is_failed = k->answer.b.is_failed || answer->is_failed;
    buf_deinit(answer);
    workspace_when_persisted(h, w, then, k);
}

static void persisted_finish(struct kept *k, int outcome)
{
    persisted_settle(k->call, outcome, k->workspace, &k->answer.b);
    mem_free(k->workspace);
    mem_free(k);
}

static void persisted_on_kept(int outcome, void *arg)
{
    persisted_finish(arg, outcome);
}

static void on_settled(int outcome, void *arg)
{
    persisted_finish(arg, outcome == WORKSPACE_RECORDS_CLOSED ? outcome : WORKSPACE_PERSISTED);
}

void persisted_reply(struct hub *h, struct rpc_call *call, const struct workspace *w,
                     struct buf *answer)
{
    if (w)
        persisted_wait_for(h, call, w, answer, persisted_on_kept);
    else
        reply_buf(call, answer);
}

void persisted_reply_anyway(struct hub *h, struct rpc_call *call, const struct workspace *w,
                            struct buf *answer)
{
    if (w)
        persisted_wait_for(h, call, w, answer, on_settled);
    else
        reply_buf(call, answer);
}
