/* arena: a list of blocks. Nothing in it is freed alone, so no part of the config room has to
 * say who owns a text. */
#include "config/arena.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"
#include "config/config.h"

void arena_deinit(struct arena *a)
{
    for (size_t i = 0; i < a->n_blocks; i++) {
        explicit_bzero(a->blocks[i].bytes, a->blocks[i].n_bytes);
        mem_free(a->blocks[i].bytes);
    }
    mem_free(a->blocks);
    *a = (struct arena){0};
}

static void *arena_keep(struct arena *a, void *bytes, size_t n_bytes)
{
    if (a->n_blocks == a->room) {
        size_t room = a->room ? a->room * 2 : 64;
        struct arena_block *blocks = mem_resize(a->blocks, room * sizeof(*blocks));
        a->blocks = blocks;
        a->room = room;
    }
    a->blocks[a->n_blocks++] = (struct arena_block){bytes, n_bytes};
    return bytes;
}

void *arena_new(struct arena *a, size_t n_bytes)
{
    n_bytes += n_bytes == 0;
    return arena_keep(a, mem_new(n_bytes), n_bytes);
}

char *arena_text(struct arena *a, struct slice text)
{
    return arena_keep(a, mem_copy(text.ptr, text.len), text.len);
}

char *arena_fmt(struct arena *a, const char *fmt, ...)
{
    va_list args;
    char *text = NULL;

    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    ASSERT(n >= 0);
    return arena_keep(a, text, (size_t)n);
}

void arena_list_add(struct arena *a, struct config_list *list, const char *text)
{
    /* Room doubles at powers of two; the old array stays in the arena until its end. */
    size_t n = list->n_items;
    if ((n & (n - 1)) == 0) {
        char **items = arena_new(a, (n ? n * 2 : 1) * sizeof(*items));
        if (n > 0)
            memcpy(items, list->items, n * sizeof(*items));
        list->items = items;
    }
    list->items[list->n_items++] = (char *)(uintptr_t)text;
}
