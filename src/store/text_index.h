/* text_index: full-text search over small documents, kept in memory: SQLite's FTS5, which is why
 * it lives in this room. It outlives nothing: whoever owns the documents puts them in again. What
 * is searched for is words, never a query language.
 *
 * One thread; no call waits for a disk. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/slice.h"

enum { TEXT_INDEX_FIELDS = 5 };
/* Of a question: what is more is not looked at. */
enum { TEXT_INDEX_WORDS_MAX = 32, TEXT_INDEX_WORD_MAX = 64 };

struct text_index;

struct text_index *text_index_new(void);    /* NULL: the SQLite here was built without FTS5 */
void text_index_free(struct text_index *t); /* takes NULL */
/* A document under a number; replaces the one it had. The key comes back with a match. weight of
 * the fields: the first counts most. False: no memory. */
MUST_CHECK bool text_index_put(struct text_index *t, int64_t number, struct slice key,
                               const struct slice fields[TEXT_INDEX_FIELDS]);
void text_index_remove(struct text_index *t, int64_t number);

struct text_filter {
    unsigned field;
    struct slice text; /* all its words, next to each other and in this order */
    bool is_prefix;    /* the last one may go on */
};

struct text_question {
    struct slice words; /* any of them, or what begins with one; empty: any document */
    const struct text_filter *filters; /* all of them */
    unsigned n_filters;
    uint64_t deadline_ns; /* clock_mono_ns(); no answer after it */
};

enum { TEXT_INDEX_OK, TEXT_INDEX_LATE, TEXT_INDEX_FAILED };
/* Calls each match, in no order. score: 0 to 1, lower is closer; borrowed key. The index must not
 * change meanwhile. */
typedef void text_index_match(struct slice key, double score, void *arg);
MUST_CHECK int text_index_search(struct text_index *t, const struct text_question *q,
                                 text_index_match *match, void *arg);
