/* journal: the second contract of the store room: rows that are only ever added, read back by whose
 * they are, what they are and when they were written. The event log is the one user. An engine that
 * keeps both stands on one file and one group commit, so an answer of either says the same about a
 * crash.
 *
 * Called on the loop of the store it came with only; callbacks come back there. Records do not wait
 * for rows: of those a piece goes with each writing to the disk, of who is known before strangers.
 * Answers come in the order of the calls among those of the known, and among those of strangers.
 * Not after store_close(). */
#pragma once
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "store/store.h" /* store_done, outcomes */

struct journal_row {
    int64_t id;                         /* given by the journal, growing, never given twice */
    int64_t at_us;                      /* Unix time in microseconds */
    struct slice workspace, user, type; /* texts */
    /* whose share it takes; only written, never read back */
    struct slice owner;
    bool is_stranger;  /* this too: waits behind those of others */
    struct slice data; /* bytes of the writer's choice */
};

/* What is kept, of an owner, of a workspace and of all: which rows go says journal_shares.h. They
 * go a bounded number at a time, so a limit that was lowered is met after a while. Bytes are those
 * of the data and a flat rate for the rest of a row. */
struct journal_limits {
    uint64_t rows_per_owner, rows_per_workspace, rows;
    uint64_t bytes_per_owner, bytes_per_workspace, bytes;
    int64_t since_us; /* older rows may be dropped */
    /* appends that wait, at most; of one owner a JOURNAL_SHARE of them; 0 = any number */
    size_t waiting;
};

struct journal_query {
    struct slice workspace, user; /* exact */
    struct slice type;            /* exact; empty = any */
    int64_t from_us, to_us;       /* both included */
    uint32_t max_rows;            /* of a read: the newest are given */
    /* 0 = any; a read ends before it passes this, a count fails */
    size_t max_bytes;
    /* waits behind those of others, and not before the rows of strangers */
    bool is_stranger;
};

/* Rows come packed, some in each call (STORE_OK), newest first: megabytes, of which a loop does not
 * look at every row. Then one call with NULL: STORE_ABSENT at the end, or STORE_FAILED. Who takes a
 * piece over leaves a zeroed one. */
typedef void journal_got(int outcome, struct held_buf *rows, void *arg);
/* The next row of a piece, which borrows from it; rest: at first all of it. False at the end. Any
 * thread. */
bool journal_next(struct slice *rest, struct journal_row *ret);
/* One call for each type and how many rows have it, types in bytewise order; the same end. */
typedef void journal_counted(int outcome, struct slice type, int64_t n_rows, void *arg);

struct journal_ops {
    bool (*append)(struct journal *j, const struct journal_row *row,
                   const struct journal_limits *limits, store_done *done, void *arg);
    void (*read)(struct journal *j, const struct journal_query *query, journal_got *got, void *arg);
    void (*count)(struct journal *j, const struct journal_query *query, journal_counted *counted,
                  void *arg);
    void (*trim)(struct journal *j, const struct journal_limits *limits);
};

/* Belongs to the store it is the journal of. */
struct journal {
    const struct journal_ops *ops;
};

enum { JOURNAL_SHARE = 10 };
/* The row's id is ignored. done may be NULL. False: as many wait as may, of its owner or of all;
 * nothing has been done. */
MUST_CHECK static inline bool journal_append(struct journal *j, const struct journal_row *row,
                                             const struct journal_limits *limits, store_done *done,
                                             void *arg)
{
    return j->ops->append(j, row, limits, done, arg);
}

static inline void journal_read(struct journal *j, const struct journal_query *query,
                                journal_got *got, void *arg)
{
    j->ops->read(j, query, got, arg);
}

static inline void journal_count(struct journal *j, const struct journal_query *query,
                                 journal_counted *counted, void *arg)
{
    j->ops->count(j, query, counted, arg);
}

/* Drops some of what the limits no longer keep, of all workspaces together: called now and then by
 * who sets them. */
static inline void journal_trim(struct journal *j, const struct journal_limits *limits)
{
    j->ops->trim(j, limits);
}
