/* chunks_in: the message_cache of a host: frames that arrive in chunks. A key belongs to the client that made it; every client
 * has caps on keys and bytes, its account pays from the first byte on; an upload nobody continues is dropped after a while. Private to rpc; loop-owned.
 * (wire-protocol 2.9, W-046, W-047, W-079) */
#pragma once
#include "rpc/host.h"

enum {
    CHUNKS_OK,
    CHUNKS_NO_KEY,          /* no such key of this client */
    CHUNKS_KEY_EXISTS,
    CHUNKS_FULL,            /* a cap on keys or bytes, or the account refused */
    CHUNKS_BAD_INDEX,       /* negative, or past the cap */
    CHUNKS_HOLES,           /* indexes are not contiguous, or there is none */
};
MUST_CHECK int chunks_create(const struct rpc_call *call, struct slice key, bool overwrite);
MUST_CHECK int chunks_append(const struct rpc_call *call, struct slice key, struct slice data);
MUST_CHECK int chunks_set(const struct rpc_call *call, struct slice key, int64_t index, struct slice data);
MUST_CHECK int chunks_remove(const struct rpc_call *call, struct slice key);
/* Joins and forgets the upload. The msg is the caller's; a call made of it counts its bytes for the client until it settles. */
MUST_CHECK int chunks_join(const struct rpc_call *call, struct slice key, struct msg **ret_msg);
void chunks_gone(struct remote *r);             /* the client left */
void chunks_close(struct rpc_host *h);
