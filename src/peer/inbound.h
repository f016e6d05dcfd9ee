/* inbound: what a logged-in peer sends: policy, then the router. (wire-protocol 2.3-2.6) */
#pragma once
#include "base/slice.h"

struct blob;
struct peer;

void peer_binary(struct peer *p, struct slice frame, struct blob *blob);
void peer_text(struct peer *p, struct slice text);          /* a control map as JSON */
void peer_control(struct peer *p, struct slice type);       /* ping, refresh_token (wire-protocol 1.11) */
