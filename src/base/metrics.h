/* metrics: figures about ourselves. Each thread adds to its own block; a reader sums the blocks. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum metric {
#define METRIC(id, type, name, help) METRIC_##id,
#include "rooms_metrics.def"
#undef METRIC
    METRIC_COUNT
};

struct metrics {
    /* written by the owning thread, read by any: relaxed */
    _Atomic int64_t values[METRIC_COUNT];
};

static inline void metric_add(struct metrics *m, enum metric id, int64_t n)
{
    /* One writer, so a plain load and store do: no locked instruction on the hot path. */
    int64_t v = atomic_load_explicit(&m->values[id], memory_order_relaxed);
    atomic_store_explicit(&m->values[id], v + n, memory_order_relaxed);
}

static inline void metric_peak(struct metrics *m, enum metric id, int64_t v)
{
    if (v > atomic_load_explicit(&m->values[id], memory_order_relaxed))
        atomic_store_explicit(&m->values[id], v, memory_order_relaxed);
}

/* any thread */
static inline int64_t metric_get(const struct metrics *m, enum metric id)
{
    return atomic_load_explicit(&m->values[id], memory_order_relaxed);
}

/* a counter of what a limit refused or ended */
bool metric_is_limit(enum metric id);
const char *metric_name(enum metric id);
/* peak: the largest */
int64_t metric_sum(const struct metrics *const *blocks, unsigned n_blocks, enum metric id);
/* Prometheus text format 0.0.4 of all rows, HELP and TYPE included. */
void metrics_print(const struct metrics *const *blocks, unsigned n_blocks, struct buf *out);
/* The same rows as a Markdown table, for the documentation. */
void metrics_document(struct buf *out);
