/* ws_inbound: bytes of a WebSocket connection to messages. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"

struct ws_conn;
struct ws_partial;

/* Handles the bytes, unmasking them in place, as far as the turn has time: one message at least.
 * Returns how many are done with: fewer than n_bytes only while the connection can still use the
 * others. */
MUST_CHECK size_t ws_inbound(struct ws_conn *ws, char *bytes, size_t n_bytes);
/* Whether what is under way comes too slowly: called every now and then; a window is counted from
 * the first call that has seen the message, or from the last time that it was not the peer who kept
 * it waiting (ws_partial_wait). */
MUST_CHECK bool ws_partial_is_slow(struct ws_conn *ws);
/* nothing can arrive: the next window begins later; takes NULL */
void ws_partial_wait(struct ws_partial *p);
size_t ws_partial_held(const struct ws_partial *p); /* what it has charged; takes NULL */
/* The connection has failed, or is being closed: what there is of the message is of no use; its
 * frames are read on. Takes NULL. */
void ws_partial_give_up(struct ws_partial *p);
struct ws_partial *ws_partial_free(struct ws_partial *p); /* takes NULL; returns NULL */
