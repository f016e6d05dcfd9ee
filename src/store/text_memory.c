/* text_memory: every document is looked at for each question, word by word as it is written,
 * whatever its case in ASCII. For a SQLite that has no FTS5: slower, which the deadline of a
 * question bounds, and without stems. */
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "store/text_engine.h"

struct document {
    int64_t number;
    struct slice fields[TEXT_INDEX_FIELDS]; /* in text */
    char text[];
};

struct text_memory {
    struct text_engine base;
    struct map documents; /* number -> struct document, owned */
};

static struct text_memory *memory_of(struct text_engine *e)
{
    return CONTAINER_OF(e, struct text_memory, base);
}

static struct slice text_memory_key_of(const int64_t *number)
{
    return slice_make(number, sizeof(*number));
}

static void memory_remove(struct text_engine *e, int64_t number)
{
    mem_free(map_take(&memory_of(e)->documents, text_memory_key_of(&number)));
}

static void memory_put(struct text_engine *e, int64_t number,
                       const struct slice fields[TEXT_INDEX_FIELDS])
{
    struct document *d;
    size_t n_bytes = 0;
    char *at;

    memory_remove(e, number);
    for (unsigned i = 0; i < TEXT_INDEX_FIELDS; i++)
        n_bytes += fields[i].len;
    d = mem_new(sizeof(*d) + n_bytes);
    d->number = number;
    at = d->text;
    for (unsigned i = 0; i < TEXT_INDEX_FIELDS; at += fields[i++].len) {
        if (fields[i].len)
            memcpy(at, fields[i].ptr, fields[i].len);
        d->fields[i] = slice_make(at, fields[i].len);
    }
    map_put(&memory_of(e)->documents, text_memory_key_of(&d->number), d);
}

/* ---- searching ---- */

static bool word_matches(struct slice word, struct slice wanted, bool is_prefix)
{
    if (is_prefix)
        word = slice_to(word, wanted.len);
    return word.len == wanted.len && strncasecmp(word.ptr, wanted.ptr, word.len) == 0;
}

static unsigned count_words(struct slice field, struct slice wanted)
{
    struct slice word;
    unsigned n = 0;

    while (text_word_next(&field, &word))
        n += word_matches(word, wanted, true);
    return n;
}

/* Whether the field goes on, from here, with all the words of the filter. */
static bool begins_with(struct slice field, const struct text_filter *f)
{
    struct slice wanted = f->text, one, word;

    while (text_word_next(&wanted, &one)) {
        if (!text_word_next(&field, &word) || !word_matches(word, one, f->is_prefix && !wanted.len))
            return false;
    }
    return true;
}

static bool text_memory_passes(const struct document *d, const struct text_filter *f)
{
    struct slice rest = d->fields[f->field], word;

    do {
        if (begins_with(rest, f))
            return true;
    } while (text_word_next(&rest, &word));
    return false;
}

/* How often the words stand in it, those of the first fields more than once. */
static double weight_of(const struct document *d, struct slice words)
{
    static const double weights[TEXT_INDEX_FIELDS] = {8, 4, 2, 1, 1};
    double sum = 0;
    struct slice word;

    while (text_word_next(&words, &word)) {
        for (unsigned i = 0; i < TEXT_INDEX_FIELDS; i++)
            sum += weights[i] * count_words(d->fields[i], word);
    }
    return sum;
}

static bool is_found(const struct document *d, const struct text_question *q, double *ret_score)
{
    double weight = weight_of(d, q->words);

    for (unsigned i = 0; i < q->n_filters; i++) {
        if (!text_memory_passes(d, &q->filters[i]))
            return false;
    }
    *ret_score = 1 / (1 + weight);
    return !q->words.len || weight > 0;
}

static int memory_search(struct text_engine *e, const struct text_question *q, uint64_t deadline_ns,
                         struct text_matches *ret)
{
    struct text_match match;
    void *value;

    for (size_t at = 0; map_next(&memory_of(e)->documents, &at, NULL, &value);) {
        const struct document *d = value;
        match.number = d->number;
        if (is_found(d, q, &match.score) && !text_matches_add(ret, match))
            return TEXT_INDEX_FAILED;
        if (clock_mono_ns() > deadline_ns)
            return TEXT_INDEX_LATE;
    }
    return TEXT_INDEX_OK;
}

/* ---- life ---- */

static void memory_nothing(struct text_engine *e)
{
    (void)e;
}

static void memory_close(struct text_engine *e)
{
    struct text_memory *t = memory_of(e);
    void *value;

    for (size_t at = 0; map_next(&t->documents, &at, NULL, &value);)
        mem_free(value);
    map_deinit(&t->documents);
    mem_free(t);
}

static const struct text_engine_ops memory_ops = {memory_nothing, memory_put,     memory_remove,
                                                  memory_search,  memory_nothing, memory_close};

struct text_engine *text_engine_open_memory(void)
{
    struct text_memory *t = MEM_NEW(struct text_memory);

    t->base.ops = &memory_ops;
    map_init(&t->documents);
    return &t->base;
}
