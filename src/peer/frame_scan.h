/* frame_scan: the look at what stands behind the routing map (rpc_tail_check), taken while a long
 * frame arrives, so that a turn looks at the bytes it has read and no more. Loop of the peer. */
#pragma once
#include "base/slice.h"
#include "wire/rpc_header.h"
#include "wire/rpc_joined.h"

/* A frame of fewer bytes is looked at when it is whole; so is one that is no longer than a routing
 * map may be. */
enum { FRAME_SCAN_FROM = 128 * 1024 };

struct frame_scan {
    size_t n_seen; /* bytes of the frame */
    int outcome;   /* so far */
    struct rpc_joined joined;
};

struct account;
/* NULL: the account has no room for it. held_free() frees it. */
MUST_CHECK NONNULL(1) struct frame_scan *frame_scan_new(struct account *account);
/* so_far: the frame from its beginning, all that is there of it. Nothing happens while that is less
 * than the routing map may take. */
void frame_scan_feed(struct frame_scan *s, struct slice so_far, const struct rpc_header_caps *caps);
/* As rpc_tail_check, of the frame that is whole now. */
int frame_scan_end(const struct frame_scan *s);
