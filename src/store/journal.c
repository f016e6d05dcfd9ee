/* journal: the front half of every engine that keeps rows, as op.c is for the records: an operation
 * takes its copy of the texts, waits in the engine's queue among the records' operations, and its
 * answer comes back packed, that of a read as it is. Loop's thread. */
#include "store/journal.h"

#include "base/account.h"
#include "base/buf.h"
#include "base/memory.h"
#include "store/op_journal.h"

bool journal_op_is(const struct store_op *op)
{
    return op->journal != NULL;
}

/* ---- asking ---- */

enum { TEXTS = 4 };

static void journal_cut(const struct slice in[TEXTS], const char *copy,
                        struct slice *const out[TEXTS])
{
    for (unsigned i = 0; i < TEXTS && out[i]; i++) {
        *out[i] = slice_make(copy, in[i].len);
        copy += in[i].len;
    }
}

/* The texts travel as the operation's key; `out` are theirs in its copy. */
static struct store_op *journal_op_new(struct store *s, enum store_op_kind kind,
                                       const struct slice texts[TEXTS], struct slice bytes)
{
    SCRATCH_BUF(key, 0);

    for (unsigned i = 0; i < TEXTS; i++)
        buf_add_slice(&key, texts[i]);
    struct store_op *op = store_op_new(s, kind, "", buf_slice(&key), bytes);
    op->is_refused = op->is_refused || key.is_failed;
    op->journal = MEM_NEW(struct journal_op);
    return op;
}

static struct store_engine *journal_engine_of(struct journal *j)
{
    return CONTAINER_OF(j, struct store_engine, journal);
}

static bool journal_is_full(const struct store_engine *e, const struct journal_row *row,
                            const struct journal_limits *limits)
{
    size_t share = limits->waiting / JOURNAL_SHARE + 1;

    return limits->waiting &&
           (e->owners.n >= limits->waiting || holders_of(&e->owners, row->owner) >= share);
}

static bool engine_append(struct journal *j, const struct journal_row *row,
                          const struct journal_limits *limits, store_done *done, void *arg)
{
    struct store_engine *e = journal_engine_of(j);
    struct store *s = &e->base;
    const struct slice texts[TEXTS] = {row->workspace, row->user, row->type, row->owner};

    if (journal_is_full(e, row, limits)) {
        loop_count(s->loop, METRIC_JOURNAL_REFUSED, 1);
        return false;
    }
    struct store_op *op = journal_op_new(s, STORE_OP_APPEND, texts, row->data);
    struct journal_row *kept = &op->journal->row;

    *kept = (struct journal_row){
        .at_us = row->at_us, .data = op->bytes, .is_stranger = row->is_stranger};
    holding_take(&e->owners, &op->journal->waiting, row->owner, 1);
    if (!op->is_refused)
        journal_cut(
            texts, op->key.ptr,
            (struct slice *const[]){&kept->workspace, &kept->user, &kept->type, &kept->owner});
    op->journal->limits = *limits;
    op->done = done;
    op->arg = arg;
    store_op_ask(s, op);
    return true;
}

static struct store_op *query_new(struct store *s, enum store_op_kind kind,
                                  const struct journal_query *query)
{
    const struct slice texts[TEXTS] = {query->workspace, query->user, query->type};
    struct store_op *op = journal_op_new(s, kind, texts, (struct slice){0});
    struct journal_query *kept = &op->journal->query;

    *kept = *query;
    if (!op->is_refused)
        journal_cut(texts, op->key.ptr,
                    (struct slice *const[]){&kept->workspace, &kept->user, &kept->type, NULL});
    return op;
}

static void engine_read(struct journal *j, const struct journal_query *query, journal_got *got,
                        void *arg)
{
    struct store *s = &journal_engine_of(j)->base;
    struct store_op *op = query_new(s, STORE_OP_READ, query);

    op->journal->got = got;
    op->arg = arg;
    store_op_ask(s, op);
}

static void engine_count(struct journal *j, const struct journal_query *query,
                         journal_counted *counted, void *arg)
{
    struct store *s = &journal_engine_of(j)->base;
    struct store_op *op = query_new(s, STORE_OP_COUNT, query);

    op->journal->counted = counted;
    op->arg = arg;
    store_op_ask(s, op);
}

static void engine_trim(struct journal *j, const struct journal_limits *limits)
{
    struct store *s = &journal_engine_of(j)->base;
    const struct slice none[TEXTS] = {{0}};
    struct store_op *op = journal_op_new(s, STORE_OP_TRIM, none, (struct slice){0});

    op->journal->limits = *limits;
    store_op_ask(s, op);
}

static const struct journal_ops engine_ops = {engine_append, engine_read, engine_count,
                                              engine_trim};

void store_engine_keep_rows(struct store_engine *e)
{
    e->journal = (struct journal){&engine_ops};
    e->base.journal = &e->journal;
}

/* ---- answering ---- */

/* A packed row: this, then the four runs of bytes it names. */
struct packed {
    int64_t id, at_us;
    size_t lens[4]; /* workspace, user, type, data */
};

bool journal_op_add_row(struct store_op *op, const struct journal_row *row)
{
    const struct slice runs[4] = {row->workspace, row->user, row->type, row->data};
    struct packed head = {row->id, row->at_us, {0}};
    size_t n_bytes = sizeof(head);

    for (unsigned i = 0; i < 4; i++) {
        head.lens[i] = runs[i].len;
        n_bytes += runs[i].len;
    }
    if (op->journal->query.max_bytes &&
        op->journal->n_bytes + op->result.b.len + n_bytes > op->journal->query.max_bytes)
        return false;
    buf_add(&op->result.b, &head, sizeof(head));
    for (unsigned i = 0; i < 4; i++)
        buf_add_slice(&op->result.b, runs[i]);
    return true;
}

bool journal_op_add_count(struct store_op *op, struct slice type, int64_t n_rows)
{
    const struct journal_row row = {.id = n_rows, .type = type};

    if (!journal_op_add_row(op, &row))
        op->result.b.is_failed = true;
    return !op->result.b.is_failed;
}

static struct journal_row take_row(struct slice *rest)
{
    struct packed head;
    struct slice runs[4];

    memcpy(&head, rest->ptr, sizeof(head));
    *rest = slice_from(*rest, sizeof(head));
    for (unsigned i = 0; i < 4; i++) {
        runs[i] = slice_to(*rest, head.lens[i]);
        *rest = slice_from(*rest, head.lens[i]);
    }
    return (struct journal_row){.id = head.id,
                                .at_us = head.at_us,
                                .workspace = runs[0],
                                .user = runs[1],
                                .type = runs[2],
                                .data = runs[3]};
}

bool journal_next(struct slice *rest, struct journal_row *ret)
{
    if (!rest->len)
        return false;
    *ret = take_row(rest);
    return true;
}

/* True: there is a next piece. */
static bool journal_deliver_rows(const struct store_engine *e, struct store_op *op)
{
    bool has_more = op->has_more;

    op->journal->n_bytes += op->result.b.len;
    op->journal->got(STORE_OK, &op->result, op->arg);
    held_buf_deinit(&op->result);
    held_buf_init(&op->result, 0, account_shared(e->base.loop->own));
    store_op_reset(op);
    if (has_more && !e->is_closing)
        return true;
    op->journal->got(has_more ? STORE_FAILED : STORE_ABSENT, NULL, op->arg);
    return false;
}

static void deliver_counts(struct store_op *op)
{
    struct slice rest = buf_slice(&op->result.b);
    struct journal_row row;

    while (journal_next(&rest, &row))
        op->journal->counted(STORE_OK, row.type, row.id, op->arg);
    op->journal->counted(STORE_ABSENT, (struct slice){0}, 0, op->arg);
}

bool journal_op_deliver(struct store_engine *e, struct store_op *op)
{
    bool has_failed = op->outcome == STORE_FAILED || op->result.b.is_failed;

    if (op->journal->n_dropped && !has_failed)
        loop_count(e->base.loop, METRIC_JOURNAL_DROPPED, (int64_t)op->journal->n_dropped);
    if (op->kind == STORE_OP_APPEND && !has_failed)
        loop_count(e->base.loop, METRIC_JOURNAL_ROWS, 1);
    if (store_op_is_write(op)) {
        if (op->done)
            op->done(op->outcome, op->arg);
    } else if (op->kind == STORE_OP_READ && !has_failed) {
        return journal_deliver_rows(e, op);
    } else if (op->kind == STORE_OP_READ) {
        op->journal->got(STORE_FAILED, NULL, op->arg);
    } else if (has_failed) {
        op->journal->counted(STORE_FAILED, (struct slice){0}, 0, op->arg);
    } else {
        deliver_counts(op);
    }
    return false;
}
