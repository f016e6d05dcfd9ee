/* What is Redis's own: the layout, the lease, breaks and stalls. The contract is
 * test_contract.c's. */
#include "base/buf.h"
#include "base/clock.h"
#include "net/redis_link.h"
#include "store/engines.h"
#include "store/op.h"
#include "store/redis_prune.h"
#include "unit/store/bench.h"
#include "unit/store/redis_server.h"
#include "wire/mp.h"

enum { SHORT_MS = 300, LONG_MS = 20000 };

struct tape {
    struct buf text;
    unsigned n;
};

static void on_done(int outcome, void *arg)
{
    struct tape *t = arg;

    t->n++;
    buf_add_fmt(&t->text, "%d", outcome);
}

static void on_got(int outcome, struct slice bytes, void *arg)
{
    struct tape *t = arg;

    t->n++;
    buf_add_fmt(&t->text, "%d:" SLICE_FMT, outcome, SLICE_ARG(bytes));
}

static void run_until(struct bench *b, const struct tape *t, unsigned n)
{
    while (t->n < n) {
        (void)uv_run(&b->loop->uv, UV_RUN_NOWAIT);
        sched_yield();
    }
}

static void expect(struct tape *t, const char *wanted)
{
    buf_add_byte(&t->text, '\0');
    CHECK_TEXT(t->text.ptr, wanted);
    buf_deinit(&t->text);
    *t = (struct tape){0};
}

/* Asks behind the store's back. */
static void on_reply(int outcome, const struct redis_reply *reply, void *arg)
{
    struct buf *b = arg;

    CHECK_INT(outcome, REDIS_LINK_ANSWERED);
    if (redis_reply_kind(reply) == REDIS_INT)
        buf_add_fmt(b, "%lld", (long long)redis_reply_int(reply));
    else if (redis_reply_kind(reply) == REDIS_NIL)
        buf_add_text(b, "nil");
    else
        buf_add_slice(b, redis_reply_text(reply));
}

static void peek(const struct redis_server *r, const char *a, const char *b, const char *c,
                 struct slice d, const char *wanted)
{
    struct redis_link_options o = {.timeout_ms = LONG_MS};
    struct redis_command command = {.args = {slice_of(a), slice_of(b)}, .n_args = 2};
    char error[REDIS_ERROR_TEXT_MAX] = "";
    struct buf said;

    buf_init(&said, 0);
    if (c)
        command.args[command.n_args++] = slice_of(c);
    if (d.len)
        command.args[command.n_args++] = d;
    CHECK_INT(redis_uri_parse(slice_of(r->uri), &o.uri), REDIS_URI_OK);
    CHECK(redis_link_try(&o, &command, on_reply, &said, error));
    buf_add_byte(&said, '\0');
    if (wanted)
        CHECK_TEXT(said.ptr, wanted);
    buf_deinit(&said);
    redis_uri_deinit(&o.uri);
}

static struct store *open_store(struct bench *b, struct redis_server *r, uint32_t timeout_ms)
{
    char error[STORE_ERROR_MAX] = "";
    struct store *s = NULL;

    bench_open(b);
    redis_server_start(r, b, NULL);
    CHECK_INT(redis_server_open(b, r->uri, "srv", timeout_ms, &s, error), STORE_OK);
    return s;
}

static void close_all(struct bench *b, struct redis_server *r, struct store *s)
{
    bench_close_store(b, s);
    redis_server_stop(r);
    bench_close(b);
}

static const struct slice none = {NULL, 0};

CASE(workspaces_are_json_in_the_hash_of_the_original)
{
    static const char record[] = "\x82\xa2id\xa1w\xa1n\x05", odd[] = "\x81\xa1"
                                                                     "b\xc4\x01\xff";
    struct redis_server r;
    struct tape t = {0};
    struct bench b;
    struct store *s = open_store(&b, &r, LONG_MS);

    store_put(s, "workspaces", SLICE_LIT("w"), slice_make(record, sizeof(record) - 1), 0, on_done,
              &t);
    store_put(s, "workspaces", SLICE_LIT("odd"), slice_make(odd, sizeof(odd) - 1), 0, on_done, &t);
    run_until(&b, &t, 2);
    expect(&t, "00");
    peek(&r, "HGET", "workspaces", "w", none, "{\"id\":\"w\",\"n\":5}");
    peek(&r, "HGET", "workspaces", "odd", none, odd);
    peek(&r, "HSET", "workspaces", "broken", SLICE_LIT("{\"id\":"), "1");
    store_get(s, "workspaces", SLICE_LIT("broken"), on_got, &t);
    store_get(s, "workspaces", SLICE_LIT("w"), on_got, &t);
    run_until(&b, &t, 2);
    expect(&t, "0:{\"id\":0:\x82\xa2id\xa1w\xa1n\x05");
    close_all(&b, &r, s);
}

CASE(blocks_are_the_strings_of_the_original)
{
    int64_t now = clock_wall_ms() / 1000;
    struct redis_server r;
    struct tape t = {0};
    struct buf row;
    struct bench b;
    struct store *s = open_store(&b, &r, LONG_MS);

    buf_init(&row, 0);
    mp_add_array(&row, 2);
    mp_add_int(&row, now + 1000);
    mp_add_text(&row, "spam");
    store_put(s, "blocks", SLICE_LIT("user:u"), buf_slice(&row), now + 1000, on_done, &t);
    store_put(s, "blocks", SLICE_LIT("ip:::1"), buf_slice(&row), 0, on_done, &t);
    store_put(s, "blocks", SLICE_LIT("user:late"), buf_slice(&row), now - 1, on_done, &t);
    store_remove(s, "blocks", SLICE_LIT("ip:::1"), on_done, &t);
    run_until(&b, &t, 4);
    expect(&t, "0000");
    peek(&r, "GET", "blocked:user:u", NULL, none, "spam");
    peek(&r, "EXISTS", "blocked:user:late", "blocked:ip:::1", none, "0");
    peek(&r, "SET", "blocked:ip:1.2.3.4", "theirs", none, "OK");
    store_get(s, "blocks", SLICE_LIT("ip:1.2.3.4"), on_got, &t);
    store_get(s, "blocks", SLICE_LIT("user:late"), on_got, &t);
    run_until(&b, &t, 2);
    expect(&t, "0:\x92"
               "1:"); /* [0, ...]: for ever; printed up to its zero */
    buf_deinit(&row);
    close_all(&b, &r, s);
}

CASE(a_break_loses_nothing_and_keeps_the_order)
{
    struct redis_server r;
    struct tape t = {0};
    struct bench b;
    struct store *s = open_store(&b, &r, LONG_MS);

    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 200; i++)
            store_put(s, "b", SLICE_LIT("k"), slice_make(&i, sizeof(i)), 0, on_done, &t);
        run_until(&b, &t, t.n + 20);
        peek(&r, "CLIENT", "KILL", "TYPE", SLICE_LIT("normal"), NULL);
        run_until(&b, &t, (unsigned)(round + 1) * 200);
    }
    buf_deinit(&t.text);
    t = (struct tape){0};
    store_get(s, "b", SLICE_LIT("k"), on_got, &t);
    run_until(&b, &t, 1);
    expect(&t, "0:\xc7");
    close_all(&b, &r, s);
}

CASE(a_stall_fails_by_name_and_passes)
{
    struct redis_server r;
    struct tape t = {0};
    struct bench b;
    struct store *s = open_store(&b, &r, SHORT_MS);

    store_put(s, "b", SLICE_LIT("k"), SLICE_LIT("first"), 0, on_done, &t);
    run_until(&b, &t, 1);
    CHECK_INT(kill(r.pid, SIGSTOP), 0);
    store_put(s, "b", SLICE_LIT("k"), SLICE_LIT("given up"), 0, on_done, &t);
    run_until(&b, &t, 2);
    expect(&t, "02");
    CHECK_INT(kill(r.pid, SIGCONT), 0);
    for (int outcome = STORE_FAILED; outcome != STORE_OK;) {
        store_put(s, "b", SLICE_LIT("k"), SLICE_LIT("last"), 0, on_done, &t);
        run_until(&b, &t, t.n + 1);
        outcome = t.text.ptr[t.text.len - 1] - '0';
    }
    buf_deinit(&t.text);
    t = (struct tape){0};
    store_get(s, "b", SLICE_LIT("k"), on_got, &t);
    run_until(&b, &t, 1);
    expect(&t, "0:last");
    close_all(&b, &r, s);
}

static void on_link_closed(void *arg)
{
    *(bool *)arg = true;
}

static void on_pruned(struct redis_prune *p)
{
    (void)p;
}

CASE(what_has_expired_is_deleted)
{
    struct redis_prune p = {.done = on_pruned};
    int64_t now = clock_wall_ms() / 1000;
    struct redis_link_options o = {.timeout_ms = LONG_MS};
    struct redis_server r;
    struct tape t = {0};
    struct bench b;
    bool is_closed = false;
    struct store *s = open_store(&b, &r, LONG_MS);

    for (int i = 0; i < 3000; i++) /* a third each: expired, to expire, for ever */
        store_put(s, "b", slice_make(&i, sizeof(i)), SLICE_LIT("v"),
                  i % 3 == 0   ? now - 1
                  : i % 3 == 1 ? now + 1000
                               : 0,
                  on_done, &t);
    run_until(&b, &t, 3000);
    buf_deinit(&t.text);
    peek(&r, "HLEN", "hyphad:b", NULL, none, "3000");
    CHECK_INT(redis_uri_parse(slice_of(r.uri), &o.uri), REDIS_URI_OK);
    p.link = redis_link_open(b.loop, &o);
    redis_prune_note(&p, &(struct store_op){.kind = STORE_OP_SCAN, .bucket = "workspaces"});
    redis_prune_note(&p, &(struct store_op){.kind = STORE_OP_SCAN, .bucket = "b"});
    redis_prune_note(&p, &(struct store_op){.kind = STORE_OP_SCAN, .bucket = "empty"});
    CHECK_INT(p.n_buckets, 2);
    while (p.at == 0) {
        redis_prune_step(&p, now);
        (void)uv_run(&b.loop->uv, UV_RUN_NOWAIT);
        sched_yield();
    }
    redis_link_close(p.link, on_link_closed, &is_closed);
    bench_run_until(&b, &is_closed);
    redis_uri_deinit(&o.uri);
    peek(&r, "HLEN", "hyphad:b", NULL, none, "2000");
    close_all(&b, &r, s);
}

CASE(one_server_at_a_time)
{
    char error[STORE_ERROR_MAX] = "";
    struct redis_server r;
    struct store *other = NULL;
    struct bench b;
    struct store *s = open_store(&b, &r, LONG_MS);

    CHECK_INT(redis_server_open(&b, r.uri, "other", LONG_MS, &other, error), STORE_FAILED);
    CHECK(strstr(error, "in use by the server srv"));
    /* the same one, after a crash */
    CHECK_INT(redis_server_open(&b, r.uri, "srv", LONG_MS, &other, error), STORE_OK);
    bench_close_store(&b, other);
    bench_close_store(&b, s);
    CHECK_INT(redis_server_open(&b, r.uri, "other", LONG_MS, &other, error), STORE_OK);
    close_all(&b, &r, other);
}

/* Who was silent for too long and has been replaced may not write any more. */
CASE(who_lost_the_lease_writes_nothing)
{
    struct redis_server r;
    struct tape t = {0};
    struct bench b;
    struct store *s = open_store(&b, &r, SHORT_MS);

    store_put(s, "b", SLICE_LIT("k"), SLICE_LIT("mine"), 0, on_done, &t);
    run_until(&b, &t, 1);
    peek(&r, "SET", "hyphad:owner", "other", none, "OK");
    peek(&r, "CLIENT", "KILL", "TYPE", SLICE_LIT("normal"), NULL);
    store_put(s, "b", SLICE_LIT("k"), SLICE_LIT("not mine"), 0, on_done, &t);
    run_until(&b, &t, 2);
    expect(&t, "02");
    peek(&r, "DEL", "hyphad:owner", NULL, none, "1");
    for (int outcome = STORE_FAILED; outcome != STORE_OK;) {
        store_get(s, "b", SLICE_LIT("k"), on_got, &t);
        run_until(&b, &t, t.n + 1);
        outcome = t.text.ptr[t.text.len - 1] == 'e' ? STORE_OK : STORE_FAILED;
    }
    CHECK(!strstr(t.text.ptr, "not"));
    buf_deinit(&t.text);
    close_all(&b, &r, s);
}

static void on_lost(void *arg)
{
    ++*(unsigned *)arg;
}

/* Who held the lease, was paused, and has been replaced by somebody who has gone again: the lease
 * is free, and nothing that is still under way arrives. */
CASE(a_former_holder_writes_nothing_on_the_connection_it_has)
{
    struct store_redis_options o = {.owner = "late", .timeout_ms = LONG_MS, .lost = on_lost};
    char error[STORE_ERROR_MAX] = "";
    struct redis_server r;
    struct tape t = {0};
    struct store *late, *next = NULL;
    struct bench b;
    unsigned n_lost = 0;
    struct store *s = open_store(&b, &r, LONG_MS);

    bench_close_store(&b, s);
    o.uri = r.uri;
    o.lost_arg = &n_lost;
    CHECK_INT(store_check_redis(&o, error), STORE_OK);
    o.rows = store_open_memory(b.loop);
    late = store_open_redis(b.loop, &o);
    store_put(late, "b", SLICE_LIT("k"), SLICE_LIT("before"), 0, on_done, &t);
    run_until(&b, &t, 1);
    peek(&r, "DEL", "hyphad:owner", NULL, none, "1"); /* it has run out */
    CHECK_INT(redis_server_open(&b, r.uri, "next", LONG_MS, &next, error), STORE_OK);
    store_put(next, "b", SLICE_LIT("k"), SLICE_LIT("theirs"), 0, on_done, &t);
    run_until(&b, &t, 2);
    bench_close_store(&b, next);
    peek(&r, "EXISTS", "hyphad:owner", NULL, none, "0");
    store_put(late, "b", SLICE_LIT("k"), SLICE_LIT("late"), 0, on_done, &t);
    store_remove(late, "b", SLICE_LIT("k"), on_done, &t);
    store_put(late, "workspaces", SLICE_LIT("k"), SLICE_LIT("late"), 0, on_done, &t);
    store_put(late, "blocks", SLICE_LIT("user:k"), SLICE_LIT("late"), 0, on_done, &t);
    run_until(&b, &t, 6);
    expect(&t, "002222");
    CHECK_INT(n_lost, 1);
    peek(&r, "EXISTS", "workspaces", NULL, none, "0");
    peek(&r, "HGET", "hyphad:b", "k", none, NULL);
    bench_close_store(&b, late);
    CHECK_INT(redis_server_open(&b, r.uri, "next", LONG_MS, &next, error), STORE_OK);
    store_get(next, "b", SLICE_LIT("k"), on_got, &t);
    run_until(&b, &t, 1);
    expect(&t, "0:theirs");
    bench_close_store(&b, next);
    redis_server_stop(&r);
    bench_close(&b);
}

CASE(a_wrong_password_is_said)
{
    struct redis_server r;
    struct store *s = NULL;
    char error[STORE_ERROR_MAX] = "", uri[128];
    struct bench b;

    bench_open(&b);
    redis_server_start(&r, &b, "right");
    CHECK_INT(redis_server_open(&b, r.uri, "srv", LONG_MS, &s, error), STORE_FAILED);
    CHECK(strstr(error, "NOAUTH"));
    (void)snprintf(uri, sizeof(uri), "unix://%s-not-there", r.socket);
    CHECK_INT(redis_server_open(&b, uri, "srv", LONG_MS, &s, error), STORE_FAILED);
    CHECK(strstr(error, "No such file"));
    redis_server_stop(&r);
    bench_close(&b);
}

CASES(RUN(workspaces_are_json_in_the_hash_of_the_original),
      RUN(blocks_are_the_strings_of_the_original), RUN(a_break_loses_nothing_and_keeps_the_order),
      RUN(a_stall_fails_by_name_and_passes), RUN(what_has_expired_is_deleted),
      RUN(one_server_at_a_time), RUN(who_lost_the_lease_writes_nothing),
      RUN(a_former_holder_writes_nothing_on_the_connection_it_has), RUN(a_wrong_password_is_said))
