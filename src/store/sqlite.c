/* sqlite: the engine that outlives the process. One connection, one job at a time on the worker
 * pool; what is asked for while a job runs goes together into the next one, so the busier the hub
 * the fewer fsyncs a write costs. Of the journal's rows only some go into one, so that a record
 * does not wait for all that are there.
 *
 *   idle --ask--> gathering --end of turn--> running --done: deliver--> idle (or running again)
 *
 * Loop-owned, but for `file` and `batch`, which belong to the worker while running. */
#include "store/engines.h"

#include "base/memory.h"
#include "loop/offload.h"
#include "store/op.h"
#include "store/sqlite_file.h"

/* records; rows of the journal, each of which is several statements */
enum { BATCH_MAX = 1024, ROWS_MAX = 64 };

enum engine_state { ENGINE_IDLE, ENGINE_GATHERING, ENGINE_RUNNING };

struct sqlite_store {
    struct store_engine engine;
    enum engine_state state;
    struct deferred gather;
    struct job job;
    /* worker's while running */
    struct sqlite_file file;
    struct list batch;
};

static void sqlite_start(struct sqlite_store *s);

static void work_run(struct job *job)
{
    struct sqlite_store *s = CONTAINER_OF(job, struct sqlite_store, job);

    sqlite_file_run(&s->file, &s->batch);
}

static void done_run(struct job *job)
{
    struct sqlite_store *s = CONTAINER_OF(job, struct sqlite_store, job);

    while (!list_is_empty(&s->batch)) {
        struct store_op *op = LIST_ENTRY(s->batch.next, struct store_op, link);
        list_unlink(&op->link);
        op = store_op_deliver(&s->engine, op);
        /* a scan was the last of its batch: it goes on before what was asked for after it */
        if (op)
            list_link_first(&s->engine.ops, &op->link);
    }
    sqlite_start(s);
}

static void work_close(struct job *job)
{
    struct sqlite_store *s = CONTAINER_OF(job, struct sqlite_store, job);

    /* the last one out folds the log into the file: may take a while */
    sqlite_file_close(&s->file);
}

static void done_close(struct job *job)
{
    struct sqlite_store *s = CONTAINER_OF(job, struct sqlite_store, job);
    store_done *closed = s->engine.closed;
    void *arg = s->engine.closed_arg;

    store_engine_deinit(&s->engine);
    mem_free(s);
    if (closed)
        closed(STORE_OK, arg);
}

/* Sends what waits to the worker, or, when nothing does, rests or closes. */
static void sqlite_start(struct sqlite_store *s)
{
    struct list *ops = &s->engine.ops;

    bool is_scan = false;

    s->state = ENGINE_IDLE;
    for (unsigned n = 0; n < BATCH_MAX && !is_scan && !list_is_empty(ops); n++) {
        struct store_op *op = LIST_ENTRY(ops->next, struct store_op, link);
        list_unlink(&op->link);
        list_link(&s->batch, &op->link);
        is_scan = op->kind == STORE_OP_SCAN;
    }
    store_engine_take_rows(&s->engine, &s->batch, ROWS_MAX);
    if (list_is_empty(&s->batch) && !s->engine.is_closing)
        return;
    s->state = ENGINE_RUNNING;
    bool is_last = list_is_empty(&s->batch);
    s->job = (struct job){.class = OFFLOAD_STORE,
                          .work = is_last ? work_close : work_run,
                          .done = is_last ? done_close : done_run};
    ASSERT(offload(s->engine.base.loop, &s->job) == OFFLOAD_OK);
}

static void sqlite_on_gathered(struct deferred *d)
{
    sqlite_start(CONTAINER_OF(d, struct sqlite_store, gather));
}

static void sqlite_wake(struct store_engine *e)
{
    struct sqlite_store *s = CONTAINER_OF(e, struct sqlite_store, engine);

    if (s->state != ENGINE_IDLE)
        return;
    s->state = ENGINE_GATHERING;
    loop_defer(e->base.loop, &s->gather);
}

int store_open_sqlite(struct loop *loop, const char *path, struct store **ret,
                      char ret_error[STORE_ERROR_MAX])
{
    struct sqlite_store *s = MEM_NEW(struct sqlite_store);
    int r = sqlite_file_open(path, &s->file, ret_error);

    if (r) {
        mem_free(s);
        return r;
    }
    store_engine_init(&s->engine, loop, sqlite_wake);
    store_engine_keep_rows(&s->engine);
    list_init(&s->batch);
    list_init(&s->gather.link);
    s->gather.run = sqlite_on_gathered;
    *ret = &s->engine.base;
    return STORE_OK;
}
