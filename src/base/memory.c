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
