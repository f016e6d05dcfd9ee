/* chunks_in: the message_cache of a host: frames that arrive in chunks. A key belongs to the client
 * that made it; every client has caps on keys and bytes, its account pays from the first byte on;
 * an upload nobody continues is dropped after a while. Private to rpc; loop-owned. */
#pragma once
#include "rpc/host.h"

enum chunks_outcome {
    CHUNKS_OK,
    CHUNKS_NO_KEY, /* no such key of this client */
    CHUNKS_KEY_EXISTS,
    CHUNKS_FULL,      /* a cap on keys or bytes */
    CHUNKS_NO_ROOM,   /* the caller's account refused */
    CHUNKS_BAD_INDEX, /* negative, or past the cap */
    CHUNKS_HOLES,     /* indexes are not contiguous, or there is none */
    CHUNKS_NO_CALLER, /* who asked has left */
};
MUST_CHECK enum chunks_outcome chunks_create(const struct rpc_call *call, struct slice key,
                                             bool overwrite);
MUST_CHECK enum chunks_outcome chunks_append(const struct rpc_call *call, struct slice key,
                                             struct slice data);
MUST_CHECK enum chunks_outcome chunks_set(const struct rpc_call *call, struct slice key,
                                          int64_t index, struct slice data);
MUST_CHECK enum chunks_outcome chunks_remove(const struct rpc_call *call, struct slice key);
/* A whole upload, out of everybody's reach; its bytes count for the client until the call ends.
 * chunks_drop frees it. */
struct upload_in;
MUST_CHECK enum chunks_outcome chunks_take(struct rpc_call *call, struct slice key,
                                           struct upload_in **ret);
size_t chunks_bytes(const struct upload_in *u);
/* borrowed; any thread may charge it */
struct account *chunks_payer(const struct upload_in *u);
/* a loop has the time to copy and free them in one turn */
bool chunks_are_short(const struct upload_in *u);
void chunks_copy(const struct upload_in *u, char *to); /* all of its bytes; any thread */
void chunks_drop(struct upload_in *u);                 /* at once; any thread */
/* some in each turn; on the loop of its host */
void chunks_drop_later(struct upload_in *u);
void chunks_free_ended(struct deferred *d); /* rl->ended */
void chunks_free_all_ended(struct rpc_loop *rl);
void chunks_gone(struct remote *r); /* the client left */
void chunks_close(struct rpc_host *h);
