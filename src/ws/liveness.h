/* liveness: finds peers that vanished without a word and peers that do not read. (wire-protocol 1.12, 2.10) */
#pragma once
#include "ws/conn.h"

void ws_liveness_start(struct ws_conn *ws);
/* While CLOSING the same timer is the patience we have for the peer's close frame. */
void ws_liveness_await_close(struct ws_conn *ws);
