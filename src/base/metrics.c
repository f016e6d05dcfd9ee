/* metrics: the rooms' metrics.def make the enum, the exposition and the documentation. */
#include "base/metrics.h"

#include <inttypes.h>

enum type { counter, limit, gauge, peak };

static const struct row {
    enum type type;
    const char *name, *help;
} rows[METRIC_COUNT] = {
#define METRIC(id, type, name, help) {type, name, help},
#include "rooms_metrics.def"
#undef METRIC
};

static const char *type_name(enum type type)
{
    return type == counter || type == limit ? "counter" : "gauge";
}

bool metric_is_limit(enum metric id)
{
    return rows[id].type == limit;
}

const char *metric_name(enum metric id)
{
    return rows[id].name;
}

int64_t metric_sum(const struct metrics *const *blocks, unsigned n_blocks, enum metric id)
{
    int64_t sum = 0;

    for (unsigned i = 0; i < n_blocks; i++) {
        int64_t v = atomic_load_explicit(&blocks[i]->values[id], memory_order_relaxed);
        if (rows[id].type == peak)
            sum = v > sum ? v : sum;
        else
            sum += v;
    }
    return sum;
}

void metrics_print(const struct metrics *const *blocks, unsigned n_blocks, struct buf *out)
{
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        buf_add_fmt(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRId64 "\n", rows[i].name, rows[i].help,
                    rows[i].name, type_name(rows[i].type), rows[i].name,
                    metric_sum(blocks, n_blocks, (enum metric)i));
    }
}

void metrics_document(struct buf *out)
{
    buf_add_text(out, "| metric | type | meaning |\n| --- | --- | --- |\n");
    for (unsigned i = 0; i < METRIC_COUNT; i++)
        buf_add_fmt(out, "| `%s` | %s | %s |\n", rows[i].name, type_name(rows[i].type),
                    rows[i].help);
}
