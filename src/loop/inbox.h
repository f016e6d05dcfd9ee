/* inbox: the lock-free list by which any thread hands mail to a loop. */
#pragma once
#include <stdbool.h>

#include "loop/loop.h"

/* Pushes a chain, oldest first. True when the inbox was empty: that push, and no other,
 * must ring the bell. Any thread. */
bool inbox_push(_Atomic(struct mail *) *inbox, struct mail *chain);
/* Takes everything, oldest first; NULL when empty. The owning loop's thread only. */
struct mail *inbox_drain(_Atomic(struct mail *) *inbox);
