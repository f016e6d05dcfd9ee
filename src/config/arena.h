/* arena: the texts and lists of one config, freed together. Owner's thread only; sizes are ours
 * or the operator's, so exhaustion aborts. */
#pragma once
#include <stddef.h>

#include "base/assert.h"
#include "base/slice.h"

struct config_list;

struct arena_block {
    char *bytes;
    size_t n_bytes;
};

struct arena {
    struct arena_block *blocks;
    size_t n_blocks, room;
};

/* overwrites the texts first: some are secrets */
void arena_deinit(struct arena *a);
void *arena_new(struct arena *a, size_t n_bytes); /* zeroed */
char *arena_text(struct arena *a, struct slice text);
char *arena_fmt(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
void arena_list_add(struct arena *a, struct config_list *list,
                    const char *text); /* keeps the pointer */
