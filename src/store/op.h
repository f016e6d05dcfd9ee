/* op: one asked-for operation on its way through an engine: its own copy of key and bytes, its
 * callback, its result; and the queue all engines put it in. The store room's own. Made and
 * delivered on the loop; run wherever the engine runs, by one thread at a time. */
#pragma once
#include "base/buf.h"
#include "base/holders.h"
#include "base/list.h"
#include "store/journal.h"
#include "store/store.h"

enum store_op_kind {
    STORE_OP_PUT,
    STORE_OP_REMOVE,
    STORE_OP_GET,
    STORE_OP_SCAN,
    STORE_OP_APPEND,
    STORE_OP_READ,
    STORE_OP_COUNT,
    STORE_OP_TRIM, /* store/op_journal.h */
};

struct journal_op;

struct store_op {
    struct list link;
    enum store_op_kind kind;
    const char *bucket;      /* borrowed for good: a fixed name of ours */
    struct slice key, bytes; /* inside data */
    char *data;              /* owned */
    int64_t expires_at;
    union {
        store_done *done; /* put, remove, append, trim; may be NULL */
        store_got *got;
        store_row *row;
    };
    void *arg;
    struct journal_op *journal; /* owned; NULL but for the journal's kinds */
    bool is_refused;            /* no room for the copy: not run, fails */
    /* scan: rows from this key on are wanted; at first empty */
    struct held_buf after;
    /* the engine's answer */
    bool has_more; /* scan, read: rows follow this piece */
    size_t n_rows; /* scan: in result */
    int outcome;
    /* get: the bytes; scan: rows by store_op_add_row(); journal_op_add_*() */
    struct held_buf result;
};

/* A piece of a scan ends with the row that reaches one of these. */
enum { STORE_SCAN_ROWS = 256, STORE_SCAN_BYTES = 256 * 1024 };

bool store_op_is_write(const struct store_op *op);
/* forgets the answer, so that it can be run again */
void store_op_reset(struct store_op *op);
/* False: that was the last row of this piece. */
bool store_op_add_row(struct store_op *op, struct slice key, struct slice bytes);

/* Copies waiting in one queue. When the disk cannot keep up, further operations fail rather than
 * fill the memory. */
enum { STORE_QUEUE_BYTES_MAX = 256 * 1024 * 1024 };

/* The front half of every engine: fills the queue and wakes the engine, which empties it when it
 * likes, in order. */
struct store_engine {
    struct store base;
    /* there is an operation, or is_closing was set */
    void (*wake)(struct store_engine *e);
    struct list ops;        /* of the records, and the journal's trims */
    struct list rows[2];    /* of the journal; by is_stranger */
    struct journal journal; /* of an engine that keeps rows */
    struct holders owners;  /* of the appends that are not yet delivered */
    size_t queued_bytes;    /* of all operations not yet delivered */
    /* nothing is asked for any more; once empty: free, then call closed */
    bool is_closing;
    store_done *closed;
    void *closed_arg;
};

/* An operation with its copy of key and bytes, refused when there is no room for it; then into the
 * queue. */
struct store_op *store_op_new(struct store *s, enum store_op_kind kind, const char *bucket,
                              struct slice key, struct slice bytes);
void store_op_ask(struct store *s, struct store_op *op);
void store_engine_init(struct store_engine *e, struct loop *loop,
                       void (*wake)(struct store_engine *e));
/* it runs the journal's operations too */
void store_engine_keep_rows(struct store_engine *e);
void store_engine_deinit(struct store_engine *e);        /* idle */
bool store_engine_is_idle(const struct store_engine *e); /* nothing waits */
/* Takes what is next of the rows: at most so many, the known before strangers, who have some places
 * of their own. Appends to batch. */
void store_engine_take_rows(struct store_engine *e, struct list *batch, unsigned most);
/* Calls back and frees. The callback may ask for further operations. A scan or a read that is not
 * at its end is not freed, but made ready for its next piece and returned, to be run before
 * anything that was asked for later: answers come in the order of the calls. */
struct store_op *store_op_deliver(struct store_engine *e, struct store_op *op);
