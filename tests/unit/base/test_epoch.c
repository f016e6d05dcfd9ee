#include "base/epoch.h"

#include <pthread.h>
#include <stdlib.h>

#include "harness/check.h"

enum { N_READERS = 3, N_SWAPS = 20000, ALIVE = 42, DEAD = 13 };

struct thing {
    struct epoch_item item;
    /* plain on purpose: a reader that comes too late is a race TSan reports */
    int state;
};

struct world {
    struct epoch epoch;
    _Atomic(struct thing *) current;
    atomic_bool is_over;
};

struct reader_arg {
    struct world *w;
    unsigned index;
};

static void free_thing(struct epoch_item *item)
{
    struct thing *t = CONTAINER_OF(item, struct thing, item);

    t->state = DEAD;
    free(t);
}

static struct thing *thing_new(void)
{
    struct thing *t = calloc(1, sizeof(*t));

    t->state = ALIVE;
    t->item.free_item = free_thing;
    return t;
}

static void *reader(void *arg)
{
    struct reader_arg *r = arg;

    while (!atomic_load(&r->w->is_over)) {
        epoch_enter(&r->w->epoch, r->index);
        struct thing *t = atomic_load_explicit(&r->w->current, memory_order_seq_cst);
        CHECK_INT(t->state, ALIVE);
        epoch_leave(&r->w->epoch, r->index);
    }
    return NULL;
}

CASE(nothing_is_freed_under_a_reader)
{
    struct world w = {0};
    struct reader_arg args[N_READERS];
    pthread_t t[N_READERS];

    epoch_init(&w.epoch, N_READERS);
    atomic_store(&w.current, thing_new());
    for (unsigned i = 0; i < N_READERS; i++) {
        args[i] = (struct reader_arg){&w, i};
        CHECK(pthread_create(&t[i], NULL, reader, &args[i]) == 0);
    }
    for (int i = 0; i < N_SWAPS; i++) {
        struct thing *old = atomic_exchange_explicit(&w.current, thing_new(), memory_order_seq_cst);
        epoch_retire(&w.epoch, &old->item);
        if (i % 16 == 0)
            epoch_collect(&w.epoch);
    }
    atomic_store(&w.is_over, true);
    for (int i = 0; i < N_READERS; i++)
        pthread_join(t[i], NULL);
    epoch_collect(&w.epoch);
    CHECK_INT(w.epoch.n_retired, 0);
    free(atomic_load(&w.current));
    epoch_deinit(&w.epoch);
}

CASE(a_reader_inside_holds_what_it_may_see)
{
    struct epoch e;
    struct thing *t = thing_new();

    epoch_init(&e, 1);
    epoch_enter(&e, 0);
    epoch_retire(&e, &t->item);
    epoch_collect(&e);
    CHECK_INT(e.n_retired, 1);
    epoch_leave(&e, 0);
    epoch_collect(&e);
    CHECK_INT(e.n_retired, 0);
    epoch_deinit(&e);
}

CASES(RUN(nothing_is_freed_under_a_reader), RUN(a_reader_inside_holds_what_it_may_see))
