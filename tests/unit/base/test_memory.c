#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "harness/check.h"

enum { N_THREADS = 3, N_BLOCKS = 400 };

/* Leaves many freed blocks of many sizes behind, as a crowd does, and hands over what the thread
 * keeps of them. */
static void *leave(void *arg)
{
    void *blocks[N_BLOCKS];

    for (size_t i = 0; i < N_BLOCKS; i++) {
        blocks[i] = malloc(16 + i * 5);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], 1, 16 + i * 5);
    }
    for (size_t i = 0; i < N_BLOCKS; i++)
        mem_free(blocks[i]);
    *(struct mem_kept **)arg = mem_take_kept();
    return NULL;
}

CASE(trimming_frees_what_threads_hand_over)
{
    struct mem_kept *chains[N_THREADS] = {NULL};
    pthread_t t[N_THREADS - 1];

    mem_tune();
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < N_THREADS - 1; i++)
            CHECK(pthread_create(&t[i], NULL, leave, &chains[i]) == 0);
        for (size_t i = 0; i < N_THREADS - 1; i++)
            pthread_join(t[i], NULL);
        chains[N_THREADS - 1] = NULL; /* a thread that has nothing */
        mem_trim(chains, N_THREADS);  /* the leak checker says whether all of it went */
    }
    char *still_works = mem_copy("abc", 3);
    CHECK(strcmp(still_works, "abc") == 0);
    mem_free(still_works);
}

CASES(RUN(trimming_frees_what_threads_hand_over))
