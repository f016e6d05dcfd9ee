/* rpc_answer: what a callee sends back. Private to rpc; loop-owned. What cannot be delivered is
 * dropped. */
#pragma once
#include "rpc/host.h"

struct answer_route {
    struct slice to;                   /* the caller */
    const struct rpc_promise *promise; /* present */
    struct slice parent;               /* the caller's session */
    struct account *payer;             /* the caller's: any thread may charge it; borrowed */
};

/* value: len 0 is nil. blob: where a long one lies, so that it is not copied; NULL: it is copied.
 * Borrowed. */
void answer_send(struct rpc_host *h, const struct answer_route *r, bool is_result,
                 struct slice value, struct blob *blob);
void answer_error(struct rpc_host *h, const struct answer_route *r, const char *class_name,
                  struct slice text);
void answer_beat(struct rpc_host *h, const struct answer_route *r);
