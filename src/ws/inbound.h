/* inbound: bytes of a WebSocket connection to messages. */
#pragma once
#include <stddef.h>

struct ws_conn;
struct ws_partial;

/* Handles all of the bytes (unmasking them in place) unless the connection leaves OPEN on the way. */
void ws_inbound(struct ws_conn *ws, char *bytes, size_t n_bytes);
struct ws_partial *ws_partial_free(struct ws_partial *p);       /* takes NULL; returns NULL */
