/* sqlite_file: many operations, one transaction, one fsync. Operations run in the order they were
 * asked for, so a read sees the writes before it. When something fails the whole transaction is
 * taken back and each operation runs again alone: only those that cannot be done fail, and no
 * neighbour pays for them. */
#include "store/sqlite_file.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/op.h"

enum { PRUNE_STEPS = 100, PRUNE_EVERY_S = 600 };

static int64_t sqlite_file_now_s(void)
{
    return clock_wall_ms() / 1000;
}

static void sqlite_file_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
    /* fails only for an index we do not have */
    (void)sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

static void bind_bytes(sqlite3_stmt *stmt, int at, struct slice bytes)
{
    /* A NULL pointer would bind NULL, which is not an empty blob. Too large a blob stays unbound:
     * the step fails. */
    (void)sqlite3_bind_blob64(stmt, at, bytes.len ? bytes.ptr : "", bytes.len, SQLITE_STATIC);
}

static struct slice sqlite_file_column(sqlite3_stmt *stmt, int at)
{
    const void *bytes = sqlite3_column_blob(stmt, at);

    return slice_make(bytes, (size_t)sqlite3_column_bytes(stmt, at));
}

static bool sqlite_file_finish(sqlite3_stmt *stmt)
{
    bool ok = sqlite3_reset(stmt) == SQLITE_OK;

    (void)sqlite3_clear_bindings(stmt);
    return ok;
}

static bool run_simple(sqlite3_stmt *stmt)
{
    (void)sqlite3_step(stmt); /* reset reports what step met */
    return sqlite_file_finish(stmt);
}

static bool sqlite_file_run_put(struct sqlite_file *f, struct store_op *op)
{
    sqlite_file_bind_text(f->put, 1, op->bucket);
    bind_bytes(f->put, 2, op->key);
    bind_bytes(f->put, 3, op->bytes);
    (void)sqlite3_bind_int64(f->put, 4, op->expires_at);
    op->outcome = STORE_OK;
    return run_simple(f->put);
}

static bool sqlite_file_run_remove(struct sqlite_file *f, struct store_op *op)
{
    sqlite_file_bind_text(f->remove, 1, op->bucket);
    bind_bytes(f->remove, 2, op->key);
    op->outcome = STORE_OK;
    return run_simple(f->remove);
}

static bool sqlite_file_run_get(struct sqlite_file *f, struct store_op *op)
{
    sqlite_file_bind_text(f->get, 1, op->bucket);
    bind_bytes(f->get, 2, op->key);
    (void)sqlite3_bind_int64(f->get, 3, sqlite_file_now_s());
    op->outcome = STORE_ABSENT;
    if (sqlite3_step(f->get) == SQLITE_ROW) {
        buf_add_slice(&op->result.b, sqlite_file_column(f->get, 0));
        op->outcome = STORE_OK;
    }
    return sqlite_file_finish(f->get);
}

static bool sqlite_file_run_scan(struct sqlite_file *f, struct store_op *op)
{
    bool has_room = true;

    sqlite_file_bind_text(f->scan, 1, op->bucket);
    (void)sqlite3_bind_int64(f->scan, 2, sqlite_file_now_s());
    bind_bytes(f->scan, 3, buf_slice(&op->after.b));
    op->outcome = STORE_OK;
    while (has_room && sqlite3_step(f->scan) == SQLITE_ROW)
        has_room =
            store_op_add_row(op, sqlite_file_column(f->scan, 0), sqlite_file_column(f->scan, 1));
    op->has_more = !has_room;
    return sqlite_file_finish(f->scan);
}

static bool sqlite_file_run_op(struct sqlite_file *f, struct store_op *op)
{
    if (op->is_refused)
        return true; /* fails by itself, not with the others */
    switch (op->kind) {
    case STORE_OP_PUT:
        return sqlite_file_run_put(f, op);
    case STORE_OP_REMOVE:
        return sqlite_file_run_remove(f, op);
    case STORE_OP_GET:
        return sqlite_file_run_get(f, op);
    case STORE_OP_SCAN:
        return sqlite_file_run_scan(f, op);
    case STORE_OP_APPEND:
    case STORE_OP_READ:
    case STORE_OP_COUNT:
    case STORE_OP_TRIM:
        return sqlite_journal_run(f, op);
    }
    return false;
}

static void sqlite_file_report(struct sqlite_file *f)
{
    LOG(LOG_ERROR, "store", "the database refused", log_text("reason", sqlite3_errmsg(f->db)),
        log_int("code", sqlite3_extended_errcode(f->db)));
}

static void sqlite_file_take_back(struct sqlite_file *f)
{
    /* Some errors have rolled back already. */
    if (!sqlite3_get_autocommit(f->db) && !run_simple(f->rollback))
        sqlite_file_report(f);
}

/* One operation alone: a statement outside BEGIN is a transaction of its own. */
static void run_alone(struct sqlite_file *f, struct store_op *op)
{
    store_op_reset(op);
    if (sqlite_file_run_op(f, op))
        return;
    sqlite_file_report(f);
    op->outcome = STORE_FAILED;
}

static bool run_together(struct sqlite_file *f, struct list *ops)
{
    bool ok = run_simple(f->begin);

    LIST_FOREACH (it, ops)
        ok = ok && sqlite_file_run_op(f, LIST_ENTRY(it, struct store_op, link));
    ok = ok && run_simple(f->commit);
    if (!ok)
        sqlite_file_take_back(f);
    return ok;
}

static bool wants_transaction(const struct list *ops)
{
    unsigned n_writes = 0;

    /* What the journal writes is several statements by itself. */
    LIST_FOREACH (it, ops) {
        const struct store_op *op = LIST_ENTRY(it, struct store_op, link);
        n_writes += store_op_is_write(op) ? (op->journal ? 2 : 1) : 0;
    }
    return n_writes > 1;
}

void sqlite_file_run(struct sqlite_file *f, struct list *ops)
{
    if (!wants_transaction(ops) || !run_together(f, ops)) {
        LIST_FOREACH (it, ops)
            run_alone(f, LIST_ENTRY(it, struct store_op, link));
    }
    if (sqlite_file_now_s() - f->pruned_at >= PRUNE_EVERY_S)
        sqlite_file_prune(f);
}

void sqlite_file_prune(struct sqlite_file *f)
{
    f->pruned_at = sqlite_file_now_s();
    for (int i = 0; i < PRUNE_STEPS; i++) {
        (void)sqlite3_bind_int64(f->prune, 1, f->pruned_at);
        if (!run_simple(f->prune)) {
            sqlite_file_report(f);
            return;
        }
        if (sqlite3_changes(f->db) == 0)
            return;
    }
}
