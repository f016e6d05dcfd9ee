/* sqlite_journal: an append is one row and the removal of those that have to go for it. How much
 * there is of whom stands in tables that triggers keep, because counting would read all rows. What
 * is too old is taken from the front of the table: ids grow with time, so no index by age is
 * needed. Worker's thread. */
#include "store/sqlite_journal.h"

#include "store/journal_shares.h"
#include "store/op_journal.h"
#include "store/sqlite_file.h"

/* So many rows go for their age, and for the limits of all, with one trim; the first also now and
 * then with a row. */
enum { DROP_PER_TRIM = 20000, TRIM_EVERY = 64, DROP_PER_SMALL_TRIM = 128 };
/* The kinds of event_log_sums. */
static const int kinds[] = {[JOURNAL_ALL] = 0, [JOURNAL_OWNER] = 1, [JOURNAL_WORKSPACE] = 2};

static bool sqlite_journal_statement(sqlite3 *db, const char *sql, sqlite3_stmt **ret)
{
    return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) == SQLITE_OK;
}

#define MATCHES                                                                                    \
    "workspace = ?1 AND user_id = ?2 AND (?3 = '' OR event_type = ?3) AND timestamp BETWEEN ?4 "   \
    "AND ?5"

bool sqlite_journal_prepare(struct sqlite_file *f)
{
    struct sqlite_journal *j = &f->journal;

    return sqlite_journal_statement(
               f->db,
               "INSERT INTO event_logs (event_type, workspace, user_id, timestamp, data, "
               "owner) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
               &j->append) &&
           sqlite_journal_statement(
               f->db, "SELECT n_rows, n_bytes FROM event_log_sums WHERE kind = ?1 AND name = ?2",
               &j->sums) &&
           sqlite_journal_statement(
               f->db,
               "SELECT workspace, owner, n_bytes FROM event_log_shares WHERE owner = ?1 "
               "ORDER BY n_bytes DESC LIMIT 1",
               &j->largest_of_owner) &&
           sqlite_journal_statement(
               f->db,
               "SELECT workspace, owner, n_bytes FROM event_log_shares WHERE workspace = ?1 "
               "ORDER BY n_bytes DESC LIMIT 1",
               &j->largest_of_workspace) &&
           sqlite_journal_statement(
               f->db,
               "SELECT workspace, owner, n_bytes FROM event_log_shares WHERE workspace = ?1 "
               "AND owner = ?2",
               &j->share) &&
           sqlite_journal_statement(
               f->db,
               "SELECT name FROM event_log_sums WHERE kind = 1 ORDER BY n_bytes DESC LIMIT 1",
               &j->largest_owner) &&
           sqlite_journal_statement(
               f->db,
               "DELETE FROM event_logs WHERE id = (SELECT min(id) FROM event_logs "
               "WHERE workspace = ?1 AND owner = ?2) RETURNING length(data)",
               &j->drop_oldest) &&
           sqlite_journal_statement(
               f->db,
               "DELETE FROM event_logs WHERE id IN (SELECT id FROM event_logs ORDER BY id "
               "LIMIT ?1) AND timestamp < ?2",
               &j->trim) &&
           sqlite_journal_statement(
               f->db,
               "SELECT id, timestamp, workspace, user_id, event_type, data FROM event_logs "
               "WHERE " MATCHES " ORDER BY timestamp DESC, id DESC LIMIT ?6",
               &j->read) &&
           sqlite_journal_statement(f->db,
                                    "SELECT event_type, count(*) FROM event_logs WHERE " MATCHES
                                    " GROUP BY event_type ORDER BY event_type",
                                    &j->count);
}

void sqlite_journal_finalize(struct sqlite_journal *j)
{
    sqlite3_stmt *const all[] = {j->append,
                                 j->trim,
                                 j->read,
                                 j->count,
                                 j->sums,
                                 j->share,
                                 j->largest_of_owner,
                                 j->largest_of_workspace,
                                 j->largest_owner,
                                 j->drop_oldest};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        sqlite3_finalize(all[i]);
}

static void sqlite_journal_bind_text(sqlite3_stmt *stmt, int at, struct slice text)
{
    (void)sqlite3_bind_text64(stmt, at, text.len ? text.ptr : "", text.len, SQLITE_STATIC,
                              SQLITE_UTF8);
}

static struct slice text_at(sqlite3_stmt *stmt, int at)
{
    const void *text = sqlite3_column_text(stmt, at);

    return slice_make(text, (size_t)sqlite3_column_bytes(stmt, at));
}

static bool sqlite_journal_finish(sqlite3_stmt *stmt)
{
    bool ok = sqlite3_reset(stmt) == SQLITE_OK;

    (void)sqlite3_clear_bindings(stmt);
    return ok;
}

/* ---- what is kept of whom ---- */

static bool sqlite_journal_read_sums(void *engine, enum journal_part part, struct slice name,
                                     struct journal_sums *ret)
{
    sqlite3_stmt *stmt = ((struct sqlite_file *)engine)->journal.sums;

    (void)sqlite3_bind_int(stmt, 1, kinds[part]);
    sqlite_journal_bind_text(stmt, 2, name);
    bool is_there = sqlite3_step(stmt) == SQLITE_ROW;
    if (is_there)
        *ret = (struct journal_sums){(uint64_t)sqlite3_column_int64(stmt, 0),
                                     (uint64_t)sqlite3_column_int64(stmt, 1)};
    return sqlite_journal_finish(stmt) && is_there;
}

static bool read_share(sqlite3_stmt *stmt, struct journal_share *ret)
{
    bool is_there = sqlite3_step(stmt) == SQLITE_ROW;

    if (is_there) {
        journal_share_set(ret, text_at(stmt, 0), text_at(stmt, 1));
        ret->n_bytes = (uint64_t)sqlite3_column_int64(stmt, 2);
    }
    return sqlite_journal_finish(stmt) && is_there;
}

static bool sqlite_journal_find_share(void *engine, struct slice workspace, struct slice owner,
                                      struct journal_share *ret)
{
    sqlite3_stmt *stmt = ((struct sqlite_file *)engine)->journal.share;

    sqlite_journal_bind_text(stmt, 1, workspace);
    sqlite_journal_bind_text(stmt, 2, owner);
    return read_share(stmt, ret);
}

static bool sqlite_journal_find_largest(void *engine, enum journal_part part, struct slice name,
                                        struct journal_share *ret)
{
    struct sqlite_journal *j = &((struct sqlite_file *)engine)->journal;
    sqlite3_stmt *stmt = part == JOURNAL_WORKSPACE ? j->largest_of_workspace : j->largest_of_owner;

    if (part == JOURNAL_ALL && sqlite3_step(j->largest_owner) == SQLITE_ROW)
        name = text_at(j->largest_owner, 0);
    sqlite_journal_bind_text(stmt, 1, name);
    bool is_there = read_share(stmt, ret);
    return (part != JOURNAL_ALL || sqlite_journal_finish(j->largest_owner)) && is_there;
}

static bool sqlite_journal_drop_oldest(void *engine, const struct journal_share *share,
                                       uint64_t *ret_n_bytes)
{
    sqlite3_stmt *stmt = ((struct sqlite_file *)engine)->journal.drop_oldest;

    sqlite_journal_bind_text(stmt, 1, slice_make(share->workspace, share->workspace_len));
    sqlite_journal_bind_text(stmt, 2, slice_make(share->owner, share->owner_len));
    bool is_dropped = sqlite3_step(stmt) == SQLITE_ROW;
    if (is_dropped)
        *ret_n_bytes = journal_cost((size_t)sqlite3_column_int64(stmt, 0));
    return sqlite_journal_finish(stmt) && is_dropped;
}

static const struct journal_shares_ops shares = {
    sqlite_journal_read_sums, sqlite_journal_find_largest, sqlite_journal_find_share,
    sqlite_journal_drop_oldest};

/* ---- writing ---- */

static uint64_t sqlite_journal_drop_old(struct sqlite_file *f, const struct journal_limits *limits,
                                        int n_at_most)
{
    sqlite3_stmt *trim = f->journal.trim;

    (void)sqlite3_bind_int(trim, 1, n_at_most);
    (void)sqlite3_bind_int64(trim, 2, limits->since_us);
    (void)sqlite3_step(trim);
    return sqlite_journal_finish(trim) ? (uint64_t)sqlite3_changes(f->db) : 0;
}

/* What could not be dropped does not fail the row: the next one tries again. A refusal that undid
 * the transaction shows in its commit. */
static bool sqlite_journal_append(struct sqlite_file *f, struct store_op *op)
{
    const struct journal_row *row = &op->journal->row;
    sqlite3_stmt *stmt = f->journal.append;

    op->journal->n_dropped = journal_shares_make_room(&shares, f, row, &op->journal->limits);
    sqlite_journal_bind_text(stmt, 1, row->type);
    sqlite_journal_bind_text(stmt, 2, row->workspace);
    sqlite_journal_bind_text(stmt, 3, row->user);
    (void)sqlite3_bind_int64(stmt, 4, row->at_us);
    (void)sqlite3_bind_blob64(stmt, 5, row->data.len ? row->data.ptr : "", row->data.len,
                              SQLITE_STATIC);
    sqlite_journal_bind_text(stmt, 6, row->owner);
    (void)sqlite3_step(stmt);
    if (!sqlite_journal_finish(stmt))
        return false;
    op->outcome = STORE_OK;
    if (sqlite3_last_insert_rowid(f->db) % TRIM_EVERY == 0)
        op->journal->n_dropped +=
            sqlite_journal_drop_old(f, &op->journal->limits, DROP_PER_SMALL_TRIM);
    return true;
}

/* ---- reading ---- */

static void bind_query(sqlite3_stmt *stmt, const struct journal_query *q)
{
    sqlite_journal_bind_text(stmt, 1, q->workspace);
    sqlite_journal_bind_text(stmt, 2, q->user);
    sqlite_journal_bind_text(stmt, 3, q->type);
    (void)sqlite3_bind_int64(stmt, 4, q->from_us);
    (void)sqlite3_bind_int64(stmt, 5, q->to_us);
}

static bool sqlite_journal_read_rows(struct sqlite_file *f, struct store_op *op)
{
    sqlite3_stmt *stmt = f->journal.read;
    bool has_room = true;

    bind_query(stmt, &op->journal->query);
    (void)sqlite3_bind_int64(stmt, 6, op->journal->query.max_rows);
    while (has_room && sqlite3_step(stmt) == SQLITE_ROW) {
        const void *data = sqlite3_column_blob(stmt, 5);
        const struct journal_row row = {
            .id = sqlite3_column_int64(stmt, 0),
            .at_us = sqlite3_column_int64(stmt, 1),
            .workspace = text_at(stmt, 2),
            .user = text_at(stmt, 3),
            .type = text_at(stmt, 4),
            .data = slice_make(data, (size_t)sqlite3_column_bytes(stmt, 5))};
        has_room = journal_op_add_row(op, &row);
    }
    op->outcome = STORE_OK;
    return sqlite_journal_finish(stmt);
}

static bool sqlite_journal_count_rows(struct sqlite_file *f, struct store_op *op)
{
    sqlite3_stmt *stmt = f->journal.count;

    bind_query(stmt, &op->journal->query);
    while (sqlite3_step(stmt) == SQLITE_ROW &&
           journal_op_add_count(op, text_at(stmt, 0), sqlite3_column_int64(stmt, 1)))
        ;
    op->outcome = STORE_OK;
    return sqlite_journal_finish(stmt);
}

bool sqlite_journal_run(struct sqlite_file *f, struct store_op *op)
{
    op->journal->n_dropped = 0;
    switch (op->kind) {
    case STORE_OP_APPEND:
        return sqlite_journal_append(f, op);
    case STORE_OP_READ:
        return sqlite_journal_read_rows(f, op);
    case STORE_OP_COUNT:
        return sqlite_journal_count_rows(f, op);
    default:
        op->journal->n_dropped =
            sqlite_journal_drop_old(f, &op->journal->limits, DROP_PER_TRIM) +
            journal_shares_trim(&shares, f, &op->journal->limits, DROP_PER_TRIM);
        op->outcome = STORE_OK;
        return true;
    }
}
