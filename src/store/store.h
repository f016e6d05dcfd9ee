/* store: asynchronous key-value records that outlive the process. One contract; nobody above can
 * tell which engine runs. A record lives in a bucket (a fixed name of ours) under a key. A write is
 * acknowledged when it will survive a crash.
 *
 * Called on one loop (the hub's) only; callbacks come back on that loop, in the order of the
 * calls. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/slice.h"
#include "loop/loop.h"

struct store;

/* FAILED: disk full, I/O error; the log has the reason */
enum { STORE_OK, STORE_ABSENT, STORE_FAILED };

typedef void store_done(int outcome, void *arg);
/* bytes: borrowed for the call; empty unless STORE_OK. */
typedef void store_got(int outcome, struct slice bytes, void *arg);
/* One call per record in key order (STORE_OK), then one with STORE_ABSENT at the end, or
 * STORE_FAILED. A bucket is read a bounded piece at a time, each delivered in a turn of its own:
 * its size is nobody's memory, and no turn's length. */
typedef void store_row(int outcome, struct slice key, struct slice bytes, void *arg);

struct store_ops {
    void (*put)(struct store *s, const char *bucket, struct slice key, struct slice bytes,
                int64_t expires_at, store_done *done, void *arg);
    void (*remove)(struct store *s, const char *bucket, struct slice key, store_done *done,
                   void *arg);
    void (*get)(struct store *s, const char *bucket, struct slice key, store_got *got, void *arg);
    void (*scan)(struct store *s, const char *bucket, store_row *row, void *arg);
    /* after what is under way; frees the store. What is asked meanwhile fails in its turn */
    void (*close)(struct store *s, store_done *done, void *arg);
};

struct journal;

struct store {
    const struct store_ops *ops;
    struct loop *loop;
    /* store/journal.h: the rows that are kept beside the records. Goes with the store */
    struct journal *journal;
};

/* expires_at: Unix seconds, 0 = never; an expired record is absent. done may be NULL. */
static inline void store_put(struct store *s, const char *bucket, struct slice key,
                             struct slice bytes, int64_t expires_at, store_done *done, void *arg)
{
    s->ops->put(s, bucket, key, bytes, expires_at, done, arg);
}

static inline void store_remove(struct store *s, const char *bucket, struct slice key,
                                store_done *done, void *arg)
{
    s->ops->remove(s, bucket, key, done, arg);
}

static inline void store_get(struct store *s, const char *bucket, struct slice key, store_got *got,
                             void *arg)
{
    s->ops->get(s, bucket, key, got, arg);
}

static inline void store_scan(struct store *s, const char *bucket, store_row *row, void *arg)
{
    s->ops->scan(s, bucket, row, arg);
}

static inline void store_close(struct store *s, store_done *done, void *arg)
{
    s->ops->close(s, done, arg);
}

enum { STORE_ERROR_MAX = 256 };

struct store_options {
    const char *where; /* as --store has it: names the engine (store/open.c) */
    const char *path;  /* the file; ":memory:": none, all is forgotten */
    /* of a store that several servers can reach */
    const char *owner;   /* who holds it: no two processes at a time have the same */
    uint32_t timeout_ms; /* to connect, and for the answer to an operation */
    /* Another server has taken the records over: nothing is written from now on. Once, on the loop;
     * may be NULL. */
    void (*lost)(void *arg);
    void *lost_arg;
};
/* Whether several servers can reach such a store, so that it must be told an owner. */
bool store_is_shared(const char *where);
/* Whether it is there and lets us in; takes nothing, the owner is not looked at. Blocks. STORE_OK,
 * STORE_FAILED: the text names what is wrong. */
MUST_CHECK int store_try(const struct store_options *options, char ret_error[STORE_ERROR_MAX]);
/* The same, and that it belongs to no other server; from here on it is ours. Blocks: called once,
 * before the loops run. Copies what it keeps of the options. */
MUST_CHECK int store_open(struct loop *loop, const struct store_options *options,
                          struct store **ret, char ret_error[STORE_ERROR_MAX]);
