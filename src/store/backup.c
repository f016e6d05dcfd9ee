/* backup: VACUUM INTO reads in one transaction, so the copy is of one moment and a busy writer
 * neither waits for it nor makes it begin again, as the page-wise backup of SQLite would. It goes
 * to a file beside the wanted name, is checked there, and gets the name last: a crash leaves a file
 * with another name, never half a backup. */
#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite_file.h"

enum { WAIT_MS = 60000, REASON_MAX = 200 };

struct backup {
    const char *from, *to;
    char part[PATH_MAX]; /* the file until it is whole */
    char *error;
};

static int backup_fail(const struct backup *b, const char *path, const char *reason)
{
    (void)snprintf(b->error, BACKUP_ERROR_MAX, "%.280s: %.*s", path, REASON_MAX, reason);
    return BACKUP_FAILED;
}

static int fail_with(const struct backup *b, const char *path, sqlite3 *db)
{
    return backup_fail(b, path, db ? sqlite3_errmsg(db) : "no memory");
}

static bool read_int(sqlite3 *db, const char *sql, int64_t *ret)
{
    sqlite3_stmt *stmt = NULL;
    bool ok = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
              sqlite3_step(stmt) == SQLITE_ROW;

    if (ok)
        *ret = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return ok;
}

static int vacuum_into(const struct backup *b, sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    int64_t id = 0;

    (void)sqlite3_busy_timeout(db, WAIT_MS);
    if (!read_int(db, "PRAGMA application_id", &id))
        return fail_with(b, b->from, db);
    if (id != SQLITE_FILE_APPLICATION_ID)
        return backup_fail(b, b->from, "is no database of hyphad");
    bool ok = sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &stmt, NULL) == SQLITE_OK &&
              sqlite3_bind_text(stmt, 1, b->part, -1, SQLITE_STATIC) == SQLITE_OK &&
              sqlite3_step(stmt) == SQLITE_DONE;
    sqlite3_finalize(stmt);
    return ok ? BACKUP_OK : fail_with(b, b->part, db);
}

/* Opened for writing because the log of a server that was killed must be read first; where that is
 * not allowed, reading must do. */
static int backup_copy(const struct backup *b)
{
    sqlite3 *db = NULL;
    int r;

    if (access(b->from, F_OK) < 0)
        return backup_fail(b, b->from, strerror(errno));
    if (sqlite3_open_v2(b->from, &db,
                        access(b->from, W_OK) == 0 ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY,
                        NULL) == SQLITE_OK)
        r = vacuum_into(b, db);
    else
        r = fail_with(b, b->from, db);
    sqlite3_close(db);
    return r;
}

static int backup_check(const struct backup *b)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;
    int r = BACKUP_OK;

    if (sqlite3_open_v2(b->part, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        r = fail_with(b, b->part, db);
    else if (strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") != 0)
        r = backup_fail(b, b->part, (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return r;
}

static bool sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        (void)close(fd); /* what mattered was fsync */
    return ok;
}

static int give_name(const struct backup *b, bool replaces, int64_t *ret_bytes)
{
    char folder[PATH_MAX];
    struct stat st;

    if (!sync_path(b->part, O_RDWR) || stat(b->part, &st) < 0)
        return backup_fail(b, b->part, strerror(errno));
    *ret_bytes = st.st_size;
    if (renameat2(AT_FDCWD, b->part, AT_FDCWD, b->to, replaces ? 0 : RENAME_NOREPLACE) < 0) {
        (void)backup_fail(b, b->to, strerror(errno));
        return errno == EEXIST ? BACKUP_EXISTS : BACKUP_FAILED;
    }
    (void)snprintf(folder, sizeof(folder), "%s", b->to);
    return sync_path(dirname(folder), O_RDONLY | O_DIRECTORY)
               ? BACKUP_OK
               : backup_fail(b, b->to, strerror(errno));
}

int backup_run(const char *from, const char *to, bool replaces, int64_t *ret_bytes,
               char ret_error[BACKUP_ERROR_MAX])
{
    struct backup b = {.from = from, .to = to, .error = ret_error};
    int fd, r, n = snprintf(b.part, sizeof(b.part), "%s.part-XXXXXX", to);

    if (n < 0 || (size_t)n >= sizeof(b.part))
        return backup_fail(&b, to, strerror(ENAMETOOLONG));
    /* told before the work; renaming decides */
    if (!replaces && access(to, F_OK) == 0) {
        (void)backup_fail(&b, to, strerror(EEXIST));
        return BACKUP_EXISTS;
    }
    fd = mkostemp(b.part, O_CLOEXEC); /* 0600; SQLite fills an empty file */
    if (fd < 0)
        return backup_fail(&b, b.part, strerror(errno));
    (void)close(fd);
    r = backup_copy(&b);
    if (r == BACKUP_OK)
        r = backup_check(&b);
    if (r == BACKUP_OK)
        r = give_name(&b, replaces, ret_bytes);
    (void)unlink(b.part); /* gone already when all went well */
    return r;
}
