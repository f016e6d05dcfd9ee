/* op_journal: what an operation of store/journal.h carries beside its bytes, and how its rows come
 * back. The store room's own. */
#pragma once
#include "store/journal.h"
#include "store/op.h"

struct journal_op {
    struct journal_row row;       /* append; slices inside the operation's data */
    struct journal_query query;   /* read, count; the same */
    struct journal_limits limits; /* append, trim */
    journal_got *got;             /* read */
    journal_counted *counted;     /* count */
    struct holding waiting;       /* append: in the engine's owners */
    uint64_t n_dropped;           /* the engine's answer */
    /* a read that is not at its end */
    void *at; /* where it goes on: the engine's own */
    uint32_t n_read;
    size_t n_bytes; /* in the pieces before this one */
};

bool journal_op_is(const struct store_op *op); /* one of the journal's, or of the records'? */
/* The engine's answer, row by row. False: there is no room for it in what the asker will take. */
bool journal_op_add_row(struct store_op *op, const struct journal_row *row);
bool journal_op_add_count(struct store_op *op, struct slice type,
                          int64_t n_rows); /* no room: the answer has failed */
/* Calls back; does not free. True: that was a piece of a read, and there is a next one. */
bool journal_op_deliver(struct store_engine *e, struct store_op *op);
