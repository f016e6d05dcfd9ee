/* op: what engines share. Key and bytes are copied once, because the engine looks at them when the
 * caller has long returned; their size is the network's choice, so the copy may be refused, and a
 * refused operation fails in its turn like any other. */
#include "store/op.h"

#include "base/held.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/op_journal.h"

static size_t copied_bytes(const struct store_op *op)
{
    return op->key.len + op->bytes.len;
}

bool store_op_is_write(const struct store_op *op)
{
    return op->kind == STORE_OP_PUT || op->kind == STORE_OP_REMOVE || op->kind == STORE_OP_APPEND ||
           op->kind == STORE_OP_TRIM;
}

void store_op_reset(struct store_op *op)
{
    op->outcome = STORE_FAILED;
    op->has_more = false;
    op->n_rows = 0;
    buf_clear(&op->result.b);
}

/* A row of a scan: two lengths, key, bytes. */
struct row_head {
    size_t key_len, bytes_len;
};

bool store_op_add_row(struct store_op *op, struct slice key, struct slice bytes)
{
    struct row_head head = {key.len, bytes.len};

    buf_add(&op->result.b, &head, sizeof(head));
    buf_add_slice(&op->result.b, key);
    buf_add_slice(&op->result.b, bytes);
    op->n_rows++;
    return op->n_rows < STORE_SCAN_ROWS && op->result.b.len < STORE_SCAN_BYTES &&
           !op->result.b.is_failed;
}

/* The least key that is greater. */
static void go_behind(struct store_op *op, struct slice key)
{
    buf_clear(&op->after.b);
    buf_add_slice(&op->after.b, key);
    buf_add_byte(&op->after.b, 0);
}

/* True: there is a next piece. */
static bool op_deliver_rows(const struct store_engine *e, struct store_op *op)
{
    struct slice rest = buf_slice(&op->result.b);
    struct row_head head;

    if (op->outcome == STORE_FAILED || op->result.b.is_failed) {
        op->row(STORE_FAILED, (struct slice){0}, (struct slice){0}, op->arg);
        return false;
    }
    while (rest.len) {
        memcpy(&head, rest.ptr, sizeof(head));
        struct slice key = slice_to(slice_from(rest, sizeof(head)), head.key_len);
        rest = slice_from(rest, sizeof(head) + head.key_len);
        struct slice bytes = slice_to(rest, head.bytes_len);
        rest = slice_from(rest, head.bytes_len);
        if (op->has_more && !rest.len)
            go_behind(op, key);
        op->row(STORE_OK, key, bytes, op->arg);
    }
    if (op->has_more && !op->after.b.is_failed && !e->is_closing) {
        store_op_reset(op);
        return true;
    }
    op->row(op->has_more ? STORE_FAILED : STORE_ABSENT, (struct slice){0}, (struct slice){0},
            op->arg);
    return false;
}

struct store_op *store_op_deliver(struct store_engine *e, struct store_op *op)
{
    struct store *s = &e->base;

    if (op->outcome == STORE_FAILED || op->result.b.is_failed)
        loop_count(s->loop, METRIC_STORE_ERRORS, 1);
    else if (store_op_is_write(op))
        loop_count(s->loop, METRIC_STORE_WRITES, 1);
    if (op->kind == STORE_OP_SCAN && op_deliver_rows(e, op))
        return op;
    if (op->kind == STORE_OP_APPEND)
        holding_leave(&e->owners, &op->journal->waiting);
    if (journal_op_is(op) && journal_op_deliver(e, op))
        return op;
    e->queued_bytes -= copied_bytes(op);
    loop_count(s->loop, METRIC_STORE_WAITING, -1);
    if (op->kind == STORE_OP_SCAN || journal_op_is(op))
        ; /* said already */
    else if (op->kind == STORE_OP_GET)
        op->got(op->result.b.is_failed ? STORE_FAILED : op->outcome, buf_slice(&op->result.b),
                op->arg);
    else if (op->done)
        op->done(op->outcome, op->arg);
    held_buf_deinit(&op->result);
    held_buf_deinit(&op->after);
    mem_free(op->journal);
    held_free(op->data);
    mem_free(op);
    return NULL;
}

/* ---- the front half ---- */

static struct store_engine *op_of(struct store *s)
{
    return CONTAINER_OF(s, struct store_engine, base);
}

struct store_op *store_op_new(struct store *s, enum store_op_kind kind, const char *bucket,
                              struct slice key, struct slice bytes)
{
    struct store_engine *e = op_of(s);
    struct store_op *op = MEM_NEW(struct store_op);
    size_t n_bytes = key.len + bytes.len;

    list_init(&op->link);
    op->kind = kind;
    op->bucket = bucket;
    op->outcome = STORE_FAILED;
    held_buf_init(&op->result, 0, account_shared(s->loop->own));
    held_buf_init(&op->after, 0, account_shared(s->loop->own));
    if (n_bytes <= STORE_QUEUE_BYTES_MAX - e->queued_bytes)
        op->data = held_new(n_bytes + 1, s->loop->own);
    op->is_refused = !op->data;
    if (op->is_refused) {
        LOG(LOG_ERROR, "store", "an operation was refused for want of memory",
            log_int("bytes", (int64_t)n_bytes), log_int("queued", (int64_t)e->queued_bytes));
        return op;
    }
    if (key.len)
        memcpy(op->data, key.ptr, key.len);
    if (bytes.len)
        memcpy(op->data + key.len, bytes.ptr, bytes.len);
    op->key = slice_make(op->data, key.len);
    op->bytes = slice_make(op->data + key.len, bytes.len);
    e->queued_bytes += n_bytes;
    return op;
}

/* Where it waits. */
static struct list *lane_of(struct store_engine *e, const struct store_op *op)
{
    if (!journal_op_is(op) || op->kind == STORE_OP_TRIM)
        return &e->ops;
    return &e->rows[op->kind == STORE_OP_APPEND ? op->journal->row.is_stranger
                                                : op->journal->query.is_stranger];
}

void store_op_ask(struct store *s, struct store_op *op)
{
    LOOP_ASSERT(s->loop);
    loop_count(s->loop, METRIC_STORE_WAITING, 1);
    /* Whoever goes on step by step, such as a load during the start, need not know that the store
     * has been told to close. */
    op->is_refused |= op_of(s)->is_closing;
    list_link(lane_of(op_of(s), op), &op->link);
    op_of(s)->wake(op_of(s));
}

static void engine_put(struct store *s, const char *bucket, struct slice key, struct slice bytes,
                       int64_t expires_at, store_done *done, void *arg)
{
    struct store_op *op = store_op_new(s, STORE_OP_PUT, bucket, key, bytes);

    op->expires_at = expires_at;
    op->done = done;
    op->arg = arg;
    store_op_ask(s, op);
}

static void engine_remove(struct store *s, const char *bucket, struct slice key, store_done *done,
                          void *arg)
{
    struct store_op *op = store_op_new(s, STORE_OP_REMOVE, bucket, key, (struct slice){0});

    op->done = done;
    op->arg = arg;
    store_op_ask(s, op);
}

static void engine_get(struct store *s, const char *bucket, struct slice key, store_got *got,
                       void *arg)
{
    struct store_op *op = store_op_new(s, STORE_OP_GET, bucket, key, (struct slice){0});

    op->got = got;
    op->arg = arg;
    store_op_ask(s, op);
}

static void engine_scan(struct store *s, const char *bucket, store_row *row, void *arg)
{
    struct store_op *op =
        store_op_new(s, STORE_OP_SCAN, bucket, (struct slice){0}, (struct slice){0});

    op->row = row;
    op->arg = arg;
    store_op_ask(s, op);
}

static void engine_close(struct store *s, store_done *done, void *arg)
{
    LOOP_ASSERT(s->loop);
    ASSERT(!op_of(s)->is_closing);
    op_of(s)->is_closing = true;
    op_of(s)->closed = done;
    op_of(s)->closed_arg = arg;
    op_of(s)->wake(op_of(s));
}

static const struct store_ops engine_ops = {engine_put, engine_remove, engine_get, engine_scan,
                                            engine_close};

void store_engine_init(struct store_engine *e, struct loop *loop,
                       void (*wake)(struct store_engine *e))
{
    e->base = (struct store){.ops = &engine_ops, .loop = loop};
    e->wake = wake;
    list_init(&e->ops);
    list_init(&e->rows[false]);
    list_init(&e->rows[true]);
    holders_init(&e->owners);
    holders_pay(&e->owners, loop->own);
}

void store_engine_deinit(struct store_engine *e)
{
    holders_deinit(&e->owners);
}

bool store_engine_is_idle(const struct store_engine *e)
{
    return list_is_empty(&e->ops) && list_is_empty(&e->rows[false]) &&
           list_is_empty(&e->rows[true]);
}

enum { STRANGERS_PART = 4 }; /* of the places */

static unsigned lane_take(struct list *from, struct list *batch, unsigned most)
{
    unsigned n = 0;

    for (; n < most && !list_is_empty(from); n++) {
        struct list *first = from->next;
        list_unlink(first);
        list_link(batch, first);
    }
    return n;
}

void store_engine_take_rows(struct store_engine *e, struct list *batch, unsigned most)
{
    unsigned n = lane_take(&e->rows[false], batch, most - most / STRANGERS_PART);

    (void)lane_take(&e->rows[true], batch, most - n);
}
