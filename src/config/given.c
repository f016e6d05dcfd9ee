/* given: see given.h. An array that doubles inside the arena; a configuration has a few dozen
 * entries. */
#include "config/given.h"

#include "config/option.h"
#include "config/value.h"

void given_add(struct givens *all, struct arena *arena, struct given g)
{
    size_t n = all->n_items;

    if ((n & (n - 1)) == 0) {
        struct given *items = arena_new(arena, (n ? n * 2 : 1) * sizeof(*items));
        if (n > 0)
            memcpy(items, all->items, n * sizeof(*items));
        all->items = items;
    }
    all->items[all->n_items++] = g;
}

void given_copy_fixed(const struct givens *from, struct givens *to, struct arena *arena)
{
    for (size_t i = 0; i < from->n_items; i++) {
        struct given g = from->items[i];
        if (g.source < CONFIG_FROM_ENV)
            continue;
        g.words = (struct config_list){0};
        for (size_t w = 0; w < from->items[i].words.n_items; w++)
            arena_list_add(arena, &g.words,
                           arena_text(arena, slice_of(from->items[i].words.items[w])));
        g.name = arena_text(arena, slice_of(g.name));
        g.place = arena_text(arena, slice_of(g.place));
        g.from = arena_text(arena, slice_of(g.from));
        g.base_dir = arena_text(arena, slice_of(g.base_dir));
        given_add(to, arena, g);
    }
}

const struct given *given_find(const struct givens *all, unsigned option)
{
    const struct given *best = NULL;

    for (size_t i = 0; i < all->n_items; i++) {
        const struct given *g = &all->items[i];
        if (g->option == option && (!best || g->source >= best->source))
            best = g;
    }
    return best;
}

struct given given_of_variable(unsigned option, struct slice value, struct arena *arena)
{
    const struct option *o = option_at(option);
    struct given g = {.option = option, .place = ""};

    if (option_is_list(o) || option_is_comma(o))
        value_split(o, value, arena, &g.words);
    else if (value.len > 0)
        arena_list_add(arena, &g.words, arena_text(arena, value));
    return g;
}
