/* liveness_check: is the client behind this connection still there? A WebSocket ping, answered by
 * every client library by itself; any frame counts as an answer. (W-013, W-014) */
#pragma once
#include <stdbool.h>

#include "loop/slots.h"

struct hub;
struct peer;

enum { LIVENESS_TIMEOUT_MS = 5000 };

/* Hub loop; done comes there too. A handle that names nobody is not alive. */
void liveness_check(struct hub *h, struct handle peer, void (*done)(bool is_alive, void *arg),
                    void *arg);
/* Peer's loop: something was heard from it, or it has ended. */
void liveness_settle(struct peer *p, bool is_alive);
