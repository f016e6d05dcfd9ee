/* token_keys: what tokens of this server are signed and checked with, and by which time. */
#pragma once
#include <stdint.h>

#include "base/slice.h"

/* const after init; borrowed texts, none NULL; name_space at most 200 bytes */
struct token_keys {
    struct slice secret;
    const char *issuer, *audience, *name_space;
    struct slice root_token; /* empty = none configured */
    /* What the wall clock said when the server started, and clock_mono_ms then; 0: tokens end by
     * the wall clock alone. */
    int64_t since_wall_ms;
    uint64_t since_ms;
};
/* By which tokens have expired, Unix milliseconds: the wall clock, but never behind what it was at
 * the start and the time that has passed since, so that a clock that is set back makes no token
 * good again. Any thread. */
int64_t token_now_ms(const struct token_keys *keys);
