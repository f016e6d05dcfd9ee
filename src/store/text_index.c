/* text_index: a question becomes an FTS5 expression in which every run of bytes that came from
 * outside stands between double quotes, cut into words before: nothing of it can be an operator, a
 * column or a comment. Ranking ten thousand matches takes tens of milliseconds, which is why a
 * worker does it; what is to be done while it works is done together next.
 *
 * Loop-owned, but for the database and `batch`, which are the worker's while running. */
#include "store/text_index.h"

#include <sqlite3.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/held.h"
#include "base/list.h"
#include "base/map.h"
#include "base/log.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "loop/offload.h"

enum { BATCH_MAX = 256 };

enum text_op_kind { TEXT_PUT, TEXT_REMOVE, TEXT_SEARCH };

struct text_op {
    struct list link;
    enum text_op_kind kind;
    int64_t number;
    struct slice fields[TEXT_INDEX_FIELDS]; /* inside bytes */
    struct held_buf bytes;                       /* put: the fields; search: the expression */
    uint64_t time_ms;
    text_index_done *done; /* NULL: nobody waits any more */
    void *arg;
    /* the worker's answer */
    int outcome;
    struct text_match *matches; /* owned */
    size_t n_matches, n_room;
};

struct text_index {
    struct loop *loop;
    struct list ops;
    struct map waiting; /* number -> struct text_op: documents the worker has not taken yet */
    bool is_running, is_closing;
    struct deferred gather;
    struct job job;
    /* worker's while running */
    struct list batch;
    sqlite3 *db;
    sqlite3_stmt *put, *remove, *search, *begin, *commit;
};

/* ---- the expression ---- */

static bool is_word_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool take_word(struct slice *in, struct slice *ret)
{
    size_t n = 0;

    while (in->len && !is_word_byte(in->ptr[0]))
        *in = slice_from(*in, 1);
    while (n < in->len && is_word_byte(in->ptr[n]))
        n++;
    *ret = slice_utf8_prefix(slice_to(*in, n), TEXT_INDEX_WORD_MAX);
    *in = slice_from(*in, n);
    return n > 0;
}

/* ("one" * OR "two" *); false when there is no word in it. */
static bool add_any_of(struct buf *b, struct slice words)
{
    struct slice word;
    unsigned n = 0;

    for (; n < TEXT_INDEX_WORDS_MAX && take_word(&words, &word); n++)
        buf_add_fmt(b, "%s\"" SLICE_FMT "\" *", n ? " OR " : "(", SLICE_ARG(word));
    if (n)
        buf_add_byte(b, ')');
    return n > 0;
}

/* f2 : "one two" *; false when there is no word in it. */
static bool add_filter(struct buf *b, const struct text_filter *f)
{
    struct slice rest = f->text, word;
    unsigned n = 0;

    ASSERT(f->field < TEXT_INDEX_FIELDS);
    for (; n < TEXT_INDEX_WORDS_MAX && take_word(&rest, &word); n++) {
        if (n == 0)
            buf_add_fmt(b, "%sf%u : \"", b->len ? " AND " : "", f->field);
        buf_add_fmt(b, "%s" SLICE_FMT, n ? " " : "", SLICE_ARG(word));
    }
    if (n)
        buf_add_text(b, f->is_prefix ? "\" *" : "\"");
    return n > 0;
}

static bool build(struct buf *b, const struct text_question *q)
{
    if (q->words.len && !add_any_of(b, q->words))
        return false;
    for (unsigned i = 0; i < q->n_filters; i++) {
        if (!add_filter(b, &q->filters[i]))
            return false;
    }
    return b->len && !b->is_failed;
}

/* ---- the worker ---- */

static void bind_text(sqlite3_stmt *stmt, int at, struct slice text)
{
    (void)sqlite3_bind_text64(stmt, at, text.len ? text.ptr : "", text.len, SQLITE_STATIC,
                              SQLITE_UTF8);
}

static void report(const struct text_index *t)
{
    LOG(LOG_ERROR, "store", "full-text search", log_text("reason", sqlite3_errmsg(t->db)));
}

static void run(struct text_index *t, sqlite3_stmt *stmt)
{
    (void)sqlite3_step(stmt); /* reset reports what step met */
    if (sqlite3_reset(stmt) != SQLITE_OK)
        report(t);
    (void)sqlite3_clear_bindings(stmt);
}

/* bm25 is below zero, further below for a closer match. */
static double score_of(double bm25)
{
    return bm25 < 0 ? 1 / (1 - bm25) : 1;
}

static bool add_match(const struct text_index *t, struct text_op *op, struct text_match match)
{
    if (op->n_matches == op->n_room) {
        size_t room = op->n_room ? op->n_room * 2 : 64;
        struct text_match *grown = 
            held_resize(op->matches, room * sizeof(*grown), account_shared(t->loop->own));
        if (!grown)
            return false;
        op->matches = grown;
        op->n_room = room;
    }
    op->matches[op->n_matches++] = match;
    return true;
}

static void run_search(struct text_index *t, struct text_op *op)
{
    uint64_t deadline_ns = clock_mono_ns() + op->time_ms * 1000000;
    int step = SQLITE_DONE;

    op->outcome = TEXT_INDEX_OK;
    if (!op->bytes.b.len) /* no word: nothing has it */
        return;
    bind_text(t->search, 1, buf_slice(&op->bytes.b));
    while (op->outcome == TEXT_INDEX_OK && (step = sqlite3_step(t->search)) == SQLITE_ROW) {
        struct text_match match = {sqlite3_column_int64(t->search, 0),
                                   score_of(sqlite3_column_double(t->search, 1))};
        if (!add_match(t, op, match))
            op->outcome = TEXT_INDEX_FAILED;
        else if (clock_mono_ns() > deadline_ns)
            op->outcome = TEXT_INDEX_LATE;
    }
    if (op->outcome == TEXT_INDEX_OK && step != SQLITE_DONE) {
        report(t);
        op->outcome = TEXT_INDEX_FAILED;
    }
    (void)sqlite3_reset(t->search);
    (void)sqlite3_clear_bindings(t->search);
}

static void work(struct job *job)
{
    struct text_index *t = CONTAINER_OF(job, struct text_index, job);

    run(t, t->begin); /* one flush of the index for all that is put in */
    LIST_FOREACH(it, &t->batch)
    {
        struct text_op *op = LIST_ENTRY(it, struct text_op, link);
        if (op->kind == TEXT_SEARCH) {
            run_search(t, op);
            continue;
        }
        sqlite3_stmt *stmt = op->kind == TEXT_PUT ? t->put : t->remove;
        (void)sqlite3_bind_int64(stmt, 1, op->number);
        for (int i = 0; op->kind == TEXT_PUT && i < TEXT_INDEX_FIELDS; i++)
            bind_text(stmt, 2 + i, op->fields[i]);
        run(t, stmt);
    }
    run(t, t->commit);
}

/* ---- the loop ---- */

static void start(struct text_index *t);

static void op_free(struct text_op *op)
{
    list_unlink(&op->link);
    held_buf_deinit(&op->bytes);
    held_free(op->matches);
    mem_free(op);
}

static void answer(struct text_op *op, int outcome)
{
    text_index_done *done = op->done;

    op->done = NULL;
    if (done)
        done(outcome, op->matches, outcome == TEXT_INDEX_OK ? op->n_matches : 0, op->arg);
}

static void index_free(struct text_index *t)
{
    sqlite3_stmt *const all[] = {t->put, t->remove, t->search, t->begin, t->commit};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        sqlite3_finalize(all[i]);
    sqlite3_close(t->db);
    map_deinit(&t->waiting);
    mem_free(t);
}

static void on_worked(struct job *job)
{
    struct text_index *t = CONTAINER_OF(job, struct text_index, job);

    while (!list_is_empty(&t->batch)) {
        struct text_op *op = LIST_ENTRY(t->batch.next, struct text_op, link);
        answer(op, op->outcome);
        op_free(op);
    }
    t->is_running = false;
    if (t->is_closing)
        index_free(t);
    else
        start(t);
}

static struct slice key_of(const int64_t *number)
{
    return slice_make(number, sizeof(*number));
}

/* It is taken by the worker. */
static void begin(struct text_index *t, struct text_op *op)
{
    if (op->kind == TEXT_PUT && map_find(&t->waiting, key_of(&op->number)) == op)
        map_take(&t->waiting, key_of(&op->number));
    list_unlink(&op->link);
    list_link(&t->batch, &op->link);
}

static void start(struct text_index *t)
{
    if (t->is_running || list_is_empty(&t->ops))
        return;
    for (unsigned n = 0; n < BATCH_MAX && !list_is_empty(&t->ops); n++) {
        begin(t, LIST_ENTRY(t->ops.next, struct text_op, link));
    }
    t->is_running = true;
    t->job = (struct job){.class = OFFLOAD_STORE, .work = work, .done = on_worked};
    ASSERT(offload(t->loop, &t->job) == OFFLOAD_OK);
}

static void on_gathered(struct deferred *d)
{
    start(CONTAINER_OF(d, struct text_index, gather));
}

static void ask(struct text_index *t, struct text_op *op)
{
    LOOP_ASSERT(t->loop);
    ASSERT(!t->is_closing);
    list_link(&t->ops, &op->link);
    if (!t->is_running)
        loop_defer(t->loop, &t->gather);
}

static struct text_op *op_new(struct text_index *t, enum text_op_kind kind)
{
    struct text_op *op = MEM_NEW(struct text_op);

    op->kind = kind;
    list_init(&op->link);
    held_buf_init(&op->bytes, 0, account_shared(t->loop->own));
    return op;
}

/* What waits under that number will never be asked for. The worker may have an older one of it all the same. */
static void forget_waiting(struct text_index *t, int64_t number)
{
    struct text_op *op = map_take(&t->waiting, key_of(&number));

    if (op)
        op_free(op);
}

bool text_index_put(struct text_index *t, int64_t number,
                    const struct slice fields[TEXT_INDEX_FIELDS])
{
    struct text_op *op = op_new(t, TEXT_PUT);
    size_t at = 0;

    op->number = number;
    for (unsigned i = 0; i < TEXT_INDEX_FIELDS; i++)
        buf_add_slice(&op->bytes.b, fields[i]);
    if (op->bytes.b.is_failed) {
        held_buf_deinit(&op->bytes);
        mem_free(op);
        return false;
    }
    for (unsigned i = 0; i < TEXT_INDEX_FIELDS; at += fields[i++].len)
        op->fields[i] = slice_make(op->bytes.b.ptr + at, fields[i].len);
    forget_waiting(t, number);
    map_put(&t->waiting, key_of(&op->number), op);
    ask(t, op);
    return true;
}

void text_index_remove(struct text_index *t, int64_t number)
{
    forget_waiting(t, number);
    struct text_op *op = op_new(t, TEXT_REMOVE);

    op->number = number;
    ask(t, op);
}

void text_index_search(struct text_index *t, const struct text_question *q, text_index_done *done,
                       void *arg)
{
    struct text_op *op = op_new(t, TEXT_SEARCH);

    if (!build(&op->bytes.b, q))
        buf_clear(&op->bytes.b);
    op->time_ms = q->time_ms;
    op->done = done;
    op->arg = arg;
    ask(t, op);
}

/* ---- life ---- */

static bool prepare(struct text_index *t, const char *sql, sqlite3_stmt **ret)
{
    return sqlite3_prepare_v3(t->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) == SQLITE_OK;
}

static bool open_database(struct text_index *t)
{
    return sqlite3_open_v2(":memory:", &t->db,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                           NULL) == SQLITE_OK &&
           sqlite3_exec(t->db,
                        "CREATE VIRTUAL TABLE texts USING fts5 (f0, f1, f2, f3, f4,"
                        " tokenize = 'porter unicode61 remove_diacritics 2')",
                        NULL, NULL, NULL) == SQLITE_OK &&
           prepare(t,
                   "INSERT OR REPLACE INTO texts (rowid, f0, f1, f2, f3, f4) "
                   "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                   &t->put) &&
           prepare(t, "DELETE FROM texts WHERE rowid = ?1", &t->remove) &&
           prepare(t, "SELECT rowid, bm25(texts, 8, 4, 2, 1, 1) FROM texts WHERE texts MATCH ?1",
                   &t->search) &&
           prepare(t, "BEGIN", &t->begin) && prepare(t, "COMMIT", &t->commit);
}

struct text_index *text_index_new(struct loop *loop)
{
    struct text_index *t = MEM_NEW(struct text_index);

    t->loop = loop;
    list_init(&t->ops);
    map_init(&t->waiting);
    list_init(&t->batch);
    list_init(&t->gather.link);
    t->gather.run = on_gathered;
    if (open_database(t))
        return t;
    report(t);
    index_free(t);
    return NULL;
}

void text_index_close(struct text_index *t)
{
    if (!t)
        return;
    t->is_closing = true;
    list_unlink(&t->gather.link);
    /* The worker looks at links and texts of its batch, and not at who waits. */
    LIST_FOREACH(it, &t->batch)
    {
        struct text_op *op = LIST_ENTRY(it, struct text_op, link);
        text_index_done *done = op->done;
        op->done = NULL;
        if (done)
            done(TEXT_INDEX_FAILED, NULL, 0, op->arg);
    }
    while (!list_is_empty(&t->ops)) {
        struct text_op *op = LIST_ENTRY(t->ops.next, struct text_op, link);
        answer(op, TEXT_INDEX_FAILED);
        op_free(op);
    }
    if (!t->is_running)
        index_free(t);
}
