/* The journal, the same cases for every engine. */
#include "store/engines.h"
#include "store/journal.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/metrics.h"
#include "unit/store/bench.h"

static const struct journal_limits MANY = {.rows_per_owner = 1000000,
                                           .rows_per_workspace = 1000000,
                                           .rows = 1000000,
                                           .bytes_per_owner = UINT64_MAX,
                                           .bytes_per_workspace = UINT64_MAX,
                                           .bytes = UINT64_MAX,
                                           .since_us = INT64_MIN};

typedef void scene(struct bench *b, struct store *s);

static void with_memory(scene *play)
{
    struct bench b;

    bench_open(&b);
    struct store *s = store_open_memory(b.loop);
    play(&b, s);
    bench_close_store(&b, s);
    bench_close(&b);
}

static void with_sqlite(scene *play)
{
    struct bench b;

    bench_open(&b);
    struct store *s = bench_open_sqlite(&b);
    play(&b, s);
    bench_close_store(&b, s);
    bench_close(&b);
}

struct tape {
    struct buf text;
    bool is_ended;
};

static void on_done(int outcome, void *arg)
{
    CHECK_INT(outcome, STORE_OK);
    if (arg)
        *(bool *)arg = true;
}

static void on_row(int outcome, struct held_buf *rows, void *arg)
{
    struct tape *t = arg;
    struct journal_row row;

    if (rows) {
        for (struct slice rest = buf_slice(&rows->b); journal_next(&rest, &row);)
            buf_add_fmt(&t->text, "%lld@%lld:" SLICE_FMT "=" SLICE_FMT " ", (long long)row.id,
                        (long long)row.at_us, SLICE_ARG(row.type), SLICE_ARG(row.data));
        return;
    }
    CHECK_INT(outcome, STORE_ABSENT);
    t->is_ended = true;
}

static void on_count(int outcome, struct slice type, int64_t n_rows, void *arg)
{
    struct tape *t = arg;

    if (outcome == STORE_OK) {
        buf_add_fmt(&t->text, SLICE_FMT "*%lld ", SLICE_ARG(type), (long long)n_rows);
        return;
    }
    buf_add_text(&t->text, outcome == STORE_FAILED ? "failed" : "");
    t->is_ended = true;
}

static void write_row(struct store *s, const char *workspace, const char *type, int64_t at_us,
                      const struct journal_limits *limits)
{
    const struct journal_row row = {.workspace = slice_of(workspace),
                                    .user = SLICE_LIT("ann"),
                                    .type = slice_of(type),
                                    .data = slice_of(type),
                                    .at_us = at_us};

    CHECK(journal_append(s->journal, &row, limits, on_done, NULL));
}

static struct journal_query all_of(const char *workspace)
{
    return (struct journal_query){.workspace = slice_of(workspace),
                                  .user = SLICE_LIT("ann"),
                                  .from_us = INT64_MIN,
                                  .to_us = INT64_MAX,
                                  .max_rows = 1000};
}

static void expect(struct bench *b, struct tape *t, const char *wanted)
{
    bench_run_until(b, &t->is_ended);
    buf_add_byte(&t->text, '\0');
    CHECK_TEXT(t->text.ptr, wanted);
    buf_deinit(&t->text);
}

static void expect_rows(struct bench *b, struct store *s, struct journal_query q,
                        const char *wanted)
{
    struct tape t = {0};

    journal_read(s->journal, &q, on_row, &t);
    expect(b, &t, wanted);
}

static void expect_counts(struct bench *b, struct store *s, struct journal_query q,
                          const char *wanted)
{
    struct tape t = {0};

    journal_count(s->journal, &q, on_count, &t);
    expect(b, &t, wanted);
}

static void play_filters(struct bench *b, struct store *s)
{
    struct journal_query q = all_of("w");

    write_row(s, "w", "a", 10, &MANY);
    write_row(s, "w", "b", 20, &MANY);
    write_row(s, "w2", "a", 20, &MANY);
    write_row(s, "w", "a", 30, &MANY);
    expect_rows(b, s, q, "4@30:a=a 2@20:b=b 1@10:a=a ");
    expect_counts(b, s, q, "a*2 b*1 ");
    q.type = SLICE_LIT("a");
    expect_rows(b, s, q, "4@30:a=a 1@10:a=a ");
    q.type = (struct slice){0};
    q.from_us = 20, q.to_us = 30; /* both ends belong to it */
    expect_rows(b, s, q, "4@30:a=a 2@20:b=b ");
    expect_counts(b, s, q, "a*1 b*1 ");
    q.to_us = 19;
    expect_rows(b, s, q, "");
    q = all_of("w");
    q.user = SLICE_LIT("bob");
    expect_rows(b, s, q, "");
    q = all_of("w");
    q.max_rows = 2;
    expect_rows(b, s, q, "4@30:a=a 2@20:b=b ");
    q.max_bytes = 60; /* one row has 51 bytes with its head */
    expect_rows(b, s, q, "4@30:a=a ");
    expect_counts(b, s, q, "failed");
}

static void play_limits(struct bench *b, struct store *s)
{
    struct journal_limits few = MANY;

    few.rows_per_workspace = 3;
    for (int i = 1; i <= 7; i++)
        write_row(s, "w", "t", i, &few);
    write_row(s, "other", "t", 8, &few);
    expect_rows(b, s, all_of("w"), "7@7:t=t 6@6:t=t 5@5:t=t ");
    expect_rows(b, s, all_of("other"), "8@8:t=t ");
    few = MANY;
    few.since_us = 7;
    journal_trim(s->journal, &few);
    expect_rows(b, s, all_of("w"), "7@7:t=t ");
    few = MANY;
    few.rows = 1;
    journal_trim(s->journal, &few);
    expect_rows(b, s, all_of("w"), "");
    expect_rows(b, s, all_of("other"), "8@8:t=t ");
    write_row(s, "w", "t", 9, &MANY); /* an id is never given twice */
    expect_rows(b, s, all_of("w"), "9@9:t=t ");
    CHECK_INT(loop_set_sum(&b->set, METRIC_JOURNAL_ROWS), 9);
    CHECK_INT(loop_set_sum(&b->set, METRIC_JOURNAL_DROPPED), 7);
}

static void write_as(struct store *s, const char *workspace, const char *owner, size_t n_bytes,
                     const struct journal_limits *limits)
{
    static const char filling[4096];
    const struct journal_row row = {.workspace = slice_of(workspace),
                                    .user = slice_of(owner),
                                    .owner = slice_of(owner),
                                    .type = SLICE_LIT("t"),
                                    .data = slice_make(filling, n_bytes)};

    CHECK(journal_append(s->journal, &row, limits, on_done, NULL));
}

/* How many rows of theirs are left there. */
static int left(struct bench *b, struct store *s, const char *workspace, const char *owner)
{
    struct journal_query q = all_of(workspace);
    struct tape t = {0};
    int n = 0;

    q.user = slice_of(owner);
    journal_count(s->journal, &q, on_count, &t);
    bench_run_until(b, &t.is_ended);
    buf_add_byte(&t.text, '\0');
    (void)sscanf(t.text.ptr, "t*%d", &n);
    buf_deinit(&t.text);
    return n;
}

/* Whoever writes much pushes out what they wrote, and nothing of others. req: S-85 */
static void play_shares(struct bench *b, struct store *s)
{
    struct journal_limits l = MANY;

    l.rows_per_owner = 10;
    for (int i = 0; i < 4; i++)
        write_as(s, "w", "ann", 1, &l);
    for (int i = 0; i < 50; i++)
        write_as(s, i % 2 ? "w" : "v", "bob", 1, &l);
    CHECK_INT(left(b, s, "w", "ann"), 4);
    CHECK_INT(left(b, s, "w", "bob") + left(b, s, "v", "bob"), 10);
    l = MANY;
    l.rows_per_workspace = 12; /* full: those of who has most in it go */
    for (int i = 0; i < 30; i++)
        write_as(s, "w", "cid", 1, &l);
    CHECK_INT(left(b, s, "w", "ann"), 4);
    CHECK_INT(left(b, s, "w", "bob") + left(b, s, "w", "cid"), 8);
    int n_cid = left(b, s, "w", "cid");
    l = MANY;
    l.rows = 20;
    for (int i = 0; i < 100; i++)
        write_as(s, "x", "dan", 1, &l);
    CHECK_INT(left(b, s, "w", "ann"), 4);
    CHECK_INT(left(b, s, "w", "cid"), n_cid);
    l = MANY;
    l.bytes = 20 * 1024;
    for (int i = 0; i < 60; i++)
        write_as(s, "y", "eve", 4000, &l);
    CHECK_INT(left(b, s, "w", "ann"), 4); /* 513 each */
    CHECK_INT(left(b, s, "w", "cid"), n_cid);
    CHECK_INT(left(b, s, "y", "eve"), 2);
    l = MANY;
    l.bytes_per_owner = 2 * 4512;
    write_as(s, "z", "eve", 4000, &l);
    write_as(s, "z", "eve", 4000, &l);
    write_as(s, "z", "eve", 4000, &l);
    CHECK_INT(left(b, s, "y", "eve") + left(b, s, "z", "eve"), 2);
    l = MANY;
    l.bytes_per_workspace = 5000;
    write_as(s, "w", "fay", 4000, &l);
    write_as(s, "w", "fay", 100, &l);
    /* as small as that it has no room for all of them */
    CHECK_INT(left(b, s, "w", "ann"), 0);
    CHECK_INT(left(b, s, "w", "fay"), 1);
}

struct long_read {
    int n_rows, n_pieces;
    int64_t last;
    bool is_in_order, is_ended;
};

static void on_piece(int outcome, struct held_buf *rows, void *arg)
{
    struct long_read *l = arg;
    struct journal_row row;

    l->is_ended = !rows;
    CHECK_INT(outcome, rows ? STORE_OK : STORE_ABSENT);
    if (!rows)
        return;
    l->n_pieces++;
    for (struct slice rest = buf_slice(&rows->b); journal_next(&rest, &row); l->n_rows++) {
        l->is_in_order &= row.id < l->last;
        l->last = row.id;
    }
}

static struct long_read read_long(struct bench *b, struct store *s, struct journal_query q)
{
    struct long_read l = {.last = INT64_MAX, .is_in_order = true};

    journal_read(s->journal, &q, on_piece, &l);
    bench_run_until(b, &l.is_ended);
    CHECK(l.is_in_order);
    return l;
}

/* However many pieces a read comes in, its rows are those that were asked for. */
static void play_pieces(struct bench *b, struct store *s)
{
    struct journal_query q = all_of("w");

    for (int i = 0; i < 300; i++)
        write_as(s, "w", "ann", 4000, &MANY);
    CHECK_INT(read_long(b, s, q).n_rows, 300);
    q.max_rows = 222;
    CHECK_INT(read_long(b, s, q).n_rows, 222);
    q.max_rows = 1000;
    q.max_bytes = 700000;
    CHECK_INT(read_long(b, s, q).n_rows, 172); /* 4061 each */
}

/* The engine that has no worker gives no more than a turn has time for. req: S-96 */
CASE(memory_pieces)
{
    struct bench b;

    with_memory(play_pieces);
    bench_open(&b);
    struct store *s = store_open_memory(b.loop);
    for (int i = 0; i < 300; i++)
        write_as(s, "w", "ann", 4000, &MANY);
    CHECK(read_long(&b, s, all_of("w")).n_pieces >= 4);
    bench_close_store(&b, s);
    bench_close(&b);
}
CASE(sqlite_pieces)
{
    with_sqlite(play_pieces);
}

/* Texts that mean something to a database are texts. */
static void play_bytes(struct bench *b, struct store *s)
{
    static const char nasty[] = "'; DROP TABLE event_logs; --";
    struct journal_query q = all_of(nasty);

    write_row(s, nasty, "\xc3\xa4%_", 1, &MANY);
    write_row(s, "w", "", 2, &MANY);
    expect_rows(b, s, q, "1@1:\xc3\xa4%_=\xc3\xa4%_ ");
    q.type = SLICE_LIT("%");
    expect_rows(b, s, q, "");
    expect_rows(b, s, all_of("w"), "2@2:= ");
}

CASE(memory_filters)
{
    with_memory(play_filters);
}
CASE(memory_limits)
{
    with_memory(play_limits);
}
CASE(memory_bytes)
{
    with_memory(play_bytes);
}
CASE(memory_shares)
{
    with_memory(play_shares);
}
CASE(sqlite_shares)
{
    with_sqlite(play_shares);
}
CASE(sqlite_filters)
{
    with_sqlite(play_filters);
}
CASE(sqlite_limits)
{
    with_sqlite(play_limits);
}
CASE(sqlite_bytes)
{
    with_sqlite(play_bytes);
}

CASE(rows_outlive_the_store)
{
    bool is_written = false;
    struct bench b;

    bench_open(&b);
    struct store *s = bench_open_sqlite(&b);
    const struct journal_row row = {.workspace = SLICE_LIT("w"),
                                    .user = SLICE_LIT("ann"),
                                    .type = SLICE_LIT("t"),
                                    .data = SLICE_LIT("d"),
                                    .at_us = 1};
    CHECK(journal_append(s->journal, &row, &MANY, on_done, &is_written));
    bench_run_until(&b, &is_written);
    bench_close_store(&b, s);
    s = bench_open_sqlite(&b);
    expect_rows(&b, s, all_of("w"), "1@1:t=d ");
    bench_close_store(&b, s);
    bench_close(&b);
}

/* ---- who waits behind whom ---- */

struct turnout {
    unsigned n_strangers, n_before_known, n_before_record;
    bool is_known_written, is_record_written, is_over;
};

static void on_stranger(int outcome, void *arg)
{
    struct turnout *t = arg;

    CHECK_INT(outcome, STORE_OK);
    t->n_strangers++;
    t->n_before_known += !t->is_known_written;
    t->n_before_record += !t->is_record_written;
    t->is_over = t->n_strangers == 500;
}

static bool write_of(struct store *s, const char *owner, const struct journal_limits *limits,
                     store_done *done, void *arg)
{
    const struct journal_row row = {.workspace = SLICE_LIT("w"),
                                    .user = SLICE_LIT("ann"),
                                    .type = SLICE_LIT("t"),
                                    .data = SLICE_LIT("d"),
                                    .owner = slice_of(owner),
                                    .is_stranger = strcmp(owner, "anonymous") == 0,
                                    .at_us = 1};

    return journal_append(s->journal, &row, limits, done, arg);
}

CASE(strangers_wait_behind_records_and_the_known)
{
    struct turnout t = {0};
    struct bench b;

    bench_open(&b);
    struct store *s = bench_open_sqlite(&b);
    for (int i = 0; i < 500; i++)
        CHECK(write_of(s, "anonymous", &MANY, on_stranger, &t));
    CHECK(write_of(s, "user:ada", &MANY, on_done, &t.is_known_written));
    store_put(s, "bucket", SLICE_LIT("k"), SLICE_LIT("v"), 0, on_done, &t.is_record_written);
    bench_run_until(&b, &t.is_over);
    CHECK(t.n_before_known <= 64 && t.n_before_record <= 64);
    bench_close_store(&b, s);
    bench_close(&b);
}

CASE(each_owner_has_a_share_of_the_queue)
{
    struct journal_limits limits = MANY;
    bool is_written = false;
    struct bench b;

    limits.waiting = 20; /* a share of 3 */
    bench_open(&b);
    struct store *s = bench_open_sqlite(&b);
    for (int i = 0; i < 5; i++)
        CHECK_INT(write_of(s, "anonymous", &limits, on_done, NULL), i < 3);
    for (int i = 0; i < 3; i++)
        CHECK(write_of(s, "user:ada", &limits, on_done, i == 2 ? &is_written : NULL));
    CHECK(!write_of(s, "user:ada", &limits, on_done, NULL));
    for (char owner[] = "user:a"; owner[5] < 'o'; owner[5]++)
        CHECK(write_of(s, owner, &limits, on_done, NULL));
    CHECK(!write_of(s, "user:z", &limits, on_done, NULL)); /* as many of all */
    bench_run_until(&b, &is_written);
    bench_close_store(&b, s); /* all others are written before it closes */
    s = bench_open_sqlite(&b);
    is_written = false;
    CHECK(write_of(s, "anonymous", &limits, on_done, &is_written));
    bench_run_until(&b, &is_written);
    bench_close_store(&b, s);
    bench_close(&b);
}

CASES(RUN(memory_pieces), RUN(sqlite_pieces), RUN(memory_shares), RUN(sqlite_shares),
      RUN(memory_filters), RUN(memory_limits), RUN(memory_bytes), RUN(sqlite_filters),
      RUN(sqlite_limits), RUN(sqlite_bytes), RUN(rows_outlive_the_store),
      RUN(strangers_wait_behind_records_and_the_known), RUN(each_owner_has_a_share_of_the_queue))
