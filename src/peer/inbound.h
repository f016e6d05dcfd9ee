/* inbound: what a logged-in peer sends: policy, then the router. (wire-protocol 2.3-2.6) */
#pragma once
#include "base/slice.h"

struct blob;
struct peer;
struct speaker_proof;

/* Each first asks whether that may act for the peer: SPEAKER_OK (and the peer may have ended), or why nothing was done.
 * shown: what came with it; NULL: it came over the peer's own socket. */
int peer_binary(struct peer *p, const struct speaker_proof *shown, struct slice frame, struct blob *blob);
int peer_control(struct peer *p, const struct speaker_proof *shown, struct slice type);     /* ping, refresh_token (wire-protocol 1.11) */
void peer_text(struct peer *p, struct slice text);          /* a control map as JSON, over its own socket */
