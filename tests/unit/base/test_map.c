#include "base/map.h"

#include <stdio.h>
#include <stdlib.h>

#include "harness/check.h"

enum { N_KEYS = 500, N_STEPS = 200000 };

/* Random operations against an array that cannot be wrong. */
CASE(agrees_with_a_naive_model)
{
    static char keys[N_KEYS][16];
    static void *model[N_KEYS];
    struct map m;
    size_t n = 0;

    srand(7);
    for (int i = 0; i < N_KEYS; i++)
        snprintf(keys[i], sizeof(keys[i]), "key-%d", i);
    map_init(&m);
    for (int step = 0; step < N_STEPS; step++) {
        int i = rand() % N_KEYS;
        struct slice key = slice_of(keys[i]);
        /* Long phases of growth and of shrinking, so that both resizes happen. */
        bool put = rand() % 100 < ((step / 20000) % 2 ? 20 : 70);
        if (put) {
            CHECK(map_put(&m, key, keys[(i + step) % N_KEYS]) == model[i]);
            n += model[i] == NULL;
            model[i] = keys[(i + step) % N_KEYS];
        } else {
            CHECK(map_take(&m, key) == model[i]);
            n -= model[i] != NULL;
            model[i] = NULL;
        }
        CHECK(m.n_entries == n);
        CHECK(map_find(&m, slice_of(keys[(i * 7) % N_KEYS])) == model[(i * 7) % N_KEYS]);
    }
    size_t cursor = 0, seen = 0;
    void *value;
    struct slice key;
    while (map_next(&m, &cursor, &key, &value)) {
        CHECK(value == model[atoi(key.ptr + 4)]);
        seen++;
    }
    CHECK_INT(seen, n);
    map_deinit(&m);
}

CASE(an_empty_map_answers)
{
    struct map m;
    size_t cursor = 0;
    void *value;

    map_init(&m);
    CHECK(map_find(&m, SLICE_LIT("x")) == NULL);
    CHECK(map_take(&m, SLICE_LIT("x")) == NULL);
    CHECK(!map_next(&m, &cursor, NULL, &value));
    map_deinit(&m);
}

CASES(RUN(agrees_with_a_naive_model), RUN(an_empty_map_answers))
