/* dice: the same random numbers in every run, so that a failure comes back. */
#pragma once
#include <stdint.h>

struct dice {
    uint64_t state;
};

static inline uint64_t dice_next(struct dice *d)
{
    d->state ^= d->state << 13;
    d->state ^= d->state >> 7;
    d->state ^= d->state << 17;
    return d->state * 0x2545f4914f6cdd1dull;
}

static inline uint32_t dice_below(struct dice *d, uint32_t n)
{
    return (uint32_t)((dice_next(d) >> 32) % n);
}
