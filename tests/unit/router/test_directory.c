#include "router/directory.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/check.h"

enum { N_KEYS = 600, N_STEPS = 60000 };

CASE(agrees_with_a_naive_model)
{
    static struct directory d;
    static struct route model[N_KEYS];
    char key[32];

    directory_init(&d, 1);
    srand(11);
    for (uint32_t step = 1; step < N_STEPS; step++) {
        unsigned i = (unsigned)rand() % N_KEYS;
        struct slice k = slice_make(key, (size_t)snprintf(key, sizeof(key), "ws-%u/client", i));
        struct route r = {{.loop = (uint16_t)(i % 4), .slot = i, .generation = step}, step % 3},
                     got = {0};
        bool held = model[i].seat.generation != 0;
        if (rand() % 100 < ((step / 8000) % 2 ? 30 : 65)) {
            CHECK(directory_put(&d, k, r, &got) == held);
            CHECK(!held || route_eq(&got, &model[i]));
            model[i] = r;
        } else {
            /* A route that is not the current one removes nothing: not another's seat, nor the same
             * one elsewhere. */
            struct route stale = {{.loop = (uint16_t)(i % 4), .slot = i, .generation = step}, 0},
                         elsewhere = model[i];
            elsewhere.instance++;
            CHECK(!directory_remove(&d, k, stale));
            CHECK(!directory_remove(&d, k, elsewhere));
            CHECK(directory_remove(&d, k, model[i]) == held);
            model[i] = (struct route){0};
        }
        held = model[i].seat.generation != 0;
        CHECK(directory_find(&d, 0, k, &got) == held);
        CHECK(!held || route_eq(&got, &model[i]));
    }
    directory_collect(&d);
    CHECK_INT(d.epoch.n_retired, 0);
    directory_deinit(&d);
}

static size_t count_places(struct directory *d)
{
    size_t n = 0;

    for (size_t i = 0; i < DIRECTORY_SHARDS; i++)
        n += directory_shard_places(&d->shards[i]);
    return n;
}

CASE(tables_shrink_when_a_crowd_leaves)
{
    static struct directory d;
    char key[32];
    struct route got;

    directory_init(&d, 1);
    size_t least = count_places(&d);
    for (uint32_t i = 0; i < 10000; i++)
        directory_put(&d, slice_make(key, (size_t)snprintf(key, sizeof(key), "c%u", i)),
                      route_here((struct handle){.slot = i, .generation = 1}), &got);
    CHECK(count_places(&d) >= 20000);
    for (uint32_t i = 0; i < 10000; i++)
        CHECK(directory_remove(&d, slice_make(key, (size_t)snprintf(key, sizeof(key), "c%u", i)),
                               route_here((struct handle){.slot = i, .generation = 1})));
    CHECK(count_places(&d) <= 2 * least);
    directory_deinit(&d);
}

/* Each writer owns a stripe of keys and is the only one to change them; readers may see any of a
 * key's routes, never another key's. */
enum { N_WRITERS = 3, N_READERS = 5, STRIPE = 64, N_ROUNDS = 4000 };

struct side {
    struct directory *d;
    unsigned index;
    atomic_bool *is_over;
};

static struct slice key_of(char out[32], unsigned i)
{
    return slice_make(out, (size_t)snprintf(out, 32, "w%u/c%u", i % 7, i));
}

static void *writer(void *arg)
{
    struct side *s = arg;
    char key[32];
    struct route old;

    for (unsigned round = 1; round <= N_ROUNDS; round++) {
        unsigned i = s->index * STRIPE + round % STRIPE;
        struct handle h = {.loop = (uint16_t)i, .slot = i, .generation = round};
        directory_put(s->d, key_of(key, i), route_here(h), &old);
        if (round % 3)
            CHECK(directory_remove(s->d, key_of(key, i), route_here(h)));
        if (round % 50 == 0)
            directory_collect(s->d);
    }
    return NULL;
}

static void *reader(void *arg)
{
    struct side *s = arg;
    char key[32];
    struct route got;
    unsigned i = 0;

    while (!atomic_load(s->is_over)) {
        i = (i + 1) % (N_WRITERS * STRIPE);
        if (directory_find(s->d, s->index, key_of(key, i), &got))
            CHECK(got.seat.loop == i && got.seat.slot == i);
    }
    return NULL;
}

CASE(readers_never_see_another_keys_route)
{
    static struct directory d;
    atomic_bool is_over = false;
    struct side sides[N_WRITERS + N_READERS];
    pthread_t t[N_WRITERS + N_READERS];

    directory_init(&d, N_READERS);
    for (unsigned i = 0; i < N_WRITERS + N_READERS; i++) {
        bool is_writer = i < N_WRITERS;
        sides[i] = (struct side){&d, is_writer ? i : i - N_WRITERS, &is_over};
        CHECK(pthread_create(&t[i], NULL, is_writer ? writer : reader, &sides[i]) == 0);
    }
    for (unsigned i = 0; i < N_WRITERS; i++)
        pthread_join(t[i], NULL);
    atomic_store(&is_over, true);
    for (unsigned i = N_WRITERS; i < N_WRITERS + N_READERS; i++)
        pthread_join(t[i], NULL);
    directory_deinit(&d);
}

CASES(RUN(agrees_with_a_naive_model), RUN(tables_shrink_when_a_crowd_leaves),
      RUN(readers_never_see_another_keys_route))
