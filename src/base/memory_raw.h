/* memory_raw: bytes without a charge, whose size the network may choose. For base/ only: everybody
 * else names who pays (base/held.h, msg, blob) or builds scratch that is gone at the end of the
 * turn (buf). Any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"

/* not zeroed; NULL when exhausted */
MUST_CHECK void *mem_try(size_t n_bytes);
/* as realloc: on NULL the old block is untouched */
MUST_CHECK void *mem_try_resize(void *old, size_t n_bytes);
/* Whole pages of their own, which grow without a copy: the allocator may copy megabytes, for which
 * a turn of a loop has no time. As above. */
MUST_CHECK void *mem_try_map(size_t n_bytes);
MUST_CHECK void *mem_try_remap(void *old, size_t had_bytes, size_t n_bytes);
void mem_unmap(void *block, size_t n_bytes);
/* As mem_unmap, but by a thread of its own, which ends with it: giving 64 MB back takes 2 ms. Costs
 * the caller about 30 microseconds. */
void mem_unmap_aside(void *block, size_t n_bytes);
/* Whether an account is to refuse what it has room for: a test's (mem_fail_begin). False in builds
 * that cannot. */
#ifdef HYPHAD_CAN_FAIL_ALLOC
bool mem_charge_fails(void);
#else
static inline bool mem_charge_fails(void)
{
    return false;
}
#endif
