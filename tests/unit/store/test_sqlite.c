#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "unit/store/bench.h"

static void edit(struct bench *b, const char *sql)
{
    sqlite3 *db;

    CHECK_INT(sqlite3_open(b->file, &db), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    CHECK_INT(sqlite3_close(db), SQLITE_OK);
}

static int query_int(struct bench *b, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;

    CHECK_INT(sqlite3_open(b->file, &db), SQLITE_OK);
    CHECK_INT(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    CHECK_INT(sqlite3_step(stmt), SQLITE_ROW);
    int n = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

static int count_rows(struct bench *b)
{
    return query_int(b, "SELECT count(*) FROM records");
}

struct answer {
    bool is_ended;
    int outcome;
    char bytes[64];
};

static void on_done(int outcome, void *arg)
{
    struct answer *a = arg;

    a->outcome = outcome;
    a->is_ended = true;
}

static void on_got(int outcome, struct slice bytes, void *arg)
{
    struct answer *a = arg;

    a->outcome = outcome;
    (void)snprintf(a->bytes, sizeof(a->bytes), SLICE_FMT, SLICE_ARG(bytes));
    a->is_ended = true;
}

static int put(struct bench *b, struct store *s, const char *key, struct slice bytes,
               int64_t expires_at)
{
    struct answer a = {0};

    store_put(s, "b", slice_of(key), bytes, expires_at, on_done, &a);
    bench_run_until(b, &a.is_ended);
    return a.outcome;
}

static struct answer get(struct bench *b, struct store *s, const char *key)
{
    struct answer a = {0};

    store_get(s, "b", slice_of(key), on_got, &a);
    bench_run_until(b, &a.is_ended);
    return a;
}

static void expect_refused(struct bench *b, const char *reason)
{
    char error[STORE_ERROR_MAX] = "";
    struct store *s;

    CHECK_INT(store_open_sqlite(b->loop, b->file, &s, error), STORE_FAILED);
    if (!strstr(error, reason) || !strstr(error, "records.db"))
        check_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", error, reason);
}

CASE(records_outlive_the_store)
{
    struct bench b;
    struct stat st;

    bench_open(&b);
    struct store *s = bench_open_sqlite(&b);
    CHECK_INT(stat(b.file, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    CHECK_INT(put(&b, s, "k", SLICE_LIT("kept"), 0), STORE_OK);
    bench_close_store(&b, s);
    s = bench_open_sqlite(&b);
    CHECK_TEXT(get(&b, s, "k").bytes, "kept");
    bench_close_store(&b, s);
    bench_close(&b);
}

CASE(expired_records_are_dropped_at_open)
{
    int64_t now = clock_wall_ms() / 1000;
    struct bench b;

    bench_open(&b);
    struct store *s = bench_open_sqlite(&b);
    CHECK_INT(put(&b, s, "past", SLICE_LIT("x"), now - 5), STORE_OK);
    CHECK_INT(put(&b, s, "later", SLICE_LIT("x"), now + 500), STORE_OK);
    CHECK_INT(put(&b, s, "ever", SLICE_LIT("x"), 0), STORE_OK);
    bench_close_store(&b, s);
    CHECK_INT(count_rows(&b), 3);
    s = bench_open_sqlite(&b);
    bench_close_store(&b, s);
    CHECK_INT(count_rows(&b), 2);
    bench_close(&b);
}

CASE(a_newer_file_is_refused_by_name)
{
    struct bench b;

    bench_open(&b);
    bench_close_store(&b, bench_open_sqlite(&b));
    edit(&b, "UPDATE hyphad_schema SET version = 99");
    expect_refused(&b, "newer hyphad (schema 99");
    bench_close(&b);
}

#define DROP_JOURNAL                                                                               \
    "DROP TABLE event_logs; DROP TABLE event_log_shares; DROP TABLE event_log_sums; "
/* As version 2 had it. */
#define OLD_JOURNAL                                                                                \
    "CREATE TABLE event_logs (id INTEGER PRIMARY KEY AUTOINCREMENT, event_type TEXT NOT NULL, "    \
    "workspace TEXT NOT NULL,"                                                                     \
    "  user_id TEXT NOT NULL, timestamp INTEGER NOT NULL, data BLOB NOT NULL);"                    \
    "CREATE INDEX event_logs_by_user ON event_logs (workspace, user_id, timestamp);"               \
    "CREATE INDEX event_logs_by_workspace ON event_logs (workspace);"                              \
    "CREATE TABLE event_log_sizes (workspace TEXT NOT NULL PRIMARY KEY, n_rows INTEGER NOT NULL);" \
    "CREATE TRIGGER event_logs_grow AFTER INSERT ON event_logs BEGIN SELECT 1; END;"               \
    "CREATE TRIGGER event_logs_shrink AFTER DELETE ON event_logs BEGIN SELECT 1; END;"

CASE(an_older_file_is_brought_up)
{
    static const char *const older[] = {
        DROP_JOURNAL "DROP TABLE records; UPDATE hyphad_schema SET version = 0",
        DROP_JOURNAL "UPDATE hyphad_schema SET version = 1",
    };

    for (size_t i = 0; i < ARRAY_LEN(older); i++) {
        struct bench b;
        bench_open(&b);
        struct store *s = bench_open_sqlite(&b);
        CHECK_INT(put(&b, s, "old", SLICE_LIT("kept"), 0), STORE_OK);
        bench_close_store(&b, s);
        edit(&b, older[i]);
        s = bench_open_sqlite(&b);
        CHECK_INT(get(&b, s, "old").outcome, i == 0 ? STORE_ABSENT : STORE_OK);
        CHECK_INT(put(&b, s, "k", SLICE_LIT("v"), 0), STORE_OK);
        bench_close_store(&b, s);
        edit(&b, "INSERT INTO event_logs VALUES (NULL, 't', 'w', 'u', 0, x'00', 'user:u')");
        bench_close(&b);
    }
}

CASE(rows_of_an_older_log_are_counted)
{
    struct bench b;

    bench_open(&b);
    bench_close_store(&b, bench_open_sqlite(&b));
    edit(&b, DROP_JOURNAL OLD_JOURNAL
         "INSERT INTO event_logs VALUES (NULL, 't', 'w', 'ann', 1, x'00'), (NULL, 't', 'w', 'bob', "
         "2, x''),"
         "(NULL, 't', 'v', 'ann', 3, x'0000'); UPDATE hyphad_schema SET version = 2");
    bench_close_store(&b, bench_open_sqlite(&b));
    CHECK_INT(query_int(&b, "SELECT n_rows FROM event_log_sums WHERE kind = 0"), 3);
    CHECK_INT(
        query_int(&b, "SELECT n_bytes FROM event_log_sums WHERE kind = 1 AND name = 'user:ann'"),
        2 * 512 + 3);
    CHECK_INT(query_int(&b, "SELECT n_rows FROM event_log_sums WHERE kind = 2 AND name = 'w'"), 2);
    edit(&b, "DELETE FROM event_logs WHERE user_id = 'ann'");
    CHECK_INT(query_int(&b, "SELECT count(*) FROM event_log_sums"), 3);
    CHECK_INT(query_int(&b, "SELECT count(*) FROM event_log_shares"), 1);
    bench_close(&b);
}

/* A step that fails leaves the file as it was: the next start tries it again. */
CASE(a_step_that_fails_changes_nothing)
{
    struct bench b;

    bench_open(&b);
    bench_close_store(&b, bench_open_sqlite(&b));
    /* event_log_shares is in the way */
    edit(&b, "DROP TABLE event_logs; UPDATE hyphad_schema SET version = 1");
    expect_refused(&b, "event_log_shares");
    expect_refused(&b, "event_log_shares");
    edit(&b, "DROP TABLE event_log_shares; DROP TABLE event_log_sums");
    bench_close_store(&b, bench_open_sqlite(&b));
    bench_close(&b);
}

CASE(other_files_are_refused_and_left_alone)
{
    struct bench b;

    bench_open(&b);
    edit(&b, "CREATE TABLE recipes (name)");
    expect_refused(&b, "another program");
    edit(&b, "INSERT INTO recipes VALUES ('still here')");
    bench_remove_file(&b, "");
    FILE *f = fopen(b.file, "w");
    CHECK(f);
    for (int i = 0; i < 2000; i++)
        fputs("no database ", f);
    fclose(f);
    expect_refused(&b, "not a database");
    bench_close(&b);
}

CASE(a_damaged_file_is_refused)
{
    struct bench b;
    char bytes[512];

    bench_open(&b);
    struct store *s = bench_open_sqlite(&b);
    for (int i = 0; i < 300; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "key-%d", i);
        memset(bytes, 'x', sizeof(bytes));
        store_put(s, "b", slice_of(key), slice_make(bytes, sizeof(bytes)), 0, NULL, NULL);
    }
    bench_close_store(&b, s);
    int fd = open(b.file, O_WRONLY);
    CHECK(fd >= 0);
    memset(bytes, 0xa5, sizeof(bytes));
    for (int page = 4; page < 30; page++)
        CHECK_INT(pwrite(fd, bytes, sizeof(bytes), page * 4096), sizeof(bytes));
    close(fd);
    expect_refused(&b, "");
    bench_close(&b);
}

/* The file may not grow: as on a full disk, a write fails, is said to have failed, and the store
 * lives on. */
CASE(a_full_disk_fails_writes_by_name)
{
    struct rlimit limit = {160 * 1024, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
    static char big[256 * 1024];
    struct bench b;

    bench_open(&b);
    struct store *s = bench_open_sqlite(&b);
    CHECK_INT(put(&b, s, "k", SLICE_LIT("before"), 0), STORE_OK);
    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
    struct answer small = {0}, large = {0};
    store_put(s, "b", SLICE_LIT("big"), slice_make(big, sizeof(big)), 0, on_done, &large);
    store_put(s, "b", SLICE_LIT("small"), SLICE_LIT("fits"), 0, on_done, &small);
    bench_run_until(&b, &small.is_ended);
    CHECK(large.is_ended);
    CHECK_INT(large.outcome, STORE_FAILED);
    CHECK_INT(small.outcome, STORE_OK); /* its neighbour does not pay */
    CHECK_INT(get(&b, s, "big").outcome, STORE_ABSENT);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &none), 0);
    CHECK_INT(put(&b, s, "big", slice_make(big, sizeof(big)), 0), STORE_OK);
    CHECK_TEXT(get(&b, s, "k").bytes, "before");
    CHECK_TEXT(get(&b, s, "small").bytes, "fits");
    bench_close_store(&b, s);
    bench_close(&b);
}

CASES(RUN(records_outlive_the_store), RUN(expired_records_are_dropped_at_open),
      RUN(a_newer_file_is_refused_by_name), RUN(an_older_file_is_brought_up),
      RUN(rows_of_an_older_log_are_counted), RUN(a_step_that_fails_changes_nothing),
      RUN(other_files_are_refused_and_left_alone), RUN(a_damaged_file_is_refused),
      RUN(a_full_disk_fails_writes_by_name))
