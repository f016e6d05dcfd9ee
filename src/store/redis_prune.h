/* redis_prune: records in the hashes of redis_layout that have expired are deleted, a step at a
 * time. The store room's own; loop-owned. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redis_link;
struct store_op;

enum { REDIS_PRUNE_BUCKETS_MAX = 32, REDIS_PRUNE_CURSOR_MAX = 24 };

struct redis_prune {
    struct redis_link *link; /* borrowed */
    struct redis_pruned {
        const char *bucket; /* a fixed name of ours */
        char cursor[REDIS_PRUNE_CURSOR_MAX];
    } buckets[REDIS_PRUNE_BUCKETS_MAX];
    size_t n_buckets, at;
    bool is_under_way;
    void (*done)(struct redis_prune *p); /* a step has ended */
};

/* Remembers the bucket of a record that will expire, or of a scan, which may find some. */
void redis_prune_note(struct redis_prune *p, const struct store_op *op);
/* One step of one bucket, unless one is under way. */
void redis_prune_step(struct redis_prune *p, int64_t now_s);
