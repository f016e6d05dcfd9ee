/* memory: bytes whose size we choose, or whose owner's record is kept by an account (account_keep):
 * exhaustion aborts. What is held for somebody is base/held.h's. Any thread. */
#pragma once
#include <stddef.h>

#include "base/assert.h"

void *mem_new(size_t n_bytes);               /* zeroed; never NULL */
void *mem_resize(void *old, size_t n_bytes); /* as realloc; never NULL */
/* a NUL-terminated copy the caller frees; never NULL */
char *mem_copy(const void *bytes, size_t n_bytes);
void *mem_free(void *block); /* takes NULL; returns NULL */

/* what a block takes of the heap, rounding and the allocator's own share included; NULL: 0 */
size_t mem_taken(const void *block);

/* Sets the allocator up for a server whose messages come and go in bursts. Before threads start. */
void mem_tune(void);
/* Freed blocks that the calling thread keeps for itself, as a chain for mem_trim(): scattered over
 * the pages of a crowd that has left, each holds a page. Some 20 microseconds. NULL: nothing to
 * hand over. */
struct mem_kept;
MUST_CHECK struct mem_kept *mem_take_kept(void);
/* Frees the chains of all threads and gives free pages back to the system. Takes the allocator's
 * locks for milliseconds: not on a loop, and one at a time. */
void mem_trim(struct mem_kept *const *chains, size_t n_chains);

/* For tests, in builds that can (meson option fail_alloc): from here on one in N of the allocations
 * whose size the network may choose fails, if HYPHAD_FAIL_ALLOC=SEED:N is set;
 * HYPHAD_REFUSE_CHARGES=SEED:N is the same for what accounts have room for. Nothing in other
 * builds. */
void mem_fail_begin(void);

#define MEM_NEW(type) ((type *)mem_new(sizeof(type)))
