/* rate_counter: windows are turned by the reader, so that counting stays one addition. */
#include "base/rate_counter.h"

#include "base/memory.h"

enum { WINDOW_MS = 60000 };

struct rate_counter *rate_counter_new(uint64_t now_ms)
{
    struct rate_counter *m = MEM_NEW(struct rate_counter);

    atomic_init(&m->n_refs, 1);
    m->since_ms = now_ms;
    return m;
}

struct rate_counter *rate_counter_ref(struct rate_counter *m)
{
    if (m)
        atomic_fetch_add_explicit(&m->n_refs, 1, memory_order_relaxed);
    return m;
}

struct rate_counter *rate_counter_unref(struct rate_counter *m)
{
    /* Pairs with itself: what every holder did to the meter happens before its memory is given
     * back. */
    if (m && atomic_fetch_sub_explicit(&m->n_refs, 1, memory_order_acq_rel) == 1)
        mem_free(m);
    return NULL;
}

double rate_counter_per_minute(struct rate_counter *m, uint64_t now_ms)
{
    if (!m)
        return 0;
    uint64_t n = atomic_load_explicit(&m->n_events, memory_order_relaxed),
             past = now_ms - m->since_ms;

    if (past >= WINDOW_MS) {
        m->n_last = past < 2 * WINDOW_MS ? n - m->n_before : 0;
        m->n_before = n;
        m->since_ms += past / WINDOW_MS * WINDOW_MS;
        past = now_ms - m->since_ms;
    }
    return (double)(n - m->n_before) + (double)m->n_last * (double)(WINDOW_MS - past) / WINDOW_MS;
}
