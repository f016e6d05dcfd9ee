/* persisted_reply: answers that wait for the store, so that what was acknowledged survives a crash.
 * Hub loop. */
#pragma once

struct buf;
struct hub;
struct rpc_call;
struct workspace;

/* Settles the call when every change of w made so far is stored: with the value in *answer, which
 * it empties (no value: nil). When the store refuses, the workspace is what it was before, and the
 * call fails with RuntimeError. w may be NULL: answers at once. */
void persisted_reply(struct hub *h, struct rpc_call *call, const struct workspace *w,
                     struct buf *answer);
/* The same for a call whose work is done already, whatever the store says of w. */
void persisted_reply_anyway(struct hub *h, struct rpc_call *call, const struct workspace *w,
                            struct buf *answer);
/* Settles the call as persisted_reply does when an outcome of workspace_persistence.h is known. */
void persisted_settle(struct rpc_call *call, int outcome, const char *workspace,
                      struct buf *answer);
