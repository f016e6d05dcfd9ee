/* leave: a connection that was admitted has ended: the hub hears of it. */
#pragma once
#include <stdint.h>

#include "base/slice.h"

struct hub;
struct loop;

/* Any loop. If its generation is still the current one: routing ends, registrations go,
 * client_disconnected is sent, an empty workspace is unloaded; else nothing (W-016). */
void leave_tell(struct hub *h, struct loop *from, struct slice full_id, uint64_t generation);
