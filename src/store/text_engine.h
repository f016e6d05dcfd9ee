/* text_engine: what an engine of the text index does. For the files of this room that are one; its
 * queue, its copies and its answers are text_index.c's. All but open: on a worker, one call at a
 * time, in the order in which the index was asked, between begin and commit. A further one is a
 * file with these functions and a row in text_index.c. */
#pragma once
#include "store/text_index.h"

struct account;

struct text_matches {
    struct account *payer;    /* borrowed */
    struct text_match *items; /* owned */
    size_t n, n_room;
};
MUST_CHECK bool text_matches_add(struct text_matches *m,
                                 struct text_match match); /* false: no room */

/* The next word of a text, which borrows from it; rest: at first all of it. False at the end. */
bool text_word_next(struct slice *rest, struct slice *ret);

struct text_engine {
    const struct text_engine_ops *ops;
};

struct text_engine_ops {
    void (*begin)(struct text_engine *e);
    void (*put)(struct text_engine *e, int64_t number,
                const struct slice fields[TEXT_INDEX_FIELDS]);
    void (*remove)(struct text_engine *e, int64_t number);
    /* Texts of the question are words with a blank between them, at least one in each filter, one
     * somewhere. deadline_ns: by clock_mono_ns. TEXT_INDEX_OK, TEXT_INDEX_LATE,
     * TEXT_INDEX_FAILED. */
    int (*search)(struct text_engine *e, const struct text_question *q, uint64_t deadline_ns,
                  struct text_matches *ret);
    void (*commit)(struct text_engine *e);
    void (*close)(struct text_engine *e);
};

/* On the loop's thread. NULL: it cannot be had here, and why is in the log. */
struct text_engine *text_engine_open_sqlite(void);
struct text_engine *text_engine_open_memory(void);
