/* search_question: what somebody asks of search_services, checked once: words, filters, order,
 * fields, page. Pure. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "manager/reply.h"
#include "store/text_index.h"

struct rpc_call;
struct service;

enum { SEARCH_LIMIT_MAX = 1000, SEARCH_WORDS_BYTES = 1024, SEARCH_FIELDS_MAX = 32 };

/* One thing that can be asked of a service. */
struct search_field {
    const char *name;
    enum {
        SEARCH_TAG,
        SEARCH_TEXT,
        SEARCH_SHOWN
    } kind; /* SHOWN: to be returned or sorted by, not to be filtered by */
    bool is_in_config;
    unsigned index_field; /* of a text: its number in the index */
};

struct search_tag {
    const struct search_field *field;
    struct slice value; /* borrowed from the call */
};

struct search_question {
    struct text_question text;
    bool has_words;
    struct text_filter filters[SEARCH_FIELDS_MAX];
    struct search_tag tags[SEARCH_FIELDS_MAX];
    unsigned n_tags;
    /* to be returned; none: the record */
    const struct search_field *fields[SEARCH_FIELDS_MAX];
    unsigned n_fields;
    bool wants_score;
    const struct search_field *order; /* NULL: closest first, or as registered */
    size_t limit, offset;
    bool with_total, with_unlisted;
};

/* Borrows from the call. */
bool search_question_read(const struct rpc_call *call, struct search_question *ret,
                          struct refusal *r);
bool search_fits(const struct search_question *q, const struct service *s); /* by its tags */

/* What it is ordered by, borrowed from the service: empty where the order is none or what it names
 * is no text, which comes first. */
struct slice search_key(const struct search_question *q, const struct service *s);
/* One item of the answer: of a record as the caller may see it. */
void search_add_item(struct buf *b, const struct search_question *q, struct slice record,
                     double score);
