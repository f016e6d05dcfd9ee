#include "base/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Who knows the function still cannot say which keys collide: each process draws a key of its
 * own. */
CASE(processes_hash_differently)
{
    enum { PROCESSES = 3 };
    uint64_t hashes[PROCESSES];

    for (int i = 0; i < PROCESSES; i++) {
        int ends[2];
        CHECK_INT(pipe(ends), 0);
        pid_t child = fork(); /* nobody has hashed anything yet here */
        if (!child) {
            uint64_t hash = map_hash(slice_of("key"));
            _exit(write(ends[1], &hash, sizeof(hash)) != sizeof(hash));
        }
        CHECK_INT(read(ends[0], &hashes[i], sizeof(hashes[i])), sizeof(hashes[i]));
        CHECK_INT(waitpid(child, NULL, 0), child);
        close(ends[0]);
        close(ends[1]);
    }
    CHECK(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
}

CASES(RUN(agrees_with_a_naive_model), RUN(an_empty_map_answers), RUN(processes_hash_differently))
