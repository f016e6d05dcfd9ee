/* sqlite_journal: the statements of the journal on a database file. The store room's own; the
 * worker's while a batch runs. */
#pragma once
#include <sqlite3.h>
#include <stdbool.h>

struct sqlite_file;
struct store_op;

struct sqlite_journal {
    sqlite3_stmt *append, *trim, *read, *count;
    sqlite3_stmt *sums, *share, *largest_of_owner, *largest_of_workspace, *largest_owner,
        *drop_oldest;
};

bool sqlite_journal_prepare(struct sqlite_file *f);
void sqlite_journal_finalize(struct sqlite_journal *j);
/* Runs one operation of the journal and sets its outcome; false: the database refused. */
bool sqlite_journal_run(struct sqlite_file *f, struct store_op *op);
