/* rpc_joined: the one look at a frame that travels in chunks. Whoever gets them joins them, reads a
 * routing map and a payload, and merges the payload's keys over what the hub vouches for; so the
 * joined bytes have to obey the rules of a frame that comes whole: a call, and no payload key but
 * those of calls (rpc_tail_check). They are looked at as they pass, piece by piece and in order,
 * and never kept.
 *
 *   | routing map: `type` once, "method"; `method`
 *   | payload: args, with_kwargs, promise, t, _enc, data
 *   | nothing |
 *
 * Pure; any thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/slice.h"

enum { RPC_JOINED_OK, RPC_JOINED_BAD, RPC_JOINED_FORBIDDEN };
enum { RPC_JOINED_TEXT = 1024 }; /* bytes a method may have */

struct rpc_joined {
    enum { JOINED_START, JOINED_MAP, JOINED_BETWEEN, JOINED_PAYLOAD, JOINED_END } at;
    uint64_t items;             /* of the map it is in: keys and values still to come */
    uint64_t owed;              /* values still to come inside the value it is in */
    uint64_t body;              /* bytes still to come of the scalar it is in */
    uint8_t head[9], n_head;    /* of a value whose head was cut */
    char text[RPC_JOINED_TEXT]; /* the beginning of a key, of the type, or of the method */
    uint16_t n_text;
    bool is_text; /* the scalar it is in is wanted in `text` */
    bool is_long; /* and does not fit */
    /* what the next value of the routing map is */
    enum { JOINED_ANY, JOINED_TYPE, JOINED_METHOD } value;
    bool has_type;
    /* the payload is no call's: its keys are any but those the hub vouches for */
    bool is_event;
};

void rpc_joined_init(struct rpc_joined *j);
/* For a frame that comes whole, but little by little: what is fed is what stands behind its routing
 * map, and the outcome is what rpc_tail_check says of it. */
void rpc_joined_init_tail(struct rpc_joined *j, bool is_method);
/* The next bytes. After anything but OK it is of no more use. */
MUST_CHECK int rpc_joined_feed(struct rpc_joined *j, struct slice bytes);
/* Whether what was fed is a whole frame. */
bool rpc_joined_is_whole(const struct rpc_joined *j);
