/* epoch: three-party argument, all seq_cst on purpose so that it can be read off the single total
 * order S.
 *
 *   reader:  (r1) seen := now          (r2) load published pointer
 *   writer:  (w1) unpublish pointer    (w2) retired_at := now++    (w3) load every seen
 *
 * If r2 still finds the old pointer then r2 < w1 in S, hence r1 < w3: the writer sees `seen` <=
 * retired_at and keeps the item. A reader whose `seen` is larger than retired_at began after w2,
 * hence after w1, and cannot have found it. */
#include "base/epoch.h"

#include <stdlib.h>

#include "base/memory.h"

void epoch_init(struct epoch *e, unsigned n_readers)
{
    atomic_init(&e->now, 1);
    void *readers = NULL;
    ASSERT(posix_memalign(&readers, 64, n_readers * sizeof(struct epoch_reader)) == 0);
    e->readers = readers;
    e->n_readers = n_readers;
    for (unsigned i = 0; i < n_readers; i++)
        atomic_init(&e->readers[i].seen, 0);
    pthread_mutex_init(&e->lock, NULL);
    list_init(&e->retired);
    e->n_retired = 0;
}

void epoch_deinit(struct epoch *e)
{
    epoch_collect(e);
    ASSERT(e->n_retired == 0);
    pthread_mutex_destroy(&e->lock);
    mem_free(e->readers);
}

void epoch_enter(struct epoch *e, unsigned reader)
{
    uint64_t now = atomic_load_explicit(&e->now, memory_order_seq_cst);

    atomic_store_explicit(&e->readers[reader].seen, now, memory_order_seq_cst);
}

void epoch_leave(struct epoch *e, unsigned reader)
{
    atomic_store_explicit(&e->readers[reader].seen, 0, memory_order_seq_cst);
}

static uint64_t oldest_reader(struct epoch *e)
{
    uint64_t oldest = UINT64_MAX;

    for (unsigned i = 0; i < e->n_readers; i++) {
        uint64_t seen = atomic_load_explicit(&e->readers[i].seen, memory_order_seq_cst);
        if (seen && seen < oldest)
            oldest = seen;
    }
    return oldest;
}

void epoch_retire(struct epoch *e, struct epoch_item *item)
{
    pthread_mutex_lock(&e->lock);
    item->retired_at = atomic_fetch_add_explicit(&e->now, 1, memory_order_seq_cst);
    list_link(&e->retired, &item->link);
    e->n_retired++;
    pthread_mutex_unlock(&e->lock);
}

void epoch_collect(struct epoch *e)
{
    struct list done;

    list_init(&done);
    pthread_mutex_lock(&e->lock);
    uint64_t oldest = oldest_reader(e);
    LIST_FOREACH (it, &e->retired) {
        if (LIST_ENTRY(it, struct epoch_item, link)->retired_at >= oldest)
            break;
        list_unlink(it);
        list_link(&done, it);
        e->n_retired--;
    }
    pthread_mutex_unlock(&e->lock);
    LIST_FOREACH (it, &done) {
        struct epoch_item *item = LIST_ENTRY(it, struct epoch_item, link);
        list_unlink(it);
        item->free_item(item);
    }
}
