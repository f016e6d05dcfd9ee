/* memory: thin on purpose. The allocator is the system's; a measured need would change this one
 * file. */
#include "base/memory.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/memory_raw.h"

void *mem_new(size_t n_bytes)
{
    void *block = calloc(1, n_bytes ? n_bytes : 1);

    ASSERT(block != NULL);
    return block;
}

#ifdef HYPHAD_CAN_FAIL_ALLOC
struct dice {
    atomic_uint one_in; /* 0: none fails */
    atomic_ullong counter;
};

/* File-scope state, which only builds for tests have: the server's own allocations know no test. */
static struct dice allocations, charges;

static void dice_begin(struct dice *d, const char *variable)
{
    const char *wish = getenv(variable);
    unsigned long long seed;
    unsigned one_in;

    if (!wish || sscanf(wish, "%llu:%u", &seed, &one_in) != 2)
        return;
    atomic_store(&d->counter, seed << 32);
    atomic_store(&d->one_in, one_in);
}

void mem_fail_begin(void)
{
    dice_begin(&allocations, "HYPHAD_FAIL_ALLOC");
    dice_begin(&charges, "HYPHAD_REFUSE_CHARGES");
}

static bool dice_fall(struct dice *d)
{
    unsigned one_in = atomic_load_explicit(&d->one_in, memory_order_relaxed);

    if (!one_in)
        return false;
    /* splitmix64: the counter decides, so that a seed fails the same ones of one thread. */
    unsigned long long x =
        atomic_fetch_add_explicit(&d->counter, 1, memory_order_relaxed) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (x ^ (x >> 31)) % one_in == 0;
}

static bool try_fails(void)
{
    return dice_fall(&allocations);
}

bool mem_charge_fails(void)
{
    return dice_fall(&charges);
}
#else
void mem_fail_begin(void)
{
}

static bool try_fails(void)
{
    return false;
}
#endif

void *mem_try(size_t n_bytes)
{
    return try_fails() ? NULL : malloc(n_bytes ? n_bytes : 1);
}

void *mem_try_resize(void *old, size_t n_bytes)
{
    return try_fails() ? NULL : realloc(old, n_bytes ? n_bytes : 1);
}

void *mem_try_map(size_t n_bytes)
{
    void *block = try_fails() ? MAP_FAILED
                              : mmap(NULL, n_bytes, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return block == MAP_FAILED ? NULL : block;
}

/* ThreadSanitizer does not see mremap: to it the pages a block moves to still belong to the thread
 * that had them last. */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
static void *memory_remap(void *old, size_t had_bytes, size_t n_bytes)
{
    void *block = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (block != MAP_FAILED) {
        memcpy(block, old, had_bytes < n_bytes ? had_bytes : n_bytes);
        mem_unmap(old, had_bytes);
    }
    return block;
}
#else
static void *memory_remap(void *old, size_t had_bytes, size_t n_bytes)
{
    return mremap(old, had_bytes, n_bytes, MREMAP_MAYMOVE);
}
#endif

void *mem_try_remap(void *old, size_t had_bytes, size_t n_bytes)
{
    void *block = try_fails() ? MAP_FAILED : memory_remap(old, had_bytes, n_bytes);

    return block == MAP_FAILED ? NULL : block;
}

void mem_unmap(void *block, size_t n_bytes)
{
    int r = munmap(block, n_bytes);

    ASSERT(r == 0);
}

static void *memory_unmap(void *block)
{
    (void)pthread_setname_np(pthread_self(), "unmap");
    mem_unmap(block, *(const size_t *)block);
    return NULL;
}

void mem_unmap_aside(void *block, size_t n_bytes)
{
    pthread_attr_t attr;
    pthread_t thread;

    *(size_t *)block = n_bytes;
    bool is_begun = pthread_attr_init(&attr) == 0 &&
                    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0 &&
                    pthread_create(&thread, &attr, memory_unmap, block) == 0;
    if (!is_begun)
        mem_unmap(block, n_bytes);
}

void *mem_resize(void *old, size_t n_bytes)
{
    void *block = realloc(old, n_bytes ? n_bytes : 1);

    ASSERT(block != NULL);
    return block;
}

char *mem_copy(const void *bytes, size_t n_bytes)
{
    char *copy = mem_new(n_bytes + 1);

    if (n_bytes)
        memcpy(copy, bytes, n_bytes);
    return copy;
}

/* Left alone, glibc returns the top of a thread's heap at the end of nearly every burst and faults
 * it in again at the next: at 16 calls in flight that is one madvise(2) in 43 writes. What a crowd
 * leaves behind is returned by mem_trim(). */
enum { KEEP_TOP_BYTES = 8 << 20, MMAP_FROM_BYTES = 4 << 20 };

void mem_tune(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_TRIM_THRESHOLD, KEEP_TOP_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, MMAP_FROM_BYTES);
#endif
}

struct mem_kept {
    struct mem_kept *next;
};

static void free_chain(struct mem_kept *kept)
{
    while (kept) {
        struct mem_kept *next = kept->next;
        free(kept);
        kept = next;
    }
}

#ifdef __GLIBC__
/* glibc's defaults: seven blocks of each of 64 sizes; a block from 64 KiB up, when freed, makes the
 * heap it lies in look at its top. */
enum {
    KEPT_OF_EACH = 7,
    KEPT_LEAST = 24,
    KEPT_MOST = 1032,
    KEPT_STEP = 16,
    WAKES_THE_TOP = 96 * 1024
};

static struct mem_kept *memory_take(struct mem_kept *chain, size_t n_bytes)
{
    struct mem_kept *block = malloc(n_bytes);

    if (!block)
        return chain;
    block->next = chain;
    return block;
}

struct mem_kept *mem_take_kept(void)
{
    /* last of the chain: freed when all else of it is */
    struct mem_kept *chain = memory_take(NULL, WAKES_THE_TOP);

    for (size_t n_bytes = KEPT_LEAST; n_bytes <= KEPT_MOST; n_bytes += KEPT_STEP) {
        for (int i = 0; i < KEPT_OF_EACH; i++)
            chain = memory_take(chain, n_bytes);
    }
    return chain;
}

struct trim_work {
    struct mem_kept *const *chains;
    size_t n_chains;
};

static void *free_chains(void *arg)
{
    const struct trim_work *work = arg;

    for (size_t i = 0; i < work->n_chains; i++)
        free_chain(work->chains[i]);
    return NULL;
}

/* A thread that frees would keep some for itself; one that ends keeps nothing. */
void mem_trim(struct mem_kept *const *chains, size_t n_chains)
{
    struct trim_work work = {chains, n_chains};
    pthread_t thread;

    (void)mallopt(M_TRIM_THRESHOLD, WAKES_THE_TOP / 2);
    if (pthread_create(&thread, NULL, free_chains, &work) == 0)
        (void)pthread_join(thread, NULL);
    else
        (void)free_chains(&work);
    (void)mallopt(M_TRIM_THRESHOLD, KEEP_TOP_BYTES);
    (void)malloc_trim(0);
}
#else
struct mem_kept *mem_take_kept(void)
{
    return NULL;
}

void mem_trim(struct mem_kept *const *chains, size_t n_chains)
{
    for (size_t i = 0; i < n_chains; i++)
        free_chain(chains[i]);
}
#endif

size_t mem_taken(const void *block)
{
    /* glibc: a word of its own before each block. */
    return block ? malloc_usable_size((void *)(uintptr_t)block) + sizeof(size_t) : 0;
}

void *mem_free(void *block)
{
    free(block);
    return NULL;
}
