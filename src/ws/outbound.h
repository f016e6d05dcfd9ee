/* outbound: what the connection itself writes: control frames and the ways it can end. */
#pragma once
#include "ws/ws_conn.h"

void ws_send_pong(struct ws_conn *ws, struct slice payload);
/* Ends for a reason of ours: close frame with code, owner told why. */
void ws_fail(struct ws_conn *ws, unsigned code, const char *reason, enum ws_end why);
/* Its account has just refused what it sends: 1013, with the limit that stands in the way. */
void ws_fail_for_room(struct ws_conn *ws);
/* The peer's close frame arrived: answers it when we have not begun, tells the owner, finishes. */
void ws_peer_closed(struct ws_conn *ws, struct slice payload);
void ws_tell_end(struct ws_conn *ws, enum ws_end why); /* the owner hears it once */
/* reads, unless the owner has paused an open connection or what was read waits (conn.c) */
void ws_read_on(struct ws_conn *ws);
