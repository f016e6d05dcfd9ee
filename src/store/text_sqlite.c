/* text_sqlite: a question becomes an FTS5 expression in which every run of bytes that came from
 * outside stands between double quotes: nothing of it can be an operator, a column or a comment.
 * Ranking ten thousand matches takes tens of milliseconds. */
#include <sqlite3.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/text_engine.h"

struct text_sqlite {
    struct text_engine base;
    sqlite3 *db;
    sqlite3_stmt *put, *remove, *search, *begin, *commit;
};

static struct text_sqlite *sqlite_of(struct text_engine *e)
{
    return CONTAINER_OF(e, struct text_sqlite, base);
}

/* ---- the expression ---- */

/* ("one" * OR "two" *) */
static void add_any_of(struct buf *b, struct slice words)
{
    struct slice word;

    for (unsigned n = 0; text_word_next(&words, &word); n++)
        buf_add_fmt(b, "%s\"" SLICE_FMT "\" *", n ? " OR " : "(", SLICE_ARG(word));
    buf_add_byte(b, ')');
}

/* f2 : "one two" * */
static void add_filter(struct buf *b, const struct text_filter *f)
{
    buf_add_fmt(b, "%sf%u : \"" SLICE_FMT "\"%s", b->len ? " AND " : "", f->field,
                SLICE_ARG(f->text), f->is_prefix ? " *" : "");
}

static void text_sqlite_add_question(struct buf *b, const struct text_question *q)
{
    if (q->words.len)
        add_any_of(b, q->words);
    for (unsigned i = 0; i < q->n_filters; i++)
        add_filter(b, &q->filters[i]);
}

/* ---- the work ---- */

static void text_sqlite_bind_text(sqlite3_stmt *stmt, int at, struct slice text)
{
    (void)sqlite3_bind_text64(stmt, at, text.len ? text.ptr : "", text.len, SQLITE_STATIC,
                              SQLITE_UTF8);
}

static void text_sqlite_report(const struct text_sqlite *t)
{
    LOG(LOG_ERROR, "store", "full-text search", log_text("reason", sqlite3_errmsg(t->db)));
}

static void text_sqlite_run(struct text_sqlite *t, sqlite3_stmt *stmt)
{
    (void)sqlite3_step(stmt); /* reset reports what step met */
    if (sqlite3_reset(stmt) != SQLITE_OK)
        text_sqlite_report(t);
    (void)sqlite3_clear_bindings(stmt);
}

/* One flush of the index for all that is put in. */
static void sqlite_begin(struct text_engine *e)
{
    text_sqlite_run(sqlite_of(e), sqlite_of(e)->begin);
}

static void sqlite_commit(struct text_engine *e)
{
    text_sqlite_run(sqlite_of(e), sqlite_of(e)->commit);
}

static void sqlite_put(struct text_engine *e, int64_t number,
                       const struct slice fields[TEXT_INDEX_FIELDS])
{
    struct text_sqlite *t = sqlite_of(e);

    (void)sqlite3_bind_int64(t->put, 1, number);
    for (int i = 0; i < TEXT_INDEX_FIELDS; i++)
        text_sqlite_bind_text(t->put, 2 + i, fields[i]);
    text_sqlite_run(t, t->put);
}

static void sqlite_remove(struct text_engine *e, int64_t number)
{
    (void)sqlite3_bind_int64(sqlite_of(e)->remove, 1, number);
    text_sqlite_run(sqlite_of(e), sqlite_of(e)->remove);
}

/* bm25 is below zero, further below for a closer match. */
static double score_of(double bm25)
{
    return bm25 < 0 ? 1 / (1 - bm25) : 1;
}

static int take_matches(struct text_sqlite *t, uint64_t deadline_ns, struct text_matches *ret)
{
    int step;

    while ((step = sqlite3_step(t->search)) == SQLITE_ROW) {
        if (!text_matches_add(ret,
                              (struct text_match){sqlite3_column_int64(t->search, 0),
                                                  score_of(sqlite3_column_double(t->search, 1))}))
            return TEXT_INDEX_FAILED;
        if (clock_mono_ns() > deadline_ns)
            return TEXT_INDEX_LATE;
    }
    if (step == SQLITE_DONE)
        return TEXT_INDEX_OK;
    text_sqlite_report(t);
    return TEXT_INDEX_FAILED;
}

static int sqlite_search(struct text_engine *e, const struct text_question *q, uint64_t deadline_ns,
                         struct text_matches *ret)
{
    struct text_sqlite *t = sqlite_of(e);
    int outcome = TEXT_INDEX_FAILED;
    SCRATCH_BUF(expression, 0);

    text_sqlite_add_question(&expression, q);
    if (expression.is_failed)
        return outcome;
    text_sqlite_bind_text(t->search, 1, buf_slice(&expression));
    outcome = take_matches(t, deadline_ns, ret);
    (void)sqlite3_reset(t->search);
    (void)sqlite3_clear_bindings(t->search);
    return outcome;
}

/* ---- life ---- */

static void sqlite_close(struct text_engine *e)
{
    struct text_sqlite *t = sqlite_of(e);
    sqlite3_stmt *const all[] = {t->put, t->remove, t->search, t->begin, t->commit};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        sqlite3_finalize(all[i]);
    sqlite3_close(t->db);
    mem_free(t);
}

static bool text_sqlite_prepare(struct text_sqlite *t, const char *sql, sqlite3_stmt **ret)
{
    return sqlite3_prepare_v3(t->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) == SQLITE_OK;
}

static bool open_database(struct text_sqlite *t)
{
    return sqlite3_open_v2(":memory:", &t->db,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                           NULL) == SQLITE_OK &&
           sqlite3_exec(t->db,
                        "CREATE VIRTUAL TABLE texts USING fts5 (f0, f1, f2, f3, f4,"
                        " tokenize = 'porter unicode61 remove_diacritics 2')",
                        NULL, NULL, NULL) == SQLITE_OK &&
           text_sqlite_prepare(
               t,
               "INSERT OR REPLACE INTO texts (rowid, f0, f1, f2, f3, f4) VALUES (?1, ?2, ?3, "
               "?4, ?5, ?6)",
               &t->put) &&
           text_sqlite_prepare(t, "DELETE FROM texts WHERE rowid = ?1", &t->remove) &&
           text_sqlite_prepare(
               t, "SELECT rowid, bm25(texts, 8, 4, 2, 1, 1) FROM texts WHERE texts MATCH ?1",
               &t->search) &&
           text_sqlite_prepare(t, "BEGIN", &t->begin) &&
           text_sqlite_prepare(t, "COMMIT", &t->commit);
}

static const struct text_engine_ops sqlite_ops = {sqlite_begin,  sqlite_put,    sqlite_remove,
                                                  sqlite_search, sqlite_commit, sqlite_close};

struct text_engine *text_engine_open_sqlite(void)
{
    struct text_sqlite *t = MEM_NEW(struct text_sqlite);

    t->base.ops = &sqlite_ops;
    if (open_database(t))
        return &t->base;
    text_sqlite_report(t);
    sqlite_close(&t->base);
    return NULL;
}
