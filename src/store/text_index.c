/* text_index: the front half of every engine, as op.c is for the records: copies, the order of what
 * is asked, the worker, and answers. What is to be done while a worker is busy is done together
 * next.
 *
 * Loop-owned, but for the engine and `batch`, which are the worker's while running. */
#include "store/text_index.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/held.h"
#include "base/list.h"
#include "base/map.h"
#include "base/log.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "loop/offload.h"
#include "store/text_engine.h"

enum { BATCH_MAX = 256 };

enum text_op_kind { TEXT_PUT, TEXT_REMOVE, TEXT_SEARCH };

struct text_op {
    struct list link;
    enum text_op_kind kind;
    int64_t number;
    struct slice fields[TEXT_INDEX_FIELDS]; /* inside bytes */
    struct held_buf bytes;                  /* put: the fields; search: the words */
    struct text_question question;          /* inside bytes, and filters */
    bool has_no_word;                       /* nothing has it */
    text_index_done *done;                  /* NULL: nobody waits any more */
    void *arg;
    /* the worker's answer */
    int outcome;
    struct text_matches matches;
    struct text_filter filters[];
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
    struct text_engine *engine;
};

/* ---- words ---- */

/* Those of a text, with a blank between them; how many bytes. */
static size_t add_words(struct buf *b, struct slice text)
{
    size_t before = b->len;
    struct slice word;

    for (unsigned n = 0; n < TEXT_INDEX_WORDS_MAX && text_word_next(&text, &word); n++) {
        if (word.len && b->len > before)
            buf_add_byte(b, ' ');
        buf_add_slice(b, word);
    }
    return b->len - before;
}

/* ---- the worker ---- */

static void text_index_run(struct text_engine *e, struct text_op *op)
{
    switch (op->kind) {
    case TEXT_PUT:
        e->ops->put(e, op->number, op->fields);
        break;
    case TEXT_REMOVE:
        e->ops->remove(e, op->number);
        break;
    case TEXT_SEARCH:
        op->outcome = op->bytes.b.is_failed ? TEXT_INDEX_FAILED : TEXT_INDEX_OK;
        if (op->outcome == TEXT_INDEX_OK && !op->has_no_word)
            op->outcome = e->ops->search(
                e, &op->question, clock_mono_ns() + op->question.time_ms * 1000000, &op->matches);
        break;
    }
}

static void text_index_work(struct job *job)
{
    struct text_index *t = CONTAINER_OF(job, struct text_index, job);

    t->engine->ops->begin(t->engine);
    LIST_FOREACH (it, &t->batch) {
        text_index_run(t->engine, LIST_ENTRY(it, struct text_op, link));
    }
    t->engine->ops->commit(t->engine);
}

/* ---- the loop ---- */

static void text_index_start(struct text_index *t);

static void op_free(struct text_op *op)
{
    list_unlink(&op->link);
    held_buf_deinit(&op->bytes);
    held_free(op->matches.items);
    mem_free(op);
}

static void text_index_answer(struct text_op *op, int outcome)
{
    text_index_done *done = op->done;

    op->done = NULL;
    if (done)
        done(outcome, op->matches.items, outcome == TEXT_INDEX_OK ? op->matches.n : 0, op->arg);
}

static void index_free(struct text_index *t)
{
    t->engine->ops->close(t->engine);
    map_deinit(&t->waiting);
    mem_free(t);
}

static void text_index_on_worked(struct job *job)
{
    struct text_index *t = CONTAINER_OF(job, struct text_index, job);

    while (!list_is_empty(&t->batch)) {
        struct text_op *op = LIST_ENTRY(t->batch.next, struct text_op, link);
        text_index_answer(op, op->outcome);
        op_free(op);
    }
    t->is_running = false;
    if (t->is_closing)
        index_free(t);
    else
        text_index_start(t);
}

static struct slice text_index_key_of(const int64_t *number)
{
    return slice_make(number, sizeof(*number));
}

/* It is taken by the worker. */
static void text_index_begin(struct text_index *t, struct text_op *op)
{
    if (op->kind == TEXT_PUT && map_find(&t->waiting, text_index_key_of(&op->number)) == op)
        map_take(&t->waiting, text_index_key_of(&op->number));
    list_unlink(&op->link);
    list_link(&t->batch, &op->link);
}

static void text_index_start(struct text_index *t)
{
    if (t->is_running || list_is_empty(&t->ops))
        return;
    for (unsigned n = 0; n < BATCH_MAX && !list_is_empty(&t->ops); n++) {
        text_index_begin(t, LIST_ENTRY(t->ops.next, struct text_op, link));
    }
    t->is_running = true;
    t->job =
        (struct job){.class = OFFLOAD_STORE, .work = text_index_work, .done = text_index_on_worked};
    ASSERT(offload(t->loop, &t->job) == OFFLOAD_OK);
}

static void text_index_on_gathered(struct deferred *d)
{
    text_index_start(CONTAINER_OF(d, struct text_index, gather));
}

static void text_index_ask(struct text_index *t, struct text_op *op)
{
    LOOP_ASSERT(t->loop);
    ASSERT(!t->is_closing);
    list_link(&t->ops, &op->link);
    if (!t->is_running)
        loop_defer(t->loop, &t->gather);
}

static struct text_op *op_new(struct text_index *t, enum text_op_kind kind, unsigned n_filters)
{
    struct text_op *op = mem_new(sizeof(*op) + n_filters * sizeof(op->filters[0]));

    op->kind = kind;
    op->matches.payer = account_shared(t->loop->own);
    list_init(&op->link);
    held_buf_init(&op->bytes, 0, account_shared(t->loop->own));
    return op;
}

/* What waits under that number will never be asked for. The worker may have an older one of it all
 * the same. */
static void forget_waiting(struct text_index *t, int64_t number)
{
    struct text_op *op = map_take(&t->waiting, text_index_key_of(&number));

    if (op)
        op_free(op);
}

bool text_index_put(struct text_index *t, int64_t number,
                    const struct slice fields[TEXT_INDEX_FIELDS])
{
    struct text_op *op = op_new(t, TEXT_PUT, 0);
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
    map_put(&t->waiting, text_index_key_of(&op->number), op);
    text_index_ask(t, op);
    return true;
}

void text_index_remove(struct text_index *t, int64_t number)
{
    forget_waiting(t, number);
    struct text_op *op = op_new(t, TEXT_REMOVE, 0);

    op->number = number;
    text_index_ask(t, op);
}

/* Where the words of each text stand is known when all have been added: the bytes move as they
 * grow. */
static void take_question(struct text_op *op, const struct text_question *q)
{
    struct buf *b = &op->bytes.b;
    size_t n_words = add_words(b, q->words), at = n_words;

    op->question = *q;
    op->question.filters = op->filters;
    op->has_no_word = q->words.len && !n_words;
    for (unsigned i = 0; i < q->n_filters; i++) {
        ASSERT(q->filters[i].field < TEXT_INDEX_FIELDS);
        op->filters[i] = q->filters[i];
        op->filters[i].text.len = add_words(b, q->filters[i].text);
        op->has_no_word = op->has_no_word || !op->filters[i].text.len;
    }
    op->has_no_word = op->has_no_word || !b->len;
    op->question.words = slice_make(b->ptr, n_words);
    for (unsigned i = 0; i < q->n_filters && !op->has_no_word; at += op->filters[i++].text.len)
        op->filters[i].text.ptr = b->ptr + at;
}

void text_index_search(struct text_index *t, const struct text_question *q, text_index_done *done,
                       void *arg)
{
    struct text_op *op = op_new(t, TEXT_SEARCH, q->n_filters);

    take_question(op, q);
    op->done = done;
    op->arg = arg;
    text_index_ask(t, op);
}

/* ---- life ---- */

/* A further engine is a row here. */
static const struct {
    const char *name;
    struct text_engine *(*open)(void);
} engines[] = {
    {"sqlite", text_engine_open_sqlite},
    {"memory", text_engine_open_memory},
};

const char *text_index_engine(size_t i)
{
    return i < ARRAY_LEN(engines) ? engines[i].name : NULL;
}

static struct text_engine *open_engine(const char *name)
{
    struct text_engine *e = NULL;
    bool is_known = false;

    for (size_t i = 0; i < ARRAY_LEN(engines) && !e; i++) {
        bool is_meant = !name || strcmp(name, engines[i].name) == 0;
        is_known = is_known || is_meant;
        e = is_meant ? engines[i].open() : NULL;
    }
    if (!is_known)
        LOG(LOG_ERROR, "store", "no engine of full-text search has that name",
            log_text("engine", name));
    return e;
}

struct text_index *text_index_new(struct loop *loop, const char *engine)
{
    struct text_engine *e = open_engine(engine);

    if (!e)
        return NULL;
    struct text_index *t = MEM_NEW(struct text_index);

    t->loop = loop;
    t->engine = e;
    list_init(&t->ops);
    map_init(&t->waiting);
    list_init(&t->batch);
    list_init(&t->gather.link);
    t->gather.run = text_index_on_gathered;
    return t;
}

void text_index_close(struct text_index *t)
{
    if (!t)
        return;
    t->is_closing = true;
    list_unlink(&t->gather.link);
    /* The worker looks at links and texts of its batch, and not at who waits. */
    LIST_FOREACH (it, &t->batch) {
        struct text_op *op = LIST_ENTRY(it, struct text_op, link);
        text_index_done *done = op->done;
        op->done = NULL;
        if (done)
            done(TEXT_INDEX_FAILED, NULL, 0, op->arg);
    }
    while (!list_is_empty(&t->ops)) {
        struct text_op *op = LIST_ENTRY(t->ops.next, struct text_op, link);
        text_index_answer(op, TEXT_INDEX_FAILED);
        op_free(op);
    }
    if (!t->is_running)
        index_free(t);
}
