/* option: the table of the rooms' options.def in memory. Rows are found by a walk: there are two
 * hundred of them and they are looked up at start only. "Near" is the number of letters to insert,
 * drop, change or swap (optimal string alignment), so that --prot leads to --port. */
#include "config/option.h"

#include <ctype.h>

#include "config/config.h"

enum {
    R = OPTION_RELOAD,
    N = OPTION_NONE,
    S = OPTION_SECRET,
    T = OPTION_ALWAYS_ENV,
    W = OPTION_URI_SECRET,
    F = OPTION_SOURCE
};
enum { NEAR_MAX = 64 }; /* longer words are never near anything */

#define RANGE(low, high) .min = (low), .max = (high)

static const struct option options[OPTION_COUNT] = {
#define OPTION(kind, field, name, default_text, status, marks, help, ...)                          \
    {OPTION_##kind,                                                                                \
     name,                                                                                         \
     default_text,                                                                                 \
     OPTION_##status,                                                                              \
     marks,                                                                                        \
     help,                                                                                         \
     .offset = offsetof(struct config, field),                                                     \
     __VA_ARGS__},
#define OPTION_IDLE(kind, field, name, default_text, status, marks, help, ...)                     \
    {OPTION_##kind, name, default_text, OPTION_##status, marks, help, .offset = OPTION_NO_FIELD,   \
     __VA_ARGS__},
#define OPTION_GROUP(...)
#include "rooms_options.def"
#undef OPTION
#undef OPTION_IDLE
#undef OPTION_GROUP
};

static const struct {
    const char *title;
    unsigned first; /* id of its first option */
} groups[] = {
#define OPTION(...)
#define OPTION_IDLE(...)
#define OPTION_GROUP(ident, title) {title, OPTION_FIRST_##ident},
#include "rooms_options.def"
#undef OPTION
#undef OPTION_IDLE
#undef OPTION_GROUP
};

const struct config_names config_names = {
#define OPTION(kind, field, name, ...) .field = name,
#define OPTION_IDLE(kind, field, ...)
#define OPTION_GROUP(...)
#include "rooms_options.def"
#undef OPTION
#undef OPTION_IDLE
#undef OPTION_GROUP
};

const struct option *option_at(unsigned id)
{
    ASSERT(id < OPTION_COUNT);
    return &options[id];
}

/* A title may stand in several files. */
static bool group_is_new(size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (strcmp(groups[i].title, groups[at].title) == 0)
            return false;
    }
    return true;
}

const char *option_group_at(unsigned n)
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (group_is_new(i) && n-- == 0)
            return groups[i].title;
    }
    return NULL;
}

const char *option_group_of(unsigned id)
{
    size_t at = 0;

    while (at + 1 < ARRAY_LEN(groups) && groups[at + 1].first <= id)
        at++;
    return groups[at].title;
}

bool option_is_built(const struct option *o)
{
    return o->status == OPTION_CORE;
}

const char *option_default_word(const struct option *o)
{
    if (o->default_text)
        return o->default_text;
    return o->shown ? o->shown : o->kind == OPTION_FLAG ? "off" : "unset";
}

const char *option_status_word(const struct option *o)
{
    static const char *const words[] = {[OPTION_CORE] = "",
                                        [OPTION_ACCEPT] = " [no effect]",
                                        [OPTION_REFUSE] = " [not supported]",
                                        [OPTION_ABSENT] = " [not built in]",
                                        [OPTION_SWITCH] = " [not built in]"};
    return words[o->status];
}

unsigned option_find_letter(char letter)
{
    unsigned id = 0;

    while (id < OPTION_COUNT && (!letter || options[id].letter != letter))
        id++;
    return id;
}

static bool name_eq(struct slice typed, const char *name, bool is_loose)
{
    if (typed.len != strlen(name))
        return false;
    for (size_t i = 0; i < typed.len; i++) {
        char c = is_loose && typed.ptr[i] == '_' ? '-' : typed.ptr[i];
        if (c != name[i])
            return false;
    }
    return true;
}

unsigned option_find(struct slice name, bool is_loose)
{
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        if (name_eq(name, options[i].name, is_loose) ||
            (options[i].other_name && name_eq(name, options[i].other_name, is_loose)))
            return i;
    }
    return OPTION_COUNT;
}

unsigned option_find_with_secret_file(struct slice name, bool is_loose, bool *ret_is_secret_file)
{
    unsigned id = option_find(name, is_loose);
    bool is_secret_file = false;

    if (id == OPTION_COUNT &&
        (slice_ends(name, "-file") || (is_loose && slice_ends(name, "_file")))) {
        id = option_find(slice_to(name, name.len - strlen("-file")), is_loose);
        if (id != OPTION_COUNT && !(options[id].marks & OPTION_SECRET))
            id = OPTION_COUNT;
        is_secret_file = id != OPTION_COUNT;
    }
    *ret_is_secret_file = is_secret_file;
    return id;
}

unsigned option_find_variable(struct slice variable, bool *ret_is_secret_file, bool *ret_is_alias)
{
    char name[NEAR_MAX];
    struct slice rest;

    *ret_is_secret_file = *ret_is_alias = false;
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        if (options[i].alias && slice_is(variable, options[i].alias)) {
            *ret_is_alias = true;
            return i;
        }
    }
    if (!slice_starts(variable, "HYPHA_"))
        return OPTION_COUNT;
    rest = slice_from(variable, strlen("HYPHA_"));
    if (rest.len == 0 || rest.len >= sizeof(name))
        return OPTION_COUNT;
    for (size_t i = 0; i < rest.len; i++) {
        char c = rest.ptr[i];
        if (c != '_' && !isupper((unsigned char)c) && !isdigit((unsigned char)c))
            return OPTION_COUNT;
        name[i] = (char)(c == '_' ? '-' : tolower((unsigned char)c));
    }
    return option_find_with_secret_file(slice_make(name, rest.len), false, ret_is_secret_file);
}

bool option_is_list(const struct option *o)
{
    return o->kind == OPTION_LIST || o->kind == OPTION_LINES || o->kind == OPTION_MOUNTS;
}

bool option_is_comma(const struct option *o)
{
    return o->kind == OPTION_COMMA || o->kind == OPTION_CIDRS;
}

bool option_is_text(const struct option *o)
{
    return o->kind == OPTION_TEXT || o->kind == OPTION_PATH || o->kind == OPTION_URL;
}

void option_variable_of(const char *name, struct buf *out)
{
    buf_add_text(out, "HYPHA_");
    for (; *name; name++)
        buf_add_byte(out, (uint8_t)(*name == '-' ? '_' : toupper((unsigned char)*name)));
}

void option_variable(const struct option *o, struct buf *out)
{
    option_variable_of(o->name, out);
}

static unsigned option_min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

static unsigned option_distance(struct slice a, struct slice b)
{
    unsigned rows[3][NEAR_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b.len; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= a.len; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned change = last[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
            row[j] = option_min3(change, last[j] + 1, row[j - 1] + 1);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        unsigned *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[b.len];
}

/* Keeps the nearer of *best and candidate. */
static void option_consider(struct slice word, const char *candidate, const char **best,
                            unsigned *best_distance)
{
    struct slice c = slice_of(candidate);
    if (c.len > NEAR_MAX || word.len > NEAR_MAX)
        return;
    unsigned d = option_distance(word, c);
    if (d < *best_distance) {
        *best = candidate;
        *best_distance = d;
    }
}

static unsigned option_reach(struct slice word)
{
    return word.len / 3 > 2 ? (unsigned)(word.len / 3) + 1
                            : 3; /* one past the largest distance that is near */
}

const char *option_nearest(struct slice name)
{
    const char *best = NULL;
    unsigned best_distance = option_reach(name);

    for (unsigned i = 0; i < OPTION_COUNT; i++)
        option_consider(name, options[i].name, &best, &best_distance);
    return best;
}

const char *option_caveat(const char *name)
{
    unsigned id = option_find(slice_of(name), false);
    bool is_built = id == OPTION_COUNT || options[id].status == OPTION_CORE ||
                    options[id].status == OPTION_ACCEPT;

    return is_built ? "" : " it is not built in";
}

const char *option_nearest_of(struct slice word, const char *const *words, size_t n_words)
{
    const char *best = NULL;
    unsigned best_distance = option_reach(word);

    for (size_t i = 0; i < n_words; i++)
        option_consider(word, words[i], &best, &best_distance);
    return best;
}
