/* store_memory: the engine without a file, for tests and for servers that are to forget. It keeps
 * the contract of the others to the letter: callbacks come in order and never inside the call, so
 * no caller can come to depend on a quicker engine.
 *
 * Loop-owned. One mail to the own loop runs what has been asked for, as far as there is time; the
 * next turn goes on. */
#include "store/engines.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/held.h"
#include "base/map.h"
#include "base/memory.h"
#include "store/memory_journal.h"
#include "store/op.h"

enum { AT_ONCE = 4 }; /* operations between two looks at the clock */

struct record {
    char *name; /* owned: bucket, NUL, key; key of the map */
    size_t name_len, bucket_len;
    char *bytes; /* owned */
    size_t bytes_len;
    int64_t expires_at;
};

struct memory_store {
    struct store_engine engine;
    struct map records;
    struct memory_journal journal;
    /* struct store_op: what the mail has begun with; what is asked for meanwhile comes after it */
    struct list batch;
    struct mail mail;
    bool is_posted;
};

static bool store_memory_has_expired(const struct record *r)
{
    return r->expires_at && r->expires_at <= clock_wall_ms() / 1000;
}

static void store_memory_record_free(struct record *r)
{
    if (!r)
        return;
    held_free(r->name);
    held_free(r->bytes);
    mem_free(r);
}

static char *store_memory_name_of(struct memory_store *m, const struct store_op *op,
                                  size_t *ret_len)
{
    size_t bucket_len = strlen(op->bucket) + 1;
    char *name = held_new(bucket_len + op->key.len + 1, m->engine.base.loop->own);

    if (!name)
        return NULL;
    memcpy(name, op->bucket, bucket_len);
    memcpy(name + bucket_len, op->key.ptr, op->key.len);
    *ret_len = bucket_len + op->key.len;
    return name;
}

static struct record *record_take(struct memory_store *m, const char *name, size_t len)
{
    return map_take(&m->records, slice_make(name, len));
}

static int store_memory_run_put(struct memory_store *m, const struct store_op *op)
{
    struct record *r = MEM_NEW(struct record);

    r->bucket_len = strlen(op->bucket);
    r->name = store_memory_name_of(m, op, &r->name_len);
    r->bytes = held_new(op->bytes.len + 1, m->engine.base.loop->own);
    if (!r->name || !r->bytes) {
        store_memory_record_free(r);
        return STORE_FAILED;
    }
    memcpy(r->bytes, op->bytes.ptr, op->bytes.len);
    r->bytes_len = op->bytes.len;
    r->expires_at = op->expires_at;
    /* Taken out first: the map's key lives in the record. */
    store_memory_record_free(record_take(m, r->name, r->name_len));
    map_put(&m->records, slice_make(r->name, r->name_len), r);
    return STORE_OK;
}

static int store_memory_run_remove(struct memory_store *m, const struct store_op *op)
{
    size_t len;
    char *name = store_memory_name_of(m, op, &len);

    if (!name)
        return STORE_FAILED;
    store_memory_record_free(record_take(m, name, len));
    held_free(name);
    return STORE_OK;
}

static int store_memory_run_get(struct memory_store *m, struct store_op *op)
{
    size_t len;
    char *name = store_memory_name_of(m, op, &len);

    if (!name)
        return STORE_FAILED;
    struct record *r = map_find(&m->records, slice_make(name, len));
    if (r && store_memory_has_expired(r)) {
        store_memory_record_free(record_take(m, name, len));
        r = NULL;
    }
    held_free(name);
    if (!r)
        return STORE_ABSENT;
    buf_add(&op->result.b, r->bytes, r->bytes_len);
    return STORE_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct record *const *x = a, *const *y = b;

    return slice_order(slice_make((*x)->name, (*x)->name_len),
                       slice_make((*y)->name, (*y)->name_len));
}

static struct slice store_memory_key_of(const struct record *r)
{
    return slice_from(slice_make(r->name, r->name_len), r->bucket_len + 1);
}

/* Every piece looks for its rows among all: what is kept here was made by this process, which scans
 * when it starts. */
static int store_memory_run_scan(struct memory_store *m, struct store_op *op)
{
    struct record **found =
        held_new((m->records.n_entries + 1) * sizeof(struct record *), m->engine.base.loop->own);
    struct slice after = buf_slice(&op->after.b);
    bool has_room = true;
    size_t cursor = 0, n = 0, i = 0;
    struct slice name;
    void *value;

    if (!found)
        return STORE_FAILED;
    while (map_next(&m->records, &cursor, &name, &value)) {
        struct record *r = value;
        if (slice_is(slice_make(r->name, r->bucket_len), op->bucket) &&
            slice_order(store_memory_key_of(r), after) >= 0 && !store_memory_has_expired(r))
            found[n++] = r;
    }
    qsort(found, n, sizeof(struct record *), by_name);
    while (i < n && has_room) {
        has_room = store_op_add_row(op, store_memory_key_of(found[i]),
                                    slice_make(found[i]->bytes, found[i]->bytes_len));
        i++;
    }
    op->has_more = i < n;
    held_free(found);
    return STORE_OK;
}

static int store_memory_run_op(struct memory_store *m, struct store_op *op)
{
    if (op->is_refused)
        return STORE_FAILED;
    switch (op->kind) {
    case STORE_OP_PUT:
        return store_memory_run_put(m, op);
    case STORE_OP_REMOVE:
        return store_memory_run_remove(m, op);
    case STORE_OP_GET:
        return store_memory_run_get(m, op);
    case STORE_OP_SCAN:
        return store_memory_run_scan(m, op);
    case STORE_OP_APPEND:
    case STORE_OP_READ:
    case STORE_OP_COUNT:
    case STORE_OP_TRIM:
        return memory_journal_run(&m->journal, op);
    }
    return STORE_FAILED;
}

static void store_memory_finish_close(struct memory_store *m)
{
    store_done *done = m->engine.closed;
    void *arg = m->engine.closed_arg, *value;
    struct slice name;
    size_t cursor = 0;

    while (map_next(&m->records, &cursor, &name, &value))
        store_memory_record_free(value);
    map_deinit(&m->records);
    memory_journal_deinit(&m->journal);
    store_engine_deinit(&m->engine);
    mem_free(m);
    if (done)
        done(STORE_OK, arg);
}

static void store_memory_wake(struct store_engine *e);

/* False: it is not at its end, and what was asked for after it waits. */
static bool run_first(struct memory_store *m)
{
    struct store_op *op = LIST_ENTRY(m->batch.next, struct store_op, link);

    list_unlink(&op->link);
    op->outcome = store_memory_run_op(m, op);
    op = store_op_deliver(&m->engine, op);
    if (op)
        list_link_first(&m->batch, &op->link);
    return !op;
}

static void run_mail(struct loop *l, struct mail *mail)
{
    struct memory_store *m = CONTAINER_OF(mail, struct memory_store, mail);

    m->is_posted = false;
    if (list_is_empty(&m->batch)) {
        list_move_all(&m->batch, &m->engine.ops);
        store_engine_take_rows(&m->engine, &m->batch, UINT32_MAX);
    }
    for (unsigned n = 1; !list_is_empty(&m->batch); n++) {
        if (!run_first(m) || (n % AT_ONCE == 0 && loop_is_late(l)))
            break;
    }
    if (!list_is_empty(&m->batch) || !store_engine_is_idle(&m->engine))
        store_memory_wake(&m->engine);
    else if (m->engine.is_closing)
        store_memory_finish_close(m);
}

static void store_memory_wake(struct store_engine *e)
{
    struct memory_store *m = CONTAINER_OF(e, struct memory_store, engine);

    if (m->is_posted)
        return;
    m->is_posted = true;
    m->mail.run = run_mail;
    loop_post(e->base.loop, e->base.loop, &m->mail);
}

struct store *store_open_memory(struct loop *loop)
{
    struct memory_store *m = MEM_NEW(struct memory_store);

    store_engine_init(&m->engine, loop, store_memory_wake);
    store_engine_keep_rows(&m->engine);
    list_init(&m->batch);
    map_init(&m->records);
    memory_journal_init(&m->journal, loop->own);
    return &m->engine.base;
}
