/* raw_option: an array that doubles inside the arena; a configuration has a few dozen
 * entries. */
#include "config/raw_option.h"

#include "config/option.h"
#include "config/value.h"

void raw_option_add(struct raw_options *all, struct arena *arena, struct raw_option g)
{
    size_t n = all->n_items;

    if ((n & (n - 1)) == 0) {
        struct raw_option *items = arena_new(arena, (n ? n * 2 : 1) * sizeof(*items));
        if (n > 0)
            memcpy(items, all->items, n * sizeof(*items));
        all->items = items;
    }
    all->items[all->n_items++] = g;
}

void raw_options_copy_fixed(const struct raw_options *from, struct raw_options *to,
                            struct arena *arena)
{
    for (size_t i = 0; i < from->n_items; i++) {
        struct raw_option g = from->items[i];
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
        raw_option_add(to, arena, g);
    }
}

const struct raw_option *raw_option_find(const struct raw_options *all, unsigned option)
{
    const struct raw_option *best = NULL;

    for (size_t i = 0; i < all->n_items; i++) {
        const struct raw_option *g = &all->items[i];
        if (g->option == option && (!best || g->source >= best->source))
            best = g;
    }
    return best;
}

struct raw_option raw_option_of_variable(unsigned option, struct slice value, struct arena *arena)
{
    const struct option *o = option_at(option);
    struct raw_option g = {.option = option, .place = ""};

    if (option_is_list(o) || option_is_comma(o))
        value_split(o, value, arena, &g.words);
    else if (value.len > 0)
        arena_list_add(arena, &g.words, arena_text(arena, value));
    return g;
}
