/* rpc_header: the routing map of a frame (segment 1), the only part the hub reads on the hot path.
 *
 *   | map header | type | from | to | method | session ... |   segment 2 (payload), of which
 *   ^ frame                                                ^ map_len  only top-level keys are read
 *
 * Pure; any thread. This is our own code because the program exists for it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "base/slice.h"

enum { RPC_HEADER_MAX_PAIRS = 1024 }; /* above it no cap is heard */

struct rpc_header_caps {
    /* options --rpc-max-header, --rpc-max-depth, --rpc-max-pairs */
    uint32_t max_bytes, max_depth, max_pairs;
};

enum {
    RPC_HEADER_OK,
    /* Empty, not MessagePack, truncated, not a map; or `to`, `type`, `method`, `session` or
     * `parent` neither text nor nil. */
    RPC_HEADER_BAD,
    RPC_HEADER_NO_TO,
    RPC_HEADER_BAD_KEY,   /* a key that is not a text */
    RPC_HEADER_DUPLICATE, /* a key occurs twice */
    RPC_HEADER_TOO_BIG,   /* past a cap on bytes, pairs or depth */
};

struct rpc_span {
    uint32_t at, len;
};

struct rpc_header {
    struct slice map;  /* all of segment 1, borrowed from the frame */
    struct slice tail; /* everything behind it */
    /* Texts; ptr NULL when absent or nil. `from` is only a claim, may be of any kind on the wire,
     * and is set for a text. */
    struct slice to, type, method, session, parent, from;
    uint32_t n_pairs;
    /* pairs the hub replaces or removes: to, from, ws, user, ctx */
    uint32_t n_dropped;
    struct rpc_span dropped[5]; /* where they are in map, ascending, key and value */
};

/* Reads segment 1 iteratively. On an outcome other than OK, ret holds what was readable (session
 * may be set, so that a malformed call can still be answered: `to` of a wrong kind with a text
 * `session`). */
MUST_CHECK int rpc_header_peek(struct slice frame, const struct rpc_header_caps *caps,
                               struct rpc_header *ret);

/* What the hub writes into every frame of one sender: the encoded pairs ws, from, user, ready to be
 * copied. */
struct rpc_sender_header {
    struct slice pairs; /* n_pairs keys and values, encoded */
    uint32_t n_pairs;
};

/* Builds the forwarded frame: the client's pairs without the dropped ones, then `to`, then the
 * sender header. The head of the msg is the new map; the tail is copied behind it when copy_tail
 * (small frames), else the caller sets it with msg_set_tail(). NULL: memory exhausted or the
 * account refused. */
MUST_CHECK NONNULL(5) struct msg *rpc_header_splice(const struct rpc_header *h, struct slice to,
                                                    const struct rpc_sender_header *sender_header,
                                                    bool copy_tail, struct account *account);

enum {
    RPC_TAIL_OK,
    RPC_TAIL_BAD, /* not one whole map, or bytes behind it */
    /* A key that would override what the hub vouches for (W-033). */
    RPC_TAIL_FORBIDDEN,
};
/* is_method: only args, with_kwargs, promise, t, _enc, data are allowed; else only the nine keys of
 * the routing map are refused. An empty tail is OK. */
MUST_CHECK int rpc_tail_check(struct slice tail, bool is_method);
/* Whether a path leads into a function that was handed out. Clients walk a path into the objects of
 * a session by attribute, so that the callee of a pending call could go on from a function to its
 * module and run what it likes there (`<session>.resolve.__globals__.os.system`,
 * `<session>.resolve.constructor`). */
bool rpc_method_reaches_inside(struct slice path);
/* One of the keys the payload of a call may have. */
bool rpc_tail_is_payload_key(struct slice k);
/* One of the nine keys of a routing map, which a payload may not have. */
bool rpc_header_is_routing_key(struct slice k);
