/* sqlite_open: a file is ours, of a version we know, and whole, or it is refused by name before
 * anything is served. Versions only go forward: each step is one transaction that ends by writing
 * its number, so a crash between steps loses nothing.
 *
 * WAL with synchronous=FULL: a commit is one append and one fsync of the log. The fsync is what an
 * acknowledged write costs (0.1 ms on a good NVMe drive, 5-10 ms on a disk), which is why
 * operations are committed in groups; NORMAL would save it and lose the last second's acknowledged
 * writes when the power fails. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/sqlite_file.h"

enum { BUSY_MS = 5000 };

/* Step i brings version i to i + 1. Never edited once released: a change is a further step. */
static const char *const steps[] = {
    "CREATE TABLE records ("
    "  bucket TEXT NOT NULL, key BLOB NOT NULL, bytes BLOB NOT NULL, expires_at INTEGER NOT NULL,"
    "  PRIMARY KEY (bucket, key));"
    "CREATE INDEX records_by_expiry ON records (expires_at) WHERE expires_at > 0;",

    "CREATE TABLE event_logs ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, event_type TEXT NOT NULL, workspace TEXT NOT NULL,"
    "  user_id TEXT NOT NULL, timestamp INTEGER NOT NULL, data BLOB NOT NULL);"
    "CREATE INDEX event_logs_by_user ON event_logs (workspace, user_id, timestamp);"
    "CREATE INDEX event_logs_by_workspace ON event_logs (workspace);"
    "CREATE TABLE event_log_sizes (workspace TEXT NOT NULL PRIMARY KEY, n_rows INTEGER NOT NULL) "
    "WITHOUT ROWID;"
    "CREATE TRIGGER event_logs_grow AFTER INSERT ON event_logs BEGIN"
    "  INSERT INTO event_log_sizes VALUES (new.workspace, 1)"
    "    ON CONFLICT (workspace) DO UPDATE SET n_rows = n_rows + 1;"
    "END;"
    "CREATE TRIGGER event_logs_shrink AFTER DELETE ON event_logs BEGIN"
    "  UPDATE event_log_sizes SET n_rows = n_rows - 1 WHERE workspace = old.workspace;"
    "  DELETE FROM event_log_sizes WHERE workspace = old.workspace AND n_rows <= 0;"
    "END;",

    /* Whose share a row takes, and the sums of all shares: kind 0 of all rows, 1 of an owner, 2 of
     * a workspace. 512 is what journal_cost() has for the texts of a row. */
    "DROP TRIGGER event_logs_grow; DROP TRIGGER event_logs_shrink; DROP TABLE event_log_sizes;"
    "DROP INDEX event_logs_by_workspace;"
    "ALTER TABLE event_logs ADD COLUMN owner TEXT NOT NULL DEFAULT '';"
    "UPDATE event_logs SET owner = 'user:' || user_id;"
    "CREATE INDEX event_logs_by_share ON event_logs (workspace, owner);"
    "CREATE TABLE event_log_shares (workspace TEXT NOT NULL, owner TEXT NOT NULL, n_rows INTEGER "
    "NOT NULL,"
    "  n_bytes INTEGER NOT NULL, PRIMARY KEY (workspace, owner)) WITHOUT ROWID;"
    "CREATE INDEX event_log_shares_of_owner ON event_log_shares (owner, n_bytes);"
    "CREATE INDEX event_log_shares_of_workspace ON event_log_shares (workspace, n_bytes);"
    "CREATE TABLE event_log_sums (kind INTEGER NOT NULL, name TEXT NOT NULL, n_rows INTEGER NOT "
    "NULL,"
    "  n_bytes INTEGER NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID;"
    "CREATE INDEX event_log_sums_by_size ON event_log_sums (kind, n_bytes);"
    "INSERT INTO event_log_shares SELECT workspace, owner, count(*), sum(length(data) + 512) FROM "
    "event_logs"
    "  GROUP BY workspace, owner;"
    "INSERT INTO event_log_sums SELECT 1, owner, sum(n_rows), sum(n_bytes) FROM event_log_shares "
    "GROUP BY owner;"
    "INSERT INTO event_log_sums SELECT 2, workspace, sum(n_rows), sum(n_bytes) FROM "
    "event_log_shares GROUP BY workspace;"
    "INSERT INTO event_log_sums SELECT 0, '', count(*), ifnull(sum(length(data) + 512), 0) FROM "
    "event_logs;"
    "CREATE TRIGGER event_logs_grow AFTER INSERT ON event_logs BEGIN"
    "  INSERT INTO event_log_shares VALUES (new.workspace, new.owner, 1, length(new.data) + 512)"
    "    ON CONFLICT (workspace, owner) DO UPDATE SET n_rows = n_rows + 1, n_bytes = n_bytes + "
    "length(new.data) + 512;"
    "  INSERT INTO event_log_sums VALUES (0, '', 1, length(new.data) + 512), (1, new.owner, 1, "
    "length(new.data) + 512),"
    "    (2, new.workspace, 1, length(new.data) + 512)"
    "    ON CONFLICT (kind, name) DO UPDATE SET n_rows = n_rows + 1, n_bytes = n_bytes + "
    "length(new.data) + 512;"
    "END;"
    "CREATE TRIGGER event_logs_shrink AFTER DELETE ON event_logs BEGIN"
    "  UPDATE event_log_shares SET n_rows = n_rows - 1, n_bytes = n_bytes - length(old.data) - 512"
    "    WHERE workspace = old.workspace AND owner = old.owner;"
    "  DELETE FROM event_log_shares WHERE workspace = old.workspace AND owner = old.owner AND "
    "n_rows <= 0;"
    "  UPDATE event_log_sums SET n_rows = n_rows - 1, n_bytes = n_bytes - length(old.data) - 512"
    "    WHERE (kind, name) IN (VALUES (0, ''), (1, old.owner), (2, old.workspace));"
    "  DELETE FROM event_log_sums WHERE (kind, name) IN (VALUES (1, old.owner), (2, "
    "old.workspace)) AND n_rows <= 0;"
    "END;",
};

static int sqlite_open_fail(const char *path, const char *reason, char ret_error[STORE_ERROR_MAX])
{
    (void)snprintf(ret_error, STORE_ERROR_MAX, "%.160s: %.80s", path, reason);
    return STORE_FAILED;
}

static bool sqlite_open_exec(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* The first column of the first row; false when the statement fails or has no row. */
static bool query_text(sqlite3 *db, const char *sql, char *out, size_t room)
{
    sqlite3_stmt *stmt = NULL;
    bool ok = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
              sqlite3_step(stmt) == SQLITE_ROW;

    if (ok) {
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        (void)snprintf(out, room, "%s", text ? text : "");
    }
    sqlite3_finalize(stmt);
    return ok;
}

static bool query_int(sqlite3 *db, const char *sql, int64_t *ret)
{
    sqlite3_stmt *stmt = NULL;
    bool ok = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
              sqlite3_step(stmt) == SQLITE_ROW;

    if (ok)
        *ret = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return ok;
}

static int sqlite_open_take_step(sqlite3 *db, const char *path, int64_t version,
                                 char ret_error[STORE_ERROR_MAX])
{
    char sql[160];

    (void)snprintf(sql, sizeof(sql),
                   "DELETE FROM hyphad_schema; INSERT INTO hyphad_schema VALUES (%" PRId64 ");",
                   version + 1);
    if (sqlite_open_exec(db, "BEGIN IMMEDIATE") && sqlite_open_exec(db, steps[version]) &&
        sqlite_open_exec(db, sql) && sqlite_open_exec(db, "COMMIT"))
        return STORE_OK;
    /* the step's error, and not that of taking it back */
    (void)sqlite_open_fail(path, sqlite3_errmsg(db), ret_error);
    (void)sqlite_open_exec(db, "ROLLBACK");
    return STORE_FAILED;
}

/* Before anything is changed in it: ours, or empty. */
static int check_owner(sqlite3 *db, const char *path, bool *ret_is_empty,
                       char ret_error[STORE_ERROR_MAX])
{
    int64_t id, n_tables;

    if (!query_int(db, "PRAGMA application_id", &id) ||
        !query_int(db, "SELECT count(*) FROM sqlite_master", &n_tables))
        return sqlite_open_fail(path, sqlite3_errmsg(db), ret_error);
    *ret_is_empty = id == 0 && n_tables == 0;
    return id == SQLITE_FILE_APPLICATION_ID || *ret_is_empty
               ? STORE_OK
               : sqlite_open_fail(path, "is a database of another program", ret_error);
}

static int sqlite_open_claim(sqlite3 *db, const char *path, char ret_error[STORE_ERROR_MAX])
{
    char sql[200];

    (void)snprintf(sql, sizeof(sql),
                   "BEGIN IMMEDIATE; CREATE TABLE hyphad_schema (version INTEGER NOT NULL);"
                   "INSERT INTO hyphad_schema VALUES (0); PRAGMA application_id = %d; COMMIT",
                   SQLITE_FILE_APPLICATION_ID);
    return sqlite_open_exec(db, sql) ? STORE_OK
                                     : sqlite_open_fail(path, sqlite3_errmsg(db), ret_error);
}

static int sqlite_open_migrate(sqlite3 *db, const char *path, char ret_error[STORE_ERROR_MAX])
{
    int64_t version, newest = ARRAY_LEN(steps);
    char reason[80];

    if (!query_int(db, "SELECT version FROM hyphad_schema", &version))
        return sqlite_open_fail(path, "has no schema version", ret_error);
    if (version > newest || version < 0) {
        (void)snprintf(reason, sizeof(reason),
                       "was made by a newer hyphad (schema %" PRId64 ", this one knows %" PRId64
                       ")",
                       version, newest);
        return sqlite_open_fail(path, reason, ret_error);
    }
    int r = STORE_OK;
    for (; version < newest && r == STORE_OK; version++)
        r = sqlite_open_take_step(db, path, version, ret_error);
    return r;
}

static int sqlite_open_configure(sqlite3 *db, const char *path, char ret_error[STORE_ERROR_MAX])
{
    char text[80];

    if (!query_text(db, "PRAGMA journal_mode = WAL", text, sizeof(text)))
        return sqlite_open_fail(path, sqlite3_errmsg(db), ret_error);
    if (strcmp(text, "wal") != 0)
        return sqlite_open_fail(path, "its file system allows no write-ahead log", ret_error);
    if (!sqlite_open_exec(db, "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF"))
        return sqlite_open_fail(path, sqlite3_errmsg(db), ret_error);
    return STORE_OK;
}

/* Reads the whole file once (about 1 s a GB): a damaged page is found now and not by whoever needs
 * its record. */
static int sqlite_open_check(sqlite3 *db, const char *path, char ret_error[STORE_ERROR_MAX])
{
    char text[60], reason[80];

    if (!query_text(db, "PRAGMA quick_check(1)", text, sizeof(text)))
        return sqlite_open_fail(path, sqlite3_errmsg(db), ret_error);
    if (strcmp(text, "ok") == 0)
        return STORE_OK;
    (void)snprintf(reason, sizeof(reason), "is damaged: %s", text);
    return sqlite_open_fail(path, reason, ret_error);
}

static bool sqlite_open_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret)
{
    return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) == SQLITE_OK;
}

static bool prepare_all(struct sqlite_file *f)
{
    return sqlite_open_prepare(f->db, "BEGIN IMMEDIATE", &f->begin) &&
           sqlite_open_prepare(f->db, "COMMIT", &f->commit) &&
           sqlite_open_prepare(f->db, "ROLLBACK", &f->rollback) &&
           sqlite_open_prepare(
               f->db,
               "INSERT INTO records (bucket, key, bytes, expires_at) VALUES (?1, ?2, ?3, ?4) "
               "ON CONFLICT (bucket, key) DO UPDATE SET bytes = ?3, expires_at = ?4",
               &f->put) &&
           sqlite_open_prepare(f->db, "DELETE FROM records WHERE bucket = ?1 AND key = ?2",
                               &f->remove) &&
           sqlite_open_prepare(f->db,
                               "SELECT bytes FROM records WHERE bucket = ?1 AND key = ?2 "
                               "AND (expires_at = 0 OR expires_at > ?3)",
                               &f->get) &&
           sqlite_open_prepare(f->db,
                               "SELECT key, bytes FROM records WHERE bucket = ?1 AND key >= ?3 "
                               "AND (expires_at = 0 OR expires_at > ?2) ORDER BY key",
                               &f->scan) &&
           sqlite_open_prepare(f->db,
                               "DELETE FROM records WHERE rowid IN (SELECT rowid FROM records "
                               "WHERE expires_at > 0 AND expires_at <= ?1 LIMIT 1000)",
                               &f->prune) &&
           sqlite_journal_prepare(f);
}

/* Created here and not by SQLite, so that nobody else may read it; the log takes over the mode. */
static int sqlite_open_create(const char *path, char ret_error[STORE_ERROR_MAX])
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return sqlite_open_fail(path, strerror(errno), ret_error);
    (void)close(fd); /* nothing was written */
    return STORE_OK;
}

static int open_and_check(const char *path, struct sqlite_file *f, char ret_error[STORE_ERROR_MAX])
{
    int r = sqlite_open_create(path, ret_error);
    bool is_empty = false;

    if (r)
        return r;
    if (sqlite3_open_v2(path, &f->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return sqlite_open_fail(path, f->db ? sqlite3_errmsg(f->db) : "no memory", ret_error);
    (void)sqlite3_busy_timeout(f->db, BUSY_MS); /* an operator may be copying it */
    r = check_owner(f->db, path, &is_empty, ret_error);
    if (!r)
        r = sqlite_open_configure(f->db, path, ret_error);
    if (!r)
        r = sqlite_open_check(f->db, path, ret_error);
    if (!r && is_empty)
        r = sqlite_open_claim(f->db, path, ret_error);
    if (!r)
        r = sqlite_open_migrate(f->db, path, ret_error);
    if (!r && !prepare_all(f))
        r = sqlite_open_fail(path, sqlite3_errmsg(f->db), ret_error);
    return r;
}

int sqlite_file_open(const char *path, struct sqlite_file *ret, char ret_error[STORE_ERROR_MAX])
{
    *ret = (struct sqlite_file){0};
    int r = open_and_check(path, ret, ret_error);

    if (r)
        sqlite_file_close(ret);
    else
        sqlite_file_prune(ret);
    return r;
}

void sqlite_file_close(struct sqlite_file *f)
{
    sqlite3_stmt *const all[] = {f->begin,  f->commit, f->rollback, f->put,
                                 f->remove, f->get,    f->scan,     f->prune};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        sqlite3_finalize(all[i]);
    sqlite_journal_finalize(&f->journal);
    sqlite3_close(f->db);
    *f = (struct sqlite_file){0};
}
