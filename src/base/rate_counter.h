/* rate_counter: how many events a minute something makes: counted on one thread, read on another,
 * kept by both. The last minute is estimated from two windows of 60 s: what this one has counted,
 * and the share of the last one that is less than a minute old. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

struct rate_counter {
    atomic_uint n_refs;
    atomic_uint_least64_t n_events; /* any thread */
    /* reading thread only */
    uint64_t since_ms; /* when this window began, monotonic */
    uint64_t n_before; /* events when it began */
    uint64_t n_last;   /* events of the window before it */
};

struct rate_counter *rate_counter_new(uint64_t now_ms);
struct rate_counter *rate_counter_ref(struct rate_counter *m); /* takes NULL */
/* takes NULL; returns NULL */
struct rate_counter *rate_counter_unref(struct rate_counter *m);
/* Relaxed: a reader that misses the latest event is as right as one that came a moment earlier. */
static inline void rate_counter_count(struct rate_counter *m)
{
    atomic_fetch_add_explicit(&m->n_events, 1, memory_order_relaxed);
}
/* Events per minute; 0 for NULL. One thread. */
double rate_counter_per_minute(struct rate_counter *m, uint64_t now_ms);
