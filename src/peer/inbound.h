/* inbound: what a logged-in peer sends: policy, then the router. (wire-protocol 2.3-2.6) */
#pragma once
#include "base/slice.h"

struct blob;
struct peer;

void peer_binary(struct peer *p, struct slice frame, struct blob *blob);
void peer_text(struct peer *p, struct slice text);          /* ping, refresh_token (wire-protocol 1.11) */
