/* liveness: finds peers that vanished without a word, that do not read, and that do not end a
 * message. */
#pragma once
#include "ws/ws_conn.h"

struct config;

/* Over how long a message must come at --min-body-rate (without one: a byte in that time). */
uint64_t ws_rate_window_ms(const struct config *config);
void ws_liveness_start(struct ws_conn *ws);
/* Its socket is full: from now on it is looked at often, until its queue is empty. */
void ws_liveness_watch(struct ws_conn *ws);
/* While CLOSING the same timer is the timeout for the peer's close frame. */
void ws_liveness_await_close(struct ws_conn *ws);
