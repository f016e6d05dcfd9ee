/* inbound: bytes of a WebSocket connection to messages. */
#pragma once
#include <stddef.h>

#include "base/assert.h"

struct ws_conn;
struct ws_partial;

/* Handles the bytes, unmasking them in place, as far as the turn has time: one message at least. Returns how many are done with: fewer
 * than n_bytes only while the connection can still use the others. */
MUST_CHECK size_t ws_inbound(struct ws_conn *ws, char *bytes, size_t n_bytes);
size_t ws_partial_held(const struct ws_partial *p);     /* what it has charged; takes NULL */
struct ws_partial *ws_partial_free(struct ws_partial *p);       /* takes NULL; returns NULL */
