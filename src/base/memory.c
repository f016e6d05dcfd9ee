/* memory: thin on purpose. The allocator is the system's; a measured need would change this one file. */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

void *mem_new(size_t n_bytes)
{
    void *block = calloc(1, n_bytes ? n_bytes : 1);

    ASSERT(block != NULL);
    return block;
}

void *mem_try(size_t n_bytes)
{
    return malloc(n_bytes ? n_bytes : 1);
}

void *mem_try_resize(void *old, size_t n_bytes)
{
    return realloc(old, n_bytes ? n_bytes : 1);
}

char *mem_copy(const void *bytes, size_t n_bytes)
{
    char *copy = mem_new(n_bytes + 1);

    if (n_bytes)
        memcpy(copy, bytes, n_bytes);
    return copy;
}

/* Left alone, glibc returns the top of a thread's heap at the end of nearly every burst and faults it in again at the next: at 16
 * calls in flight that is one madvise(2) in 43 writes. What a crowd leaves behind is returned by mem_trim(). */
enum { KEEP_TOP_BYTES = 8 << 20, MMAP_FROM_BYTES = 4 << 20 };

void mem_tune(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_TRIM_THRESHOLD, KEEP_TOP_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, MMAP_FROM_BYTES);
#endif
}

void mem_trim(void)
{
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

void *mem_free(void *block)
{
    free(block);
    return NULL;
}
