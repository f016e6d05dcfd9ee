/* Values below 128 have a bucket each; above, the top seven bits choose it: six below the leading
 * one. */
#include "load/hist.h"

#include <string.h>

static unsigned bucket_of(uint64_t value)
{
    if (value < 128) {
        return (unsigned)value;
    }
    unsigned shift = 57U - (unsigned)__builtin_clzll(value);
    return shift * 64U + (unsigned)(value >> shift);
}

static uint64_t bucket_upper(unsigned bucket)
{
    if (bucket < 128) {
        return bucket;
    }
    unsigned shift = bucket / 64U - 1U;
    return ((uint64_t)(bucket - shift * 64U + 1U) << shift) - 1U;
}

void hist_reset(struct hist *h)
{
    memset(h, 0, sizeof(*h));
}

void hist_add(struct hist *h, uint64_t value)
{
    h->counts[bucket_of(value)]++;
    h->n++;
    h->sum += value;
    if (value > h->max) {
        h->max = value;
    }
}

uint64_t hist_quantile(const struct hist *h, double q)
{
    uint64_t rank = (uint64_t)(q * (double)h->n);
    uint64_t seen = 0;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen > rank) {
            uint64_t upper = bucket_upper(i);
            return upper < h->max ? upper : h->max;
        }
    }
    return h->max;
}

double hist_count_between(const struct hist *h, uint64_t from, uint64_t to)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        uint64_t upper = bucket_upper(i);
        n += upper >= from && upper < to ? h->counts[i] : 0;
    }
    return (double)n;
}
