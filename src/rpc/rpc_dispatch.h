/* rpc_dispatch: a delivered frame taken apart once, and handed to the service or the session it
 * names. Private to rpc; loop-owned. */
#pragma once
#include "rpc/host.h"

struct upload_in;

/* Slices live as long as msg, except identity, which lives as long as the frame or call it was
 * taken from. */
struct incoming {
    struct msg *msg;       /* borrowed; who keeps a slice takes a reference */
    struct slice from, ws; /* identity, as the router stamped it */
    struct slice user_map; /* the same; empty when user is set */
    struct user *user;     /* borrowed, or NULL: read user_map */
    struct slice method, session;
    struct slice args; /* encoded array, or empty */
    /* the first of them, or empty; of an answer the value, also where args is empty */
    struct slice first;
    size_t n_values; /* in all of segment 2 */
    bool with_kwargs;
    struct rpc_promise promise;
    size_t n_held; /* bytes of the sender's upload this frame was made of */
};

void dispatch_msg(struct rpc_host *h, struct msg *m); /* takes over the reference */
/* A frame that arrived in chunks, whole in the message's tail: it speaks as the call that completed
 * it, which is answered and ended. */
void dispatch_unpacked(struct rpc_call *completed_by, struct upload_in *u);
void dispatch_run(struct rpc_host *h, const struct incoming *in);
