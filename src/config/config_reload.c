/* config_reload: the files again, everything else as it was at start. The new set
 * is checked as a whole twice: as the files say, and as it will run, with the old values of
 * options that need a restart. */
#include "base/memory.h"
#include "config/config.h"
#include "config/cross_checks.h"
#include "config/load.h"
#include "config/value.h"

static const char *reload_keep(struct arena *arena, const char *text)
{
    return text ? arena_text(arena, slice_of(text)) : NULL;
}

static void copy_environment(const struct environment *from, struct environment *to,
                             struct arena *arena)
{
    to->cwd = reload_keep(arena, from->cwd);
    to->state_directory = reload_keep(arena, from->state_directory);
    to->xdg_state_home = reload_keep(arena, from->xdg_state_home);
    to->home = reload_keep(arena, from->home);
    to->allow_origins = reload_keep(arena, from->allow_origins);
}

static bool reload_is_same(const struct config_list *a, const struct config_list *b)
{
    if (a->n_items != b->n_items)
        return false;
    for (size_t i = 0; i < a->n_items; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    }
    return true;
}

/* Gives the option the value it has in `old`, which read well there. */
static void reload_put_back(const struct config *old, struct config *c, unsigned id)
{
    const struct option *o = option_at(id);
    const struct setting *was = &old->metadata->settings[id];
    struct arena *arena = &c->metadata->arena;
    struct setting *s = &c->metadata->settings[id];

    *s = (struct setting){.source = was->source, .from = reload_keep(arena, was->from)};
    for (size_t i = 0; i < was->words.n_items; i++)
        arena_list_add(arena, &s->words, arena_text(arena, slice_of(was->words.items[i])));
    if (o->offset != OPTION_NO_FIELD)
        value_restore(o, &s->words, arena, (char *)c + o->offset);
}

/* Puts back what needs a restart; the names of those options, or NULL. */
static const char *put_back_all(const struct config *old, struct config *c)
{
    const char *names = NULL;

    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        const struct option *o = option_at(id);
        if ((o->marks & OPTION_RELOAD) ||
            reload_is_same(&old->metadata->settings[id].words, &c->metadata->settings[id].words))
            continue;
        bool is_named = c->metadata->settings[id].source != CONFIG_FROM_DEFAULT ||
                        old->metadata->settings[id].source != CONFIG_FROM_DEFAULT;
        if (is_named)
            names = names ? arena_fmt(&c->metadata->arena, "%s, %s", names, o->name) : o->name;
        reload_put_back(old, c, id);
    }
    return names;
}

static void note_changes(const struct config *old, struct config *c, const char *names)
{
    c->n_notes = 0;
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        if (!reload_is_same(&old->metadata->settings[id].words, &c->metadata->settings[id].words))
            config_note_option(c, id);
    }
    if (names)
        config_note_add(c, CONFIG_NOTE_WARN, names, "needs a restart", NULL);
}

int config_reload(const struct config *old, FILE *err, struct config **ret_config)
{
    struct config *c = load_new();
    struct report report = {0};
    const char *names = NULL;

    copy_environment(&old->metadata->around, &c->metadata->around, &c->metadata->arena);
    raw_options_copy_fixed(&old->metadata->raw_options, &c->metadata->raw_options,
                           &c->metadata->arena);
    load_build(c, &report);
    if (report_exit(&report) == CONFIG_EXIT_OK && (names = put_back_all(old, c)))
        cross_check(c, &report);
    report_print(&report, err, false, LOG_KV);
    fflush(err);
    if (report_exit(&report) != CONFIG_EXIT_OK) {
        config_free(c);
        return CONFIG_EXIT;
    }
    note_changes(old, c, names);
    *ret_config = c;
    return CONFIG_SERVE;
}
