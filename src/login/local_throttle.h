/* local_throttle: wrong passwords by e-mail, whether or not an account has it. Ten within a quarter
 * of an hour, and the address is refused until that quarter is over. Pure; time is handed in
 * (monotonic milliseconds). Owner's thread only. (D-24) */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "base/slice.h"

enum {
    THROTTLE_FAILURES = 10,
    THROTTLE_WINDOW_MS = 15 * 60 * 1000,
    /* beyond: of the oldest that with the fewest failures is forgotten */
    THROTTLE_ADDRESSES = 100000,
};

struct throttle {
    struct map by_email;
    struct list by_age;
};

void throttle_init(struct throttle *t);
void throttle_deinit(struct throttle *t);
/* Counts a try as failed before it is made, so that many at once get no more than one after
 * another. False: refused, nothing is counted. */
MUST_CHECK bool throttle_try(struct throttle *t, struct slice email, uint64_t now_ms);
/* The password was right, or has been replaced: the address starts afresh. */
void throttle_clear(struct throttle *t, struct slice email);
/* The try was not made after all. */
void throttle_take_back(struct throttle *t, struct slice email);
void throttle_sweep(struct throttle *t, uint64_t now_ms);
