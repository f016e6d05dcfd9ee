/* hist: a latency histogram of logarithmic buckets, 64 per power of two, so a value read back is
 * at most 1.6 % off. Fixed size, no allocation, one thread. Values are nanoseconds. */
#pragma once

#include <stdint.h>

enum { HIST_BUCKETS = 64 * 59 };

struct hist {
    uint64_t counts[HIST_BUCKETS];
    uint64_t n;
    uint64_t sum;
    uint64_t max;
};

void hist_reset(struct hist *h);
void hist_add(struct hist *h, uint64_t value);
uint64_t hist_quantile(const struct hist *h,
                       /* upper edge of the bucket that holds quantile q; 0 when empty */
                       double q);
/* How many samples lie in buckets whose upper edge is at least from and below to. */
double hist_count_between(const struct hist *h, uint64_t from, uint64_t to);
