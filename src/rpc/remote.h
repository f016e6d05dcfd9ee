/* remote: one client as the hosts of a loop see it: what it asked of them, what they wait for from
 * it, what it left half uploaded. It exists while there is any of these, so that its leaving is one
 * lookup and its greed has one meter. Private to rpc; loop-owned. */
#pragma once
#include "base/list.h"
#include "base/slice.h"

struct rpc_loop;

struct remote {
    struct rpc_loop *rl;  /* const after init */
    struct slice address; /* const after init; in text */
    /* loop only */
    struct list calls;   /* struct call: it waits for our answer */
    struct list waits;   /* struct pending: we wait for its answer */
    struct list uploads; /* struct upload_in: its message_cache here */
    size_t n_calls;
    size_t n_uploads;
    /* of its uploads, and of the calls made of them until they are settled */
    size_t n_bytes;
    char text[];
};

/* NULL when nothing is open with it */
struct remote *remote_find(struct rpc_loop *rl, struct slice address);
/* makes it; follow with remote_drop */
struct remote *remote_get(struct rpc_loop *rl, struct slice address);
/* frees it when nothing is left; takes NULL */
void remote_drop(struct remote *r);
