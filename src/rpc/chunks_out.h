/* chunks_out: a frame too large for one message, carried through the target's message_cache.
 * Private to rpc; loop-owned. */
#pragma once
#include "rpc/host.h"

struct upload_out;
struct upload_options {
    struct slice target;
    /* the target's session this frame answers or belongs to; empty: a random key */
    struct slice session;
    struct msg *frame;     /* taken over */
    struct account *payer; /* of the steps; takes its own reference */
    /* Exactly once unless abandoned; reply is NULL when the frame was processed. Never before
     * upload_out_new returns. */
    void (*ended)(void *arg, const struct rpc_reply *why);
    void (*progressed)(void *arg); /* the target answered a step */
    void *arg;
};
struct upload_out *upload_out_new(struct rpc_host *h, const struct upload_options *options);
/* no more callbacks; what has begun ends by itself; takes NULL */
void upload_out_abandon(struct upload_out *u);
