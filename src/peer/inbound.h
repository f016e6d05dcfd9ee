/* inbound: what a logged-in peer sends: policy, then the router. */
#pragma once
#include "base/slice.h"

struct blob;
struct peer;
struct speaker_proof;

/* What is known of what stands behind the routing map: an outcome of rpc_tail_check, or: nothing
 * (of a frame so short that it may be looked at now), what peer_part() has seen, there was no room
 * to look. */
enum { PEER_TAIL_NEW = -1, PEER_TAIL_SCANNED = -2, PEER_TAIL_LOST = -3 };
struct peer_frame {
    struct slice bytes;
    struct blob *blob; /* what they lie in; NULL: they are copied */
    int tail;
};

/* Each first asks whether that may act for the peer: SPEAKER_OK (and the peer may have ended), or
 * why nothing was done. shown: what came with it; NULL: it came over the peer's own socket. */
int peer_binary(struct peer *p, const struct speaker_proof *shown, const struct peer_frame *f);
/* ping, refresh_token */
int peer_control(struct peer *p, const struct speaker_proof *shown, struct slice type);
/* A frame is on its way over the peer's own socket; so_far is what there is of it, from its
 * beginning. */
void peer_part(struct peer *p, struct slice so_far);
/* a control map as JSON, over its own socket */
void peer_text(struct peer *p, struct slice text);
