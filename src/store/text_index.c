/* text_index: a question becomes an FTS5 expression in which every run of bytes that came from
 * outside stands between double quotes, cut into words before: nothing of it can be an operator, a
 * column or a comment. Matches are not sorted by SQLite, which would hold on to the thread until
 * it had them all, but handed out one by one under a deadline. */
#include "store/text_index.h"

#include <sqlite3.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

struct text_index {
    sqlite3 *db;
    sqlite3_stmt *put, *remove, *search;
};

static bool prepare(struct text_index *t, const char *sql, sqlite3_stmt **ret)
{
    return sqlite3_prepare_v3(t->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) == SQLITE_OK;
}

struct text_index *text_index_new(void)
{
    struct text_index *t = MEM_NEW(struct text_index);

    if (sqlite3_open_v2(":memory:", &t->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) == SQLITE_OK &&
        sqlite3_exec(t->db,
                     "CREATE VIRTUAL TABLE texts USING fts5 (f0, f1, f2, f3, f4, key UNINDEXED,"
                     " tokenize = 'porter unicode61 remove_diacritics 2')",
                     NULL, NULL, NULL) == SQLITE_OK &&
        prepare(t,
                "INSERT OR REPLACE INTO texts (rowid, key, f0, f1, f2, f3, f4) VALUES (?1, ?2, ?3, "
                "?4, ?5, ?6, ?7)",
                &t->put) &&
        prepare(t, "DELETE FROM texts WHERE rowid = ?1", &t->remove) &&
        prepare(t, "SELECT key, bm25(texts, 8, 4, 2, 1, 1, 0) FROM texts WHERE texts MATCH ?1",
                &t->search))
        return t;
    LOG(LOG_ERROR, "store", "no full-text search", log_text("reason", sqlite3_errmsg(t->db)));
    text_index_free(t);
    return NULL;
}

void text_index_free(struct text_index *t)
{
    if (!t)
        return;
    sqlite3_finalize(t->put);
    sqlite3_finalize(t->remove);
    sqlite3_finalize(t->search);
    sqlite3_close(t->db);
    mem_free(t);
}

static void bind_text(sqlite3_stmt *stmt, int at, struct slice text)
{
    (void)sqlite3_bind_text64(stmt, at, text.len ? text.ptr : "", text.len, SQLITE_STATIC,
                              SQLITE_UTF8);
}

static bool run(struct text_index *t, sqlite3_stmt *stmt)
{
    (void)sqlite3_step(stmt); /* reset reports what step met */
    bool ok = sqlite3_reset(stmt) == SQLITE_OK;

    (void)sqlite3_clear_bindings(stmt);
    if (!ok)
        LOG(LOG_ERROR, "store", "full-text search", log_text("reason", sqlite3_errmsg(t->db)));
    return ok;
}

bool text_index_put(struct text_index *t, int64_t number, struct slice key,
                    const struct slice fields[TEXT_INDEX_FIELDS])
{
    (void)sqlite3_bind_int64(t->put, 1, number);
    bind_text(t->put, 2, key);
    for (int i = 0; i < TEXT_INDEX_FIELDS; i++)
        bind_text(t->put, 3 + i, fields[i]);
    return run(t, t->put);
}

void text_index_remove(struct text_index *t, int64_t number)
{
    (void)sqlite3_bind_int64(t->remove, 1, number);
    (void)run(t, t->remove);
}

/* ---- the expression ---- */

static bool is_word_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool take_word(struct slice *in, struct slice *ret)
{
    size_t n = 0;

    while (in->len && !is_word_byte(in->ptr[0]))
        *in = slice_from(*in, 1);
    while (n < in->len && is_word_byte(in->ptr[n]))
        n++;
    *ret = slice_utf8_prefix(slice_to(*in, n), TEXT_INDEX_WORD_MAX);
    *in = slice_from(*in, n);
    return n > 0;
}

/* ("one" * OR "two" *); false when there is no word in it. */
static bool add_any_of(struct buf *b, struct slice words)
{
    struct slice word;
    unsigned n = 0;

    for (; n < TEXT_INDEX_WORDS_MAX && take_word(&words, &word); n++)
        buf_add_fmt(b, "%s\"" SLICE_FMT "\" *", n ? " OR " : "(", SLICE_ARG(word));
    if (n)
        buf_add_byte(b, ')');
    return n > 0;
}

/* f2 : "one two" *; false when there is no word in it. */
static bool add_filter(struct buf *b, const struct text_filter *f)
{
    struct slice rest = f->text, word;
    unsigned n = 0;

    ASSERT(f->field < TEXT_INDEX_FIELDS);
    for (; n < TEXT_INDEX_WORDS_MAX && take_word(&rest, &word); n++) {
        if (n == 0)
            buf_add_fmt(b, "%sf%u : \"", b->len ? " AND " : "", f->field);
        buf_add_fmt(b, "%s" SLICE_FMT, n ? " " : "", SLICE_ARG(word));
    }
    if (n)
        buf_add_text(b, f->is_prefix ? "\" *" : "\"");
    return n > 0;
}

static bool build(struct buf *b, const struct text_question *q)
{
    if (q->words.len && !add_any_of(b, q->words))
        return false;
    for (unsigned i = 0; i < q->n_filters; i++) {
        if (!add_filter(b, &q->filters[i]))
            return false;
    }
    return b->len && !b->is_failed;
}

/* bm25 is below zero, further below for a closer match. */
static double score_of(double bm25)
{
    return bm25 < 0 ? 1 / (1 - bm25) : 1;
}

int text_index_search(struct text_index *t, const struct text_question *q, text_index_match *match,
                      void *arg)
{
    int r = TEXT_INDEX_OK, step = SQLITE_DONE;
    struct buf expression;

    buf_init(&expression, 0);
    if (!build(&expression, q)) { /* no word: nothing has it */
        buf_deinit(&expression);
        return TEXT_INDEX_OK;
    }
    bind_text(t->search, 1, buf_slice(&expression));
    while (r == TEXT_INDEX_OK && (step = sqlite3_step(t->search)) == SQLITE_ROW) {
        const void *key = sqlite3_column_text(t->search, 0);
        match(slice_make(key, (size_t)sqlite3_column_bytes(t->search, 0)),
              score_of(sqlite3_column_double(t->search, 1)), arg);
        if (clock_mono_ns() > q->deadline_ns)
            r = TEXT_INDEX_LATE;
    }
    if (r == TEXT_INDEX_OK && step != SQLITE_DONE) {
        LOG(LOG_ERROR, "store", "full-text search", log_text("reason", sqlite3_errmsg(t->db)));
        r = TEXT_INDEX_FAILED;
    }
    (void)sqlite3_reset(t->search);
    (void)sqlite3_clear_bindings(t->search);
    buf_deinit(&expression);
    return r;
}
