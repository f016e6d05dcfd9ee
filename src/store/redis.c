/* redis: the engine whose records are in a Redis. Every operation is one command that may run
 * twice, sent at once and answered in order, so many are under way at a time; the link sends again
 * what a break left unanswered.
 *
 * One server at a time: a lease names the one that may write, since each keeps the records in its
 * memory too. It is taken as the greeting of every connection, and every write is refused by Redis
 * once another server has had it (redis_lease.h): a server that was away while another took over is
 * not let in again, and is told that it has lost its records.
 *
 * Redis is no place for a log that grows: rows of the journal go to a second engine, a file. The
 * order of answers holds among the records and among the rows, not between them. Loop-owned. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "loop/timer.h"
#include "net/redis_link.h"
#include "store/engines.h"
#include "store/op.h"
#include "store/redis_layout.h"
#include "store/redis_lease.h"
#include "store/redis_prune.h"
#include "store/redis_scan.h"

enum { RENEW_MS = 10000, IN_FLIGHT_MAX = 4096 };

struct redis_store {
    struct store_engine engine;
    struct redis_uri uri;
    struct redis_lease lease;
    void (*lost)(void *arg); /* NULL once said */
    void *lost_arg;
    struct redis_link *link;
    struct store *rows; /* owned: has the journal */
    struct list asked;  /* struct asked, in order */
    size_t n_asked;
    bool is_leasing;  /* its answer is on the way */
    bool is_scanning; /* what was asked for after the scan waits */
    bool is_lost;     /* nothing is ours to give back */
    bool is_ending;
    struct timer renew; /* also prunes */
    struct redis_prune prune;
    /* delivers, sends and closes outside of the link's callbacks */
    struct deferred turn;
};

struct asked {
    struct list link;
    struct redis_store *store;
    struct store_op *op;
    struct redis_scan *scan; /* owned; NULL but for scans */
    bool is_answered;
};

static struct redis_store *redis_store_of(struct store_engine *e)
{
    return CONTAINER_OF(e, struct redis_store, engine);
}

static int64_t redis_now_s(void)
{
    return clock_wall_ms() / 1000;
}

static void take_turn(struct redis_store *s)
{
    if (list_is_empty(&s->turn.link))
        loop_defer(s->engine.base.loop, &s->turn);
}

/* ---- the lease ---- */

/* Another server has had the records since: what this one keeps in its memory is no longer what
 * they are. */
static void redis_lose(struct redis_store *s)
{
    if (s->is_lost)
        return;
    void (*lost)(void *arg) = s->lost;

    s->lost = NULL;
    s->is_lost = true;
    take_turn(s);
    if (lost)
        lost(s->lost_arg);
}

static bool is_welcome(const struct redis_reply *answer, void *arg,
                       char error[REDIS_ERROR_TEXT_MAX])
{
    struct redis_store *s = arg;
    int64_t epoch;
    int r = redis_lease_read(answer, &epoch, error);

    if (r == REDIS_LEASE_LOST)
        redis_lose(s);
    return r == REDIS_LEASE_HELD;
}

static void on_renewed(int outcome, const struct redis_reply *reply, void *arg)
{
    struct redis_store *s = arg;
    char error[REDIS_ERROR_TEXT_MAX] = "";

    s->is_leasing = false;
    if (outcome == REDIS_LINK_ANSWERED && redis_reply_kind(reply) == REDIS_TEXT &&
        !is_welcome(reply, s, error)) {
        LOG(LOG_ERROR, "store", "another server has taken over the records",
            log_text("reason", error));
        redis_link_reset(s->link);
    }
    take_turn(s);
}

static void on_renew_due(struct timer *t)
{
    struct redis_store *s = CONTAINER_OF(t, struct redis_store, renew);

    if (!s->is_leasing) {
        struct redis_command c = redis_lease_take(&s->lease);
        s->is_leasing = true;
        redis_link_ask(s->link, &c, on_renewed, s);
    }
    redis_prune_step(&s->prune, redis_now_s());
    timer_start(s->engine.base.loop, &s->renew, RENEW_MS);
}

static void on_pruned(struct redis_prune *p)
{
    take_turn(CONTAINER_OF(p, struct redis_store, prune));
}

/* ---- operations ---- */

static void ask_piece(struct asked *a);

static void read_answer(struct asked *a, const struct redis_reply *reply)
{
    if (!a->scan) {
        redis_layout_read(a->op, reply, redis_now_s());
        return;
    }
    switch (redis_scan_take(a->scan, reply, redis_now_s(), a->op)) {
    case REDIS_SCAN_GO_ON:
        a->is_answered = false;
        ask_piece(a);
        return;
    case REDIS_SCAN_FAILED:
        LOG(LOG_ERROR, "store", "a bucket could not be read", log_text("bucket", a->op->bucket));
        return;
    default:
        return;
    }
}

static void redis_on_answer(int outcome, const struct redis_reply *reply, void *arg)
{
    struct asked *a = arg;
    struct redis_store *s = a->store;

    a->is_answered = true;
    if (outcome == REDIS_LINK_ANSWERED && redis_reply_kind(reply) != REDIS_ERROR)
        read_answer(a, reply);
    else
        LOG(LOG_ERROR, "store", "Redis refused", log_text("bucket", a->op->bucket),
            log_slice("reason", reply ? redis_reply_text(reply) : SLICE_LIT("no answer in time")));
    if (outcome == REDIS_LINK_ANSWERED && redis_lease_is_refusal(reply))
        redis_lose(s);
    take_turn(s);
}

static void ask_piece(struct asked *a)
{
    struct redis_command command = redis_scan_ask(a->scan);

    redis_link_ask(a->store->link, &command, redis_on_answer, a);
}

static void ask_one(struct asked *a)
{
    struct redis_store *s = a->store;
    struct redis_scratch scratch;
    struct redis_command command;

    redis_scratch_init(&scratch);
    if (redis_layout_ask(a->op, redis_now_s(), &scratch, &command)) {
        if (store_op_is_write(a->op))
            redis_lease_guard(&s->lease, &command);
        redis_link_ask(s->link, &command, redis_on_answer, a);
    } else {
        a->is_answered = true;
    }
    redis_scratch_deinit(&scratch);
}

static void redis_ask(struct redis_store *s, struct store_op *op)
{
    struct asked *a = MEM_NEW(struct asked);

    *a = (struct asked){.store = s, .op = op};
    list_init(&a->link);
    list_link(&s->asked, &a->link);
    s->n_asked++;
    redis_prune_note(&s->prune, op);
    if (op->is_refused || s->is_lost) {
        a->is_answered = true;
    } else if (op->kind == STORE_OP_SCAN) {
        s->is_scanning = true;
        a->scan = redis_scan_new(s->engine.base.loop, op->bucket);
        ask_piece(a);
    } else {
        ask_one(a);
    }
}

static void send_asked(struct redis_store *s)
{
    while (!list_is_empty(&s->engine.ops) && s->n_asked < IN_FLIGHT_MAX && !s->is_scanning) {
        struct store_op *op = LIST_ENTRY(s->engine.ops.next, struct store_op, link);
        list_unlink(&op->link);
        redis_ask(s, op);
    }
}

static void deliver_answered(struct redis_store *s)
{
    while (!list_is_empty(&s->asked)) {
        struct asked *a = LIST_ENTRY(s->asked.next, struct asked, link);
        if (!a->is_answered)
            return;
        /* a scan: what was asked for after it waits for its end */
        if (store_op_deliver(&s->engine, a->op)) {
            a->is_answered = false;
            ask_piece(a);
            return;
        }
        list_unlink(&a->link);
        s->n_asked--;
        s->is_scanning = s->is_scanning && !a->scan;
        redis_scan_free(a->scan);
        mem_free(a);
    }
}

/* ---- the end: answers, then the lease, the link, the other store ---- */

static void free_store(struct redis_store *s)
{
    redis_uri_deinit(&s->uri);
    redis_lease_deinit(&s->lease);
    store_engine_deinit(&s->engine);
    mem_free(s);
}

static void on_rows_closed(int outcome, void *arg)
{
    struct redis_store *s = arg;
    store_done *closed = s->engine.closed;
    void *closed_arg = s->engine.closed_arg;

    free_store(s);
    if (closed)
        closed(outcome, closed_arg);
}

static void on_link_closed(void *arg)
{
    struct redis_store *s = arg;

    store_close(s->rows, on_rows_closed, s);
}

static void on_lease_given(int outcome, const struct redis_reply *reply, void *arg)
{
    struct redis_store *s = arg;

    (void)outcome; /* else it runs out by itself */
    (void)reply;
    s->is_leasing = false;
    take_turn(s);
}

static void step_to_end(struct redis_store *s)
{
    if (!list_is_empty(&s->engine.ops) || !list_is_empty(&s->asked) || s->is_leasing ||
        s->prune.is_under_way)
        return;
    if (s->is_ending || s->is_lost) {
        timer_stop(s->engine.base.loop, &s->renew);
        list_unlink(&s->turn.link);
        redis_link_close(s->link, on_link_closed, s);
        return;
    }
    struct redis_command c = redis_lease_give(&s->lease);
    s->is_ending = s->is_leasing = true;
    timer_stop(s->engine.base.loop, &s->renew);
    redis_link_ask(s->link, &c, on_lease_given, s);
}

static void on_turn(struct deferred *d)
{
    struct redis_store *s = CONTAINER_OF(d, struct redis_store, turn);

    if (s->is_lost)
        redis_link_give_up(s->link);
    deliver_answered(s);
    send_asked(s);
    if (!list_is_empty(&s->asked) && LIST_ENTRY(s->asked.next, struct asked, link)->is_answered)
        take_turn(s);
    if (s->engine.is_closing)
        step_to_end(s);
}

static void redis_wake(struct store_engine *e)
{
    struct redis_store *s = redis_store_of(e);

    if (!timer_is_running(&s->renew) && !e->is_closing) /* not before the loop runs */
        timer_start(e->base.loop, &s->renew, RENEW_MS);
    take_turn(s);
}

/* ---- opening ---- */

static void redis_on_info(int outcome, const struct redis_reply *reply, void *arg)
{
    struct slice text = redis_reply_text(reply);

    (void)outcome;
    (void)arg;
    for (size_t i = 0; i + 14 <= text.len; i++) {
        if (slice_starts(slice_from(text, i), "aof_enabled:0")) {
            LOG(LOG_WARN, "store",
                "this Redis keeps no append-only file: what is acknowledged may be lost when it "
                "stops");
            return;
        }
    }
}

static bool read_uri(const char *uri, struct redis_uri *ret, char error[STORE_ERROR_MAX])
{
    int r = redis_uri_parse(slice_of(uri), ret);

    if (r == REDIS_URI_OK)
        return true;
    (void)snprintf(
        error, STORE_ERROR_MAX,
        r == REDIS_URI_TLS
            ? "Redis: rediss:// is not built in (use redis:// or unix://)"
            : "Redis: want redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or unix:///PATH[?db=N]");
    return false;
}

/* What a take at the start finds. */
struct first_take {
    int64_t epoch;
};

static bool is_welcome_first(const struct redis_reply *answer, void *arg,
                             char error[REDIS_ERROR_TEXT_MAX])
{
    return redis_lease_read(answer, &((struct first_take *)arg)->epoch, error) == REDIS_LEASE_HELD;
}

/* greeting and what is said to its answer are in link. */
static int try_link(const struct store_redis_options *o, struct redis_link_options *link,
                    redis_done *done, char ret_error[STORE_ERROR_MAX])
{
    struct redis_command info = {.args = {SLICE_LIT("INFO"), SLICE_LIT("persistence")},
                                 .n_args = 2};
    char reason[REDIS_ERROR_TEXT_MAX] = "";
    bool ok = read_uri(o->uri, &link->uri, ret_error);

    link->timeout_ms = o->timeout_ms;
    if (ok && !redis_link_try(link, &info, done, NULL, reason)) {
        (void)snprintf(ret_error, STORE_ERROR_MAX, "Redis at %.80s: %.120s",
                       link->uri.path ? link->uri.path : link->uri.host, reason);
        ok = false;
    }
    redis_uri_deinit(&link->uri);
    return ok ? STORE_OK : STORE_FAILED;
}

static void on_there(int outcome, const struct redis_reply *reply, void *arg)
{
    (void)outcome;
    (void)reply;
    (void)arg;
}

int store_try_redis(const struct store_redis_options *o, char ret_error[STORE_ERROR_MAX])
{
    struct redis_link_options link = {.timeout_ms = 0};

    return try_link(o, &link, on_there, ret_error);
}

int store_check_redis(struct store_redis_options *o, char ret_error[STORE_ERROR_MAX])
{
    struct first_take first = {0};
    struct redis_lease lease;

    redis_lease_init(&lease, o->owner, 0);
    struct redis_link_options link = {
        .greeting = redis_lease_take(&lease), .is_welcome = is_welcome_first, .arg = &first};
    int r = try_link(o, &link, redis_on_info, ret_error);
    redis_lease_deinit(&lease);
    o->epoch = first.epoch;
    return r;
}

struct store *store_open_redis(struct loop *loop, const struct store_redis_options *o)
{
    struct redis_store *s = MEM_NEW(struct redis_store);
    int r = redis_uri_parse(slice_of(o->uri), &s->uri);

    ASSERT(r == REDIS_URI_OK && o->epoch > 0);
    redis_lease_init(&s->lease, o->owner, o->epoch);
    s->lost = o->lost;
    s->lost_arg = o->lost_arg;
    struct redis_link_options link = {.uri = s->uri,
                                      .timeout_ms = o->timeout_ms,
                                      .greeting = redis_lease_take(&s->lease),
                                      .is_welcome = is_welcome,
                                      .arg = s};
    store_engine_init(&s->engine, loop, redis_wake);
    list_init(&s->asked);
    list_init(&s->turn.link);
    s->turn.run = on_turn;
    timer_init(&s->renew, on_renew_due);
    s->rows = o->rows;
    s->engine.base.journal = o->rows->journal;
    s->link = redis_link_open(loop, &link);
    s->prune = (struct redis_prune){.link = s->link, .done = on_pruned};
    return &s->engine.base;
}
