/* merge: one pass per source, from the weakest to the strongest; each value that reads well
 * replaces what was there. Only repeated lists of the command line add up.
 * Secret files are opened here, on load and on reload. */
#include "config/merge.h"

#include "config/config_file.h"
#include "config/value.h"

enum { SECRET_MAX = 64 << 10 };

static void *merge_field_of(struct config *c, const struct option *o)
{
    return o->offset == OPTION_NO_FIELD ? NULL : (char *)c + o->offset;
}

void merge_defaults(struct config *c)
{
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        const struct option *o = option_at(id);
        struct setting *s = &c->metadata->settings[id];
        struct value_refusal refusal;
        *s = (struct setting){.source = CONFIG_FROM_DEFAULT, .from = "default"};
        if (!o->default_text)
            continue;
        s->words = raw_option_of_variable(id, slice_of(o->default_text), &c->metadata->arena).words;
        ASSERT(value_read(o, &s->words, &c->metadata->arena, "/", merge_field_of(c, o), &refusal));
    }
}

/* Replaces the path in g->words by what the file holds. */
static bool read_secret_file(struct config *c, struct raw_option *g, struct report *report)
{
    struct arena *arena = &c->metadata->arena;
    struct rule_case path = {
        .text = g->words.n_items ? g->words.items[0] : "", .base_dir = g->base_dir, .arena = arena};
    SCRATCH_BUF(bytes, SECRET_MAX);
    struct slice secret;

    path.normal = path.text;
    (void)rule_path(&path); /* takes every path */
    int r = file_read(path.normal, SECRET_MAX, &bytes);
    if (r != FILE_DONE)
        report_wrong(report, "%s%s: %s: %s", g->place, g->name, path.normal, file_complaint(r));
    secret = buf_slice(&bytes);
    if (slice_ends(secret, "\n"))
        secret.len--;
    if (slice_ends(secret, "\r"))
        secret.len--;
    g->words = (struct config_list){0};
    if (secret.len > 0)
        arena_list_add(arena, &g->words, arena_text(arena, secret));
    else if (r == FILE_DONE)
        report_wrong(report, "%s%s: %s: empty", g->place, g->name, path.normal);
    if (bytes.ptr)
        explicit_bzero(bytes.ptr, bytes.room);
    return g->words.n_items > 0;
}

static void merge_complain(const struct raw_option *g, const struct value_refusal *refusal,
                           struct report *report)
{
    const struct option *o = option_at(g->option);
    int exit_code = g->source >= CONFIG_FROM_ENV ? CONFIG_EXIT_USAGE : CONFIG_EXIT_WRONG;
    SCRATCH_BUF(want, 0);
    SCRATCH_BUF(shown, 0);

    if (refusal->message) {
        report_wrong(report, "%s%s: %s", g->place, g->name, refusal->message);
        return;
    }
    if (refusal->want)
        buf_add_text(&want, refusal->want);
    else
        value_want(o, &want);
    if (o->marks & OPTION_URI_SECRET)
        option_mask_uri(slice_of(refusal->text), &shown);
    else if (!(o->marks & OPTION_SECRET))
        buf_add_text(&shown, refusal->text);
    if (o->marks & OPTION_SECRET)
        report_as(report, exit_code, "%sbad value for %s (want " SLICE_FMT ")", g->place, g->name,
                  SLICE_ARG(buf_slice(&want)));
    else
        report_as(report, exit_code, "%sbad value for %s: \"" SLICE_FMT "\" (want " SLICE_FMT ")",
                  g->place, g->name, SLICE_ARG(buf_slice(&shown)), SLICE_ARG(buf_slice(&want)));
}

/* What `hyphad config` prints for a secret cannot be read back. */
static bool is_masked(const struct option *o, const struct config_list *words)
{
    if (words->n_items == 0)
        return false;
    if (o->marks & OPTION_SECRET)
        return strcmp(words->items[0], OPTION_MASK) == 0;
    return (o->marks & OPTION_URI_SECRET) && strstr(words->items[0], ":***@");
}

static void merge_apply(struct config *c, struct raw_option g, struct report *report)
{
    const struct option *o = option_at(g.option);
    struct setting *s = &c->metadata->settings[g.option];
    struct value_refusal refusal = {0};
    struct config_list words = {0};

    if (g.is_secret_file && !read_secret_file(c, &g, report))
        return;
    if (is_masked(o, &g.words)) {
        refusal.want = "the value itself, not its mask";
        refusal.text = "***";
        merge_complain(&g, &refusal, report);
        return;
    }
    if (option_is_list(o) && s->source == CONFIG_FROM_CLI && g.source == CONFIG_FROM_CLI) {
        for (size_t i = 0; i < s->words.n_items; i++)
            arena_list_add(&c->metadata->arena, &words, s->words.items[i]);
    }
    for (size_t i = 0; i < g.words.n_items; i++)
        arena_list_add(&c->metadata->arena, &words, g.words.items[i]);
    if (!value_read(o, &words, &c->metadata->arena, g.base_dir, merge_field_of(c, o), &refusal)) {
        merge_complain(&g, &refusal, report);
        return;
    }
    *s = (struct setting){g.source, g.from, words};
}

static void check_secret_files(const struct raw_options *all, struct report *report)
{
    for (size_t i = 0; i < all->n_items; i++) {
        for (size_t k = 0; k < all->n_items; k++) {
            const struct raw_option *twin = &all->items[i], *plain = &all->items[k];
            if (twin->is_secret_file && !plain->is_secret_file && !plain->is_alias &&
                twin->option == plain->option && twin->source == plain->source)
                report_as(report,
                          twin->source >= CONFIG_FROM_ENV ? CONFIG_EXIT_USAGE : CONFIG_EXIT_WRONG,
                          "%sboth %s and %s are given", twin->place, plain->name, twin->name);
        }
    }
}

void merge_raw_options(struct config *c, struct report *report)
{
    const struct raw_options *all = &c->metadata->raw_options;

    check_secret_files(all, report);
    for (int source = CONFIG_FROM_FILE; source <= CONFIG_FROM_CLI; source++) {
        for (int is_alias = 1; is_alias >= 0; is_alias--) {
            for (size_t i = 0; i < all->n_items; i++) {
                if ((int)all->items[i].source == source && all->items[i].is_alias == is_alias)
                    merge_apply(c, all->items[i], report);
            }
        }
    }
}
