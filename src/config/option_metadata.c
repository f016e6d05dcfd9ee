/* option_metadata: notes for the start log, and values as they may be seen. Everything that shows a
 * value to anybody comes through option_show_value, so a secret has one place to leak from. */
#include "config/option_metadata.h"

#include "config/value.h"

void config_note_add(struct config *c, int kind, const char *name, const char *text,
                     const char *from)
{
    struct arena *arena = &c->metadata->arena;
    size_t n = c->n_notes;

    if ((n & (n - 1)) == 0) {
        struct config_note *notes = arena_new(arena, (n ? n * 2 : 1) * sizeof(*notes));
        if (n > 0)
            memcpy(notes, c->notes, n * sizeof(*notes));
        c->notes = notes;
    }
    /* Kept in the order of the kinds: options, idle ones, notices, warnings. */
    size_t at = n;
    while (at > 0 && (int)c->notes[at - 1].kind > kind) {
        c->notes[at] = c->notes[at - 1];
        at--;
    }
    c->notes[at].kind = kind;
    c->notes[at].name = arena_text(arena, slice_of(name));
    c->notes[at].text = arena_text(arena, slice_of(text));
    c->notes[at].from = from ? arena_text(arena, slice_of(from)) : NULL;
    c->n_notes++;
}

void option_mask_uri(struct slice uri, struct buf *out)
{
    struct slice scheme, rest, authority, path, user, host;

    if (!slice_cut(uri, ':', &scheme, &rest) || !slice_starts(rest, "//")) {
        buf_add_slice(out, uri);
        return;
    }
    rest = slice_from(rest, 2);
    if (!slice_cut(rest, '/', &authority, &path))
        authority = rest;
    size_t at = authority.len; /* the last @: a password may contain one */
    while (at > 0 && authority.ptr[at - 1] != '@')
        at--;
    user = slice_to(authority, at ? at - 1 : 0);
    if (at == 0 || !slice_cut(user, ':', &host, &path)) {
        buf_add_slice(out, uri);
        return;
    }
    buf_add_fmt(out, SLICE_FMT "://" SLICE_FMT ":***", SLICE_ARG(scheme), SLICE_ARG(host));
    buf_add_slice(out, slice_from(rest, at - 1));
}

void option_show_value(const struct config *c, unsigned id, struct buf *out)
{
    const struct option *o = option_at(id);
    const struct config_list *words = &c->metadata->settings[id].words;

    if (words->n_items == 0)
        return;
    if (o->marks & OPTION_SECRET)
        buf_add_text(out, OPTION_MASK);
    else if (o->marks & OPTION_URI_SECRET)
        option_mask_uri(slice_of(words->items[0]), out);
    else
        value_join(o, words, out);
}

bool option_is_default(const struct config *c, unsigned id)
{
    const struct option *o = option_at(id);
    const struct setting *s = &c->metadata->settings[id];
    SCRATCH_BUF(value, 0);
    bool is_same;

    if (s->source == CONFIG_FROM_DEFAULT)
        return true;
    if (o->kind == OPTION_FLAG && !o->default_text)
        return !option_is_on(c, id);
    if (!o->default_text)
        return s->words.n_items == 0 && !o->shown;
    value_join(o, &s->words, &value);
    is_same = slice_is(buf_slice(&value), o->default_text);
    return is_same;
}

bool option_is_on(const struct config *c, unsigned id)
{
    const struct config_list *words = &c->metadata->settings[id].words;
    bool is_on = true;

    if (words->n_items == 0)
        return false;
    if (option_at(id)->kind != OPTION_FLAG)
        return true;
    return value_read_flag(slice_of(words->items[words->n_items - 1]), &is_on) && is_on;
}

void config_note_option(struct config *c, unsigned id)
{
    SCRATCH_BUF(shown, 0);

    option_show_value(c, id, &shown);
    buf_add_byte(&shown, 0);
    config_note_add(c, CONFIG_NOTE_OPTION, option_at(id)->name, shown.ptr,
                    c->metadata->settings[id].from);
}
