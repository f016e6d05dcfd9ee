/* text_index: full-text search over small documents: a contract that several engines keep, as
 * records and rows are (store/store.h, store/journal.h). It outlives nothing: whoever owns the
 * documents puts them in again. What is searched for is words, never a query language. Whether
 * "apples" finds "apple" is the engine's business.
 *
 * Called on one loop; the work is done on the worker pool, one job at a time and in the order of
 * the calls, so a search finds what was put in before it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/slice.h"

enum { TEXT_INDEX_FIELDS = 5 };
/* Of a question: what is more is not looked at. */
enum { TEXT_INDEX_WORDS_MAX = 32, TEXT_INDEX_WORD_MAX = 64 };

struct loop;
struct text_index;

/* By the name of its engine; NULL: the best that is there. Without one of that name, or when it
 * cannot be had here, NULL with a line in the log. */
struct text_index *text_index_new(struct loop *loop, const char *engine);
/* The names, the best first; NULL beyond the last. */
const char *text_index_engine(size_t i);
/* Takes NULL. Searches that are not answered are answered with TEXT_INDEX_FAILED before it returns;
 * it frees itself when the worker has let go. */
void text_index_close(struct text_index *t);
/* A document under a number; replaces the one it had. Copied. The first field counts most. What
 * waits for the worker is no more than the documents that are there: one that goes before its turn
 * waits no longer. False: there is no memory. */
MUST_CHECK bool text_index_put(struct text_index *t, int64_t number,
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
    uint64_t time_ms; /* what it may take, once it is its turn */
};

struct text_match {
    int64_t number;
    double score; /* 0 to 1, lower is closer */
};

enum { TEXT_INDEX_OK, TEXT_INDEX_LATE, TEXT_INDEX_FAILED };
/* matches: in no order, borrowed for the call; none unless TEXT_INDEX_OK. */
typedef void text_index_done(int outcome, const struct text_match *matches, size_t n, void *arg);
/* The question is copied. done comes exactly once, never before this returns. */
void text_index_search(struct text_index *t, const struct text_question *q, text_index_done *done,
                       void *arg);
