/* value: one reader for all sources, so "10m" means the same on the command line, in a variable
 * and in a file, and so do the defaults of the rows, which pass through here too. Numbers are
 * read by hand: strtod knows hex, "inf" and the locale, and none of them belongs in a
 * configuration. */
#include "config/value.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "config/arena.h"

enum { DIGITS_MAX = 18 }; /* whole and fraction each: fits 63 bits */

struct unit {
    const char *name;
    double factor;
};

static const struct unit time_units[] = {{"", 1000},  {"ms", 1},     {"s", 1000},
                                         {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}};
static const struct unit size_units[] = {
    {"", 1},       {"K", 1024},      {"M", 1048576},     {"G", 1073741824},
    {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}};

/* [+-]digits[.digits]; *ret_rest is what follows. */
static bool value_read_number(struct slice s, bool is_fraction_allowed, double *ret_number,
                              struct slice *ret_rest)
{
    bool is_negative = s.len > 0 && s.ptr[0] == '-';
    size_t i = is_negative || (s.len > 0 && s.ptr[0] == '+') ? 1 : 0, start = i;
    double number = 0, scale = 1;

    for (; i < s.len && isdigit((unsigned char)s.ptr[i]); i++)
        number = number * 10 + (s.ptr[i] - '0');
    if (i == start || i - start > DIGITS_MAX)
        return false;
    if (is_fraction_allowed && i + 1 < s.len && s.ptr[i] == '.' &&
        isdigit((unsigned char)s.ptr[i + 1])) {
        for (start = ++i; i < s.len && isdigit((unsigned char)s.ptr[i]); i++) {
            number = number * 10 + (s.ptr[i] - '0');
            scale *= 10;
        }
        if (i - start > DIGITS_MAX)
            return false;
    }
    *ret_number = (is_negative ? -number : number) / scale;
    *ret_rest = slice_from(s, i);
    return true;
}

static bool read_scaled(struct slice s, const struct unit *units, size_t n_units,
                        double *ret_number)
{
    struct slice rest;
    double number;

    if (!value_read_number(s, true, &number, &rest))
        return false;
    rest = slice_trim(rest);
    for (size_t i = 0; i < n_units; i++) {
        if (slice_is(rest, units[i].name)) {
            *ret_number = number * units[i].factor;
            return true;
        }
    }
    return false;
}

static bool read_numeric(const struct option *o, struct slice text, void *field)
{
    struct slice rest = {NULL, 0};
    double number = 0;
    bool is_good, is_none = (o->marks & OPTION_NONE) && slice_is_nocase(text, "none");

    if (is_none)
        is_good = true; /* 0 in the field: no limit */
    else if (o->kind == OPTION_TIME)
        is_good = read_scaled(text, time_units, ARRAY_LEN(time_units), &number);
    else if (o->kind == OPTION_SIZE)
        is_good = read_scaled(text, size_units, ARRAY_LEN(size_units), &number);
    else
        is_good = value_read_number(text, o->kind == OPTION_NUM, &number, &rest) && rest.len == 0;
    if (o->kind != OPTION_NUM)
        number = round(number);
    if (!is_good)
        return false;
    if (!is_none && (number < (double)o->min || number > (double)o->max ||
                     (number <= 0 && (o->marks & OPTION_NONE))))
        return false;
    if (number < 0)
        number = 0;
    if (!field)
        return true;
    switch (o->kind) {
    case OPTION_INT:
        *(uint32_t *)field = (uint32_t)number;
        break;
    case OPTION_NUM:
        *(double *)field = number;
        break;
    case OPTION_TIME:
        *(uint64_t *)field = (uint64_t)number;
        break;
    default:
        *(size_t *)field = (size_t)number;
        break;
    }
    return true;
}

bool value_read_flag(struct slice text, bool *ret_on)
{
    static const char *const on[] = {"true", "1", "yes", "y", "on"}, *const off[] = {"false", "0",
                                                                                     "no", "n",
                                                                                     "off"};

    text = slice_trim(text);
    for (size_t i = 0; i < ARRAY_LEN(on); i++) {
        if (slice_is_nocase(text, on[i]) || slice_is_nocase(text, off[i])) {
            *ret_on = slice_is_nocase(text, on[i]);
            return true;
        }
    }
    return false;
}

static bool read_choice(const char *choices, struct slice text, int *ret_index)
{
    struct slice rest = slice_of(choices), head;

    for (int i = 0; rest.len > 0; i++) {
        if (!slice_cut(rest, '|', &head, &rest)) {
            head = rest;
            rest.len = 0;
        }
        if (slice_eq(head, text)) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

static bool value_read_word(const struct option *o, struct slice text, void *field)
{
    bool is_on = false;
    int choice = 0;
    enum log_level level = LOG_INFO;
    bool is_good = false;

    text = slice_trim(text);
    switch (o->kind) {
    case OPTION_FLAG:
        is_good = value_read_flag(text, &is_on);
        if (is_good && field)
            *(bool *)field = is_on;
        return is_good;
    case OPTION_CHOICE:
        is_good = read_choice(o->choices, text, &choice);
        break;
    case OPTION_LEVEL:
        is_good = log_level_parse(text, &level);
        choice = (int)level;
        break;
    default:
        return read_numeric(o, text, field);
    }
    if (is_good && field)
        *(int *)field = choice;
    return is_good;
}

static void store_words(const struct option *o, const struct config_list *words,
                        struct arena *arena, void *field)
{
    if (o->kind == OPTION_CIDRS) {
        struct config_cidrs *cidrs = field;
        cidrs->items = arena_new(arena, words->n_items * sizeof(*cidrs->items));
        cidrs->n_items = words->n_items;
        for (size_t i = 0; i < words->n_items; i++)
            ASSERT(rule_parse_cidr(words->items[i], &cidrs->items[i]));
    } else if (o->kind == OPTION_MOUNTS) {
        struct config_mounts *mounts = field;
        struct slice name, dir;
        mounts->items = arena_new(arena, words->n_items * sizeof(*mounts->items));
        mounts->n_items = words->n_items;
        for (size_t i = 0; i < words->n_items; i++) {
            ASSERT(slice_cut(slice_of(words->items[i]), ':', &name, &dir));
            mounts->items[i].name = arena_text(arena, slice_from(name, 1));
            mounts->items[i].dir = arena_text(arena, dir);
        }
    } else if (option_is_text(o)) {
        *(const char **)field = words->n_items ? words->items[0] : NULL;
    } else {
        *(struct config_list *)field = *words;
    }
}

bool value_read(const struct option *o, struct config_list *words, struct arena *arena,
                const char *base_dir, void *field, struct value_refusal *ret_refusal)
{
    struct config_list good = {0};

    if (!option_is_list(o) && !option_is_comma(o) && !option_is_text(o)) {
        const char *text = words->n_items ? words->items[words->n_items - 1] : "";
        ret_refusal->text = text;
        return value_read_word(o, slice_of(text), field);
    }
    for (size_t i = 0; i < words->n_items; i++) {
        struct rule_case c = {.text = words->items[i],
                              .base_dir = base_dir,
                              .arena = arena,
                              .normal = words->items[i]};
        bool (*rule)(struct rule_case *) = o->rule                  ? o->rule
                                           : o->kind == OPTION_PATH ? rule_path
                                                                    : NULL;
        if (c.text[0] == 0)
            continue;
        if (rule && !rule(&c)) {
            *ret_refusal = (struct value_refusal){c.text, c.want, c.message};
            return false;
        }
        arena_list_add(arena, &good, c.normal);
    }
    *words = good;
    if (field)
        store_words(o, words, arena, field);
    return true;
}

void value_restore(const struct option *o, struct config_list *words, struct arena *arena,
                   void *field)
{
    struct value_refusal refusal;

    if (option_is_list(o) || option_is_comma(o) || option_is_text(o))
        store_words(o, words, arena, field);
    else if (words->n_items > 0)
        ASSERT(value_read(o, words, arena, "/", field, &refusal));
    else if (o->kind == OPTION_FLAG)
        *(bool *)field = false;
}

static void add_amount(const struct option *o, int64_t amount, struct buf *out)
{
    static const struct unit times[] = {
        {"d", 86400e3}, {"h", 3600e3}, {"m", 60e3}, {"s", 1000}, {"ms", 1}};
    static const struct unit sizes[] = {{"G", 1073741824}, {"M", 1048576}, {"K", 1024}};
    const struct unit *units = o->kind == OPTION_TIME ? times : sizes;
    size_t n_units = o->kind == OPTION_TIME   ? ARRAY_LEN(times)
                     : o->kind == OPTION_SIZE ? ARRAY_LEN(sizes)
                                              : 0;

    for (size_t i = 0; amount > 0 && i < n_units; i++) {
        int64_t factor = (int64_t)units[i].factor;
        if (amount % factor == 0) {
            buf_add_fmt(out, "%lld%s", (long long)(amount / factor), units[i].name);
            return;
        }
    }
    buf_add_fmt(out, "%lld", (long long)amount);
}

void value_want(const struct option *o, struct buf *out)
{
    static const char *const nouns[] = {[OPTION_INT] = "an integer",
                                        [OPTION_NUM] = "a number",
                                        [OPTION_TIME] = "a time",
                                        [OPTION_SIZE] = "a size"};
    struct slice rest, head;

    switch (o->kind) {
    case OPTION_FLAG:
        buf_add_text(out, "true or false");
        return;
    case OPTION_LEVEL:
        buf_add_text(out, "debug, info, warn or error");
        return;
    case OPTION_CHOICE:
        for (rest = slice_of(o->choices); slice_cut(rest, '|', &head, &rest);)
            buf_add_fmt(out, SLICE_FMT " or ", SLICE_ARG(head));
        buf_add_slice(out, rest);
        return;
    case OPTION_INT:
    case OPTION_NUM:
    case OPTION_TIME:
    case OPTION_SIZE:
        buf_add_fmt(out, "%s ", nouns[o->kind]);
        if ((o->marks & OPTION_NONE) && o->min == 0)
            buf_add_text(out, "above 0, up to ");
        else {
            add_amount(o, o->min, out);
            buf_add_text(out, "..");
        }
        add_amount(o, o->max, out);
        if (o->marks & OPTION_NONE)
            buf_add_text(out, ", or none for no limit");
        return;
    default:
        buf_add_text(out, option_is_list(o) || option_is_comma(o) ? "a list" : "a text");
        return;
    }
}

void value_join(const struct option *o, const struct config_list *words, struct buf *out)
{
    for (size_t i = 0; i < words->n_items; i++) {
        if (i > 0)
            buf_add_text(out, o->kind == OPTION_LINES ? "\n" : option_is_comma(o) ? "," : " ");
        buf_add_text(out, words->items[i]);
    }
}

void value_split(const struct option *o, struct slice text, struct arena *arena,
                 struct config_list *ret_words)
{
    const char *cuts = o->kind == OPTION_LINES ? "\r\n" : option_is_comma(o) ? "," : " \t\r\n\f\v";

    for (size_t i = 0; i < text.len;) {
        size_t start = i;
        while (i < text.len && !strchr(cuts, text.ptr[i]))
            i++;
        struct slice word = slice_trim(slice_make(text.ptr + start, i - start));
        if (word.len > 0)
            arena_list_add(arena, ret_words, arena_text(arena, word));
        i++;
    }
}
