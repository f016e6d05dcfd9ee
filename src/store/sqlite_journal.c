/* sqlite_journal: an append is one row and, when its workspace has more than it may, the removal
 * of as many of its oldest. How many it has stands in a table that triggers keep, because counting
 * would read them all. What nobody keeps any longer in any workspace is taken from the front of
 * the table: ids grow with time, so no index by age is needed. Worker's thread. */
#include "store/sqlite_journal.h"

#include "store/op_journal.h"
#include "store/sqlite_file.h"

/* A row removes at most so many old ones of its workspace; a trim so many of all. */
enum { DROP_PER_ROW = 16, DROP_PER_TRIM = 20000, TRIM_EVERY = 64, DROP_PER_SMALL_TRIM = 128 };

static bool prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret)
{
    return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) == SQLITE_OK;
}

#define MATCHES                                                                                    \
    "workspace = ?1 AND user_id = ?2 AND (?3 = '' OR event_type = ?3) AND timestamp BETWEEN ?4 "   \
    "AND ?5"

bool sqlite_journal_prepare(struct sqlite_file *f)
{
    struct sqlite_journal *j = &f->journal;

    return prepare(f->db,
                   "INSERT INTO event_logs (event_type, workspace, user_id, timestamp, data) "
                   "VALUES (?1, ?2, ?3, ?4, ?5)",
                   &j->append) &&
           prepare(f->db, "SELECT n_rows FROM event_log_sizes WHERE workspace = ?1", &j->size) &&
           prepare(f->db,
                   "DELETE FROM event_logs WHERE id IN "
                   "(SELECT id FROM event_logs WHERE workspace = ?1 ORDER BY id LIMIT ?2)",
                   &j->trim_workspace) &&
           prepare(f->db,
                   "DELETE FROM event_logs WHERE id IN (SELECT id FROM event_logs ORDER BY id "
                   "LIMIT ?1) "
                   "AND (timestamp < ?2 OR id <= (SELECT max(id) FROM event_logs) - ?3)",
                   &j->trim) &&
           prepare(f->db,
                   "SELECT id, timestamp, workspace, user_id, event_type, data FROM event_logs "
                   "WHERE " MATCHES " ORDER BY timestamp DESC, id DESC LIMIT ?6",
                   &j->read) &&
           prepare(f->db,
                   "SELECT event_type, count(*) FROM event_logs WHERE " MATCHES
                   " GROUP BY event_type ORDER BY event_type",
                   &j->count);
}

void sqlite_journal_finalize(struct sqlite_journal *j)
{
    sqlite3_stmt *const all[] = {j->append, j->size, j->trim_workspace, j->trim, j->read, j->count};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        sqlite3_finalize(all[i]);
}

static void bind_text(sqlite3_stmt *stmt, int at, struct slice text)
{
    (void)sqlite3_bind_text64(stmt, at, text.len ? text.ptr : "", text.len, SQLITE_STATIC,
                              SQLITE_UTF8);
}

static struct slice text_at(sqlite3_stmt *stmt, int at)
{
    const void *text = sqlite3_column_text(stmt, at);

    return slice_make(text, (size_t)sqlite3_column_bytes(stmt, at));
}

static bool finish(sqlite3_stmt *stmt)
{
    bool ok = sqlite3_reset(stmt) == SQLITE_OK;

    (void)sqlite3_clear_bindings(stmt);
    return ok;
}

static uint64_t limit_of(uint64_t n)
{
    return n < INT64_MAX ? n : INT64_MAX;
}

/* ---- writing ---- */

static uint64_t drop_of_workspace(struct sqlite_file *f, struct slice workspace, uint64_t max_rows)
{
    struct sqlite_journal *j = &f->journal;
    int64_t n_rows = 0;

    bind_text(j->size, 1, workspace);
    if (sqlite3_step(j->size) == SQLITE_ROW)
        n_rows = sqlite3_column_int64(j->size, 0);
    if (!finish(j->size) || n_rows <= (int64_t)limit_of(max_rows))
        return 0;
    int64_t n_over = n_rows - (int64_t)limit_of(max_rows);
    bind_text(j->trim_workspace, 1, workspace);
    (void)sqlite3_bind_int64(j->trim_workspace, 2, n_over < DROP_PER_ROW ? n_over : DROP_PER_ROW);
    (void)sqlite3_step(j->trim_workspace);
    return finish(j->trim_workspace) ? (uint64_t)sqlite3_changes(f->db) : 0;
}

static uint64_t drop_oldest(struct sqlite_file *f, const struct journal_limits *limits,
                            int n_at_most)
{
    sqlite3_stmt *trim = f->journal.trim;

    (void)sqlite3_bind_int(trim, 1, n_at_most);
    (void)sqlite3_bind_int64(trim, 2, limits->since_us);
    (void)sqlite3_bind_int64(trim, 3, (int64_t)limit_of(limits->rows));
    (void)sqlite3_step(trim);
    return finish(trim) ? (uint64_t)sqlite3_changes(f->db) : 0;
}

/* What could not be dropped does not fail the row: the next one tries again. A refusal that undid
 * the transaction shows in its commit. */
static bool append(struct sqlite_file *f, struct store_op *op)
{
    const struct journal_row *row = &op->journal->row;
    sqlite3_stmt *stmt = f->journal.append;

    bind_text(stmt, 1, row->type);
    bind_text(stmt, 2, row->workspace);
    bind_text(stmt, 3, row->user);
    (void)sqlite3_bind_int64(stmt, 4, row->at_us);
    (void)sqlite3_bind_blob64(stmt, 5, row->data.len ? row->data.ptr : "", row->data.len,
                              SQLITE_STATIC);
    (void)sqlite3_step(stmt);
    if (!finish(stmt))
        return false;
    op->outcome = STORE_OK;
    bool is_turn = sqlite3_last_insert_rowid(f->db) % TRIM_EVERY == 0;
    op->journal->n_dropped =
        drop_of_workspace(f, row->workspace, op->journal->limits.rows_per_workspace);
    if (is_turn)
        op->journal->n_dropped += drop_oldest(f, &op->journal->limits, DROP_PER_SMALL_TRIM);
    return true;
}

/* ---- reading ---- */

static void bind_query(sqlite3_stmt *stmt, const struct journal_query *q)
{
    bind_text(stmt, 1, q->workspace);
    bind_text(stmt, 2, q->user);
    bind_text(stmt, 3, q->type);
    (void)sqlite3_bind_int64(stmt, 4, q->from_us);
    (void)sqlite3_bind_int64(stmt, 5, q->to_us);
}

static bool read_rows(struct sqlite_file *f, struct store_op *op)
{
    sqlite3_stmt *stmt = f->journal.read;
    bool has_room = true;

    bind_query(stmt, &op->journal->query);
    (void)sqlite3_bind_int64(stmt, 6, op->journal->query.max_rows);
    while (has_room && sqlite3_step(stmt) == SQLITE_ROW) {
        const void *data = sqlite3_column_blob(stmt, 5);
        const struct journal_row row = {sqlite3_column_int64(stmt, 0),
                                        sqlite3_column_int64(stmt, 1),
                                        text_at(stmt, 2),
                                        text_at(stmt, 3),
                                        text_at(stmt, 4),
                                        slice_make(data, (size_t)sqlite3_column_bytes(stmt, 5))};
        has_room = journal_op_add_row(op, &row);
    }
    op->outcome = STORE_OK;
    return finish(stmt);
}

static bool count_rows(struct sqlite_file *f, struct store_op *op)
{
    sqlite3_stmt *stmt = f->journal.count;

    bind_query(stmt, &op->journal->query);
    while (sqlite3_step(stmt) == SQLITE_ROW &&
           journal_op_add_count(op, text_at(stmt, 0), sqlite3_column_int64(stmt, 1)))
        ;
    op->outcome = STORE_OK;
    return finish(stmt);
}

bool sqlite_journal_run(struct sqlite_file *f, struct store_op *op)
{
    op->journal->n_dropped = 0;
    switch (op->kind) {
    case STORE_OP_APPEND:
        return append(f, op);
    case STORE_OP_READ:
        return read_rows(f, op);
    case STORE_OP_COUNT:
        return count_rows(f, op);
    default:
        op->journal->n_dropped = drop_oldest(f, &op->journal->limits, DROP_PER_TRIM);
        op->outcome = STORE_OK;
        return true;
    }
}
