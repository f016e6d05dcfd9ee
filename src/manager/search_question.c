/* search_question: the fields are rows of one table. Error texts are the original's where it has
 * one. */
#include "manager/search_question.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "registry/registry.h"
#include "rpc/rpc.h"
#include "wire/mp.h"
#include "wire/pairs.h"

static const struct search_field FIELDS[] = {
    {"id", SEARCH_TAG, false, 0},
    {"type", SEARCH_TAG, false, 0},
    {"app_id", SEARCH_TAG, false, 0},
    {"visibility", SEARCH_TAG, true, 0},
    {"workspace", SEARCH_TAG, true, 0},
    {"singleton", SEARCH_TAG, true, 0},
    {"flags", SEARCH_TAG, true, 0},
    {"require_context", SEARCH_TAG, true, 0},
    {"name", SEARCH_TEXT, false, 0},
    {"description", SEARCH_TEXT, false, 1},
    {"docs", SEARCH_TEXT, false, 2},
    {"service_schema", SEARCH_TEXT, false, 3},
    {"created_by", SEARCH_TEXT, true, 4},
    {"config", SEARCH_SHOWN, false, 0},
    {"service_embedding", SEARCH_SHOWN, true, 0},
};

static const struct search_field *search_question_field_of(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
        if (slice_is(name, FIELDS[i].name))
            return &FIELDS[i];
    }
    return NULL;
}

static struct slice search_question_shown(struct slice name)
{
    return slice_utf8_prefix(name, 100);
}

/* ---- reading ---- */

static bool search_question_read_words(const struct rpc_call *call, struct search_question *q,
                                       struct refusal *r)
{
    struct slice value = call->args[0], rtype;

    if (!value.len || mp_is(value, MP_NIL))
        return true;
    if (mp_get_str(value, &q->text.words)) {
        q->has_words = q->text.words.len > 0;
        if (q->text.words.len > SEARCH_WORDS_BYTES)
            return refuse(r, "ValueError", "The query is longer than %d bytes", SEARCH_WORDS_BYTES);
        return slice_is_utf8(q->text.words) || refuse(r, "ValueError", "The query is no text");
    }
    if (mp_is(value, MP_ARRAY) || mp_is(value, MP_BIN) || mp_find_str(value, "_rtype", &rtype))
        return refuse(r, "ValueError",
                      "A vector cannot be searched for: this server's index is one of words and "
                      "has no embeddings. "
                      "Give the query as text");
    return refuse(r, "TypeError", "query must be a text");
}

static bool read_text_filter(struct search_question *q, const struct search_field *f,
                             struct slice value, struct refusal *r)
{
    struct slice text, head, tail;
    bool is_prefix = false;

    if (!mp_get_str(value, &text) || !slice_is_utf8(text))
        return refuse(r, "ValueError", "TextField '%s' requires a string value.", f->name);
    if (text.len > SEARCH_WORDS_BYTES)
        return refuse(r, "ValueError", "The filter of '%s' is longer than %d bytes", f->name,
                      SEARCH_WORDS_BYTES);
    if (slice_cut(text, '*', &head, &tail)) {
        if (tail.len)
            return refuse(r, "AssertionError", "Wildcard '*' must be at the end.");
        is_prefix = true;
        text = head;
    }
    if (is_prefix && !slice_trim(text).len) /* whatever it says */
        return true;
    q->filters[q->text.n_filters++] = (struct text_filter){f->index_field, text, is_prefix};
    return true;
}

static bool read_tag(struct search_question *q, const struct search_field *f, struct slice value,
                     struct refusal *r)
{
    struct search_tag *tag = &q->tags[q->n_tags++];
    bool flag;

    tag->field = f;
    if (mp_get_bool(value, &flag))
        tag->value = slice_of(flag ? "true" : "false");
    else if (!mp_get_str(value, &tag->value))
        return refuse(r, "ValueError", "TagField '%s' requires a string value.", f->name);
    return true;
}

static bool read_filters(const struct rpc_call *call, struct search_question *q, struct refusal *r)
{
    struct slice key, value, name;
    struct mp_iter it;

    if (mp_count(call->args[1]) > SEARCH_FIELDS_MAX)
        return refuse(r, "ValueError", "There are more than %d filters", SEARCH_FIELDS_MAX);
    mp_iter_init(&it, call->args[1]);
    while (mp_iter_pair(&it, &key, &value)) {
        const struct search_field *f =
            mp_get_str(key, &name) ? search_question_field_of(name) : NULL;
        if (!f || f->kind == SEARCH_SHOWN)
            return refuse(
                r, "ValueError", "Unknown field '" SLICE_FMT "' in filters.",
                SLICE_ARG(search_question_shown(mp_is(key, MP_STR) ? name : SLICE_LIT("?"))));
        if (!(f->kind == SEARCH_TAG ? read_tag : read_text_filter)(q, f, value, r))
            return false;
    }
    return true;
}

static bool search_question_read_fields(const struct rpc_call *call, struct search_question *q,
                                        struct refusal *r)
{
    struct slice item, name;
    struct mp_iter it;

    q->wants_score = q->has_words;
    if (!call_has(call, 4))
        return true;
    if (!mp_count(call->args[4]) || mp_count(call->args[4]) > SEARCH_FIELDS_MAX)
        return refuse(r, "ValueError", "return_fields must name 1 to %d fields", SEARCH_FIELDS_MAX);
    q->wants_score = false;
    mp_iter_init(&it, call->args[4]);
    while (mp_iter_next(&it, &item)) {
        const struct search_field *f =
            mp_get_str(item, &name) ? search_question_field_of(name) : NULL;
        if (mp_is(item, MP_STR) && slice_is(name, "score"))
            q->wants_score = true;
        else if (f)
            q->fields[q->n_fields++] = f;
        else
            return refuse(
                r, "ValueError", "Invalid field: " SLICE_FMT,
                SLICE_ARG(search_question_shown(mp_is(item, MP_STR) ? name : SLICE_LIT("?"))));
    }
    if (!q->n_fields) /* the score alone says of nothing how close it is */
        q->fields[q->n_fields++] = &FIELDS[0];
    return true;
}

static bool search_question_read_page(const struct rpc_call *call, struct search_question *q,
                                      struct refusal *r)
{
    struct slice order = call_text(call, 5);
    int64_t limit = 5, offset = 0;

    (void)mp_get_int(call->args[2], &limit);
    (void)mp_get_int(call->args[3], &offset);
    if (limit < 1 || limit > SEARCH_LIMIT_MAX)
        return refuse(r, "ValueError", "Limit must be greater than 0 and at most %d",
                      SEARCH_LIMIT_MAX);
    if (offset < 0)
        return refuse(r, "ValueError", "Offset number must be greater than or equal to 0");
    q->limit = (size_t)limit;
    q->offset = (size_t)offset;
    q->with_total = call_bool(call, 6, false);
    q->with_unlisted = call_bool(call, 7, false);
    if (!call_has(call, 5) || slice_is(order, "score"))
        return true;
    q->order = search_question_field_of(order);
    return q->order || refuse(r, "ValueError", "Invalid order_by field: " SLICE_FMT,
                              SLICE_ARG(search_question_shown(order)));
}

bool search_question_read(const struct rpc_call *call, struct search_question *ret,
                          struct refusal *r)
{
    *ret = (struct search_question){0};
    if (!search_question_read_words(call, ret, r) || !read_filters(call, ret, r) ||
        !search_question_read_fields(call, ret, r) || !search_question_read_page(call, ret, r))
        return false;
    ret->text.filters = ret->filters;
    return true;
}

/* ---- comparing ---- */

static struct slice value_of(struct slice record, const struct search_field *f)
{
    struct slice map = record, value = {NULL, 0};

    if (f->is_in_config && !mp_find(record, "config", &map))
        return value;
    (void)mp_find(map, f->name, &value);
    return value;
}

static bool has_tag(struct slice value, struct slice wanted)
{
    struct slice item, text;
    struct mp_iter it;
    bool flag;

    if (mp_get_bool(value, &flag))
        return slice_is(wanted, flag ? "true" : "false");
    if (mp_get_str(value, &text))
        return slice_eq(text, wanted);
    mp_iter_init(&it, value);
    while (mp_is(value, MP_ARRAY) && mp_iter_next(&it, &item)) {
        if (mp_get_str(item, &text) && slice_eq(text, wanted))
            return true;
    }
    return false;
}

bool search_fits(const struct search_question *q, const struct service *s)
{
    for (unsigned i = 0; i < q->n_tags; i++) {
        if (!has_tag(value_of(slice_make(s->info, s->info_len), q->tags[i].field),
                     q->tags[i].value))
            return false;
    }
    return true;
}

/* ---- order ---- */

struct slice search_key(const struct search_question *q, const struct service *s)
{
    struct slice key = SLICE_LIT("");

    if (q->order)
        (void)mp_get_str(value_of(slice_make(s->info, s->info_len), q->order), &key);
    return key;
}

/* ---- items ---- */

void search_add_item(struct buf *b, const struct search_question *q, struct slice record,
                     double score)
{
    static const char *const none[] = {NULL};
    struct mp_open item;

    mp_open_map(&item, b);
    if (!q->n_fields)
        pairs_add_but(&item, record, none);
    for (unsigned i = 0; i < q->n_fields; i++) {
        mp_key(&item, q->fields[i]->name);
        mp_add_raw(b, value_of(record, q->fields[i]));
    }
    if (q->wants_score) {
        mp_key(&item, "score");
        if (q->has_words)
            mp_add_float(b, score);
        else
            mp_add_nil(b);
    }
    mp_close(&item);
}
