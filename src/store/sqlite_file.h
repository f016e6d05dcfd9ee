/* sqlite_file: one connection to the database file: its schema, and a list of operations run on it
 * as one transaction. The store room's own. Opened before the loops run, then used by one worker at
 * a time. */
#pragma once
#include <sqlite3.h>

#include "base/list.h"
#include "store/sqlite_journal.h"
#include "store/store.h"

/* "hyph": tells our files from other programs' */
enum { SQLITE_FILE_APPLICATION_ID = 0x68797068 };

struct sqlite_file {
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *rollback;
    sqlite3_stmt *put, *remove, *get, *scan, *prune;
    struct sqlite_journal journal;
    int64_t pruned_at; /* Unix seconds */
};

/* Opens or creates, brings the schema up to date, checks the file, drops what has expired. STORE_OK
 * or STORE_FAILED; ret_error names the file and the reason. */
int sqlite_file_open(const char *path, struct sqlite_file *ret, char ret_error[STORE_ERROR_MAX]);
void sqlite_file_close(struct sqlite_file *f); /* safe on a half-opened one */
/* Runs struct store_op's in order and sets their outcomes: all writes of the list are durable when
 * it returns. */
void sqlite_file_run(struct sqlite_file *f, struct list *ops);
/* deletes expired records, a bounded number */
void sqlite_file_prune(struct sqlite_file *f);
