/* slow: a receiver that holds others up. What is sent to it waits in its queue, its senders are
 * read no further, and at last they stand still. One that takes nothing for --slow-consumer-timeout
 * is slow. One that takes a little is slow where somebody stands still for it: when in that time
 * its queue was never empty, held messages of senders who have more to say, and it has taken less
 * than what sets such a sender free (--pressure-high less --pressure-low). However slow its line,
 * nobody is slow for whom nobody waits. Loop thread. */
#pragma once
#include "ws/ws_conn.h"

void ws_slow_begin(struct ws_conn *ws); /* counts from now on */
/* To be asked several times in the timeout while the queue is not empty. */
bool ws_is_slow(struct ws_conn *ws);
/* Its socket is full, and it has taken nothing for a quarter of the timeout. However much others
 * send at once, a receiver that reads is not to blame for it. */
bool ws_has_stalled(const struct ws_conn *ws);
