/* epoch: when is it safe to free what a lock-free reader may still be looking at? Readers announce
 * themselves in a slot of their own (two stores a section); a writer unpublishes a thing, then
 * retires it; it is freed once every reader that could have seen it has left. Nobody waits: what is
 * not yet free stays on a counted list.
 *
 * Inside a section: no callback, no lock, no allocation; copy out and leave. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/list.h"

struct epoch_reader {
    _Alignas(64) atomic_uint_fast64_t seen; /* 0 = outside a section */
};

struct epoch_item { /* embed in what is retired */
    struct list link;
    uint64_t retired_at;
    void (*free_item)(struct epoch_item *item);
};

struct epoch {
    atomic_uint_fast64_t now;     /* any thread */
    struct epoch_reader *readers; /* const after init: one per reading thread */
    unsigned n_readers;           /* const after init */
    pthread_mutex_t lock;         /* class epoch_retired: guards the list below */
    struct list retired;
    size_t n_retired;
};

void epoch_init(struct epoch *e, unsigned n_readers);
/* no reader may be left; frees all that is retired */
void epoch_deinit(struct epoch *e);
/* Reader i belongs to one thread. Every load of a published pointer inside must be seq_cst: see
 * epoch.c. */
void epoch_enter(struct epoch *e, unsigned reader);
void epoch_leave(struct epoch *e, unsigned reader);
/* The item must be unreachable for new readers already, by a seq_cst store. Any thread. */
void epoch_retire(struct epoch *e, struct epoch_item *item);
/* frees what can be freed; any thread */
void epoch_collect(struct epoch *e);
