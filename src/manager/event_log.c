/* event_log: writing is one append and its answer. Reading is bounded three ways: rows and bytes
 * of an answer, answers at once, and questions one user may have waiting; so the log's size is
 * never the server's memory. */
#include "manager/event_log.h"

#include <string.h>

#include "base/clock.h"
#include "base/held.h"
#include "base/memory.h"
#include "config/config.h"
#include "manager/caller_access.h"
#include "manager/event_answer.h"
#include "manager/reply.h"
#include "manager/manager_internal.h"
#include "manager/serializable.h"
#include "peer/hub.h"
#include "peer/sharer.h"
#include "store/journal.h"
#include "wire/mp.h"
#include "wire/time_text.h"
#include "wire/utf8.h"

enum { FIRST_TRIM_MS = 1000, TRIM_EVERY_MS = 600000 };
enum { TYPE_MAX = 256, QUESTIONS_OF_ONE = 16, QUESTIONS_OF_ALL = 512 };
enum { ANSWER_BYTES = 16 * 1024 * 1024, STATS_BYTES = 1024 * 1024 };

static int64_t now_us(void)
{
    return clock_wall_ms() * 1000;
}

static struct journal_limits event_log_limits_of(const struct hub *h)
{
    const struct config *c = loop_config(h->loop);

    return (struct journal_limits){.rows_per_owner = c->event_log_user_rows,
                                   .rows_per_workspace = c->event_log_max_rows,
                                   .rows = c->event_log_total_rows,
                                   .bytes_per_owner = c->event_log_user_bytes,
                                   .bytes_per_workspace = c->event_log_max_bytes,
                                   .bytes = c->event_log_total_bytes,
                                   .waiting = c->event_log_queue,
                                   .since_us = c->event_log_keep_ms
                                                   ? now_us() - (int64_t)c->event_log_keep_ms * 1000
                                                   : INT64_MIN};
}

/* ---- writing ---- */

static void event_log_on_written(int outcome, void *arg)
{
    struct rpc_call *call = arg;

    if (outcome == STORE_OK)
        reply_nil(call);
    else
        rpc_reject(call, "RuntimeError", "The event could not be written");
}

/* Whose share a row takes. Who never logged in is somebody else with every connection, so all of
 * them have one together. */
static void add_owner(struct buf *b, const struct user *u)
{
    if (u->is_anonymous)
        buf_add_text(b, "anonymous");
    else
        buf_add_fmt(b, "user:%s", user_effective_id(u));
}

/* False: too many wait. */
MUST_CHECK static bool append(struct hub *h, const struct rpc_call *call, struct slice type,
                              struct slice data, store_done *done, void *arg)
{
    struct journal_limits limits = event_log_limits_of(h);
    SCRATCH_BUF(owner, 0);

    add_owner(&owner, call->user);
    const struct journal_row row = {.at_us = now_us(),
                                    .workspace = call->workspace,
                                    .user = slice_of(call->user->id),
                                    .owner = buf_slice(&owner),
                                    .is_stranger = call->user->is_anonymous,
                                    .type = type,
                                    .data = data};

    return journal_append(h->store->journal, &row, &limits, done, arg);
}

void event_log_note(struct event_log *log, const struct rpc_call *call, struct slice type,
                    struct slice data)
{
    (void)!append(log->hub, call, type, data, NULL, NULL); /* a lost one is counted */
}

static bool event_log_is_plain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return false;
    }
    return slice_is_utf8(text) && !utf8_has_invisible(text);
}

static bool event_log_check_type(struct slice type, struct refusal *r)
{
    if (slice_has_byte(type, ' '))
        return refuse(r, "AssertionError", "Event type must not contain spaces");
    if (!type.len || type.len > TYPE_MAX || !event_log_is_plain(type))
        return refuse(
            r, "ValueError",
            "Event type must be 1 to %d bytes of text without control or invisible characters",
            TYPE_MAX);
    return true;
}

static bool check_data(const struct hub *h, struct slice data, struct refusal *r)
{
    size_t max = loop_config(h->loop)->event_log_row_bytes;

    if (data.len > max)
        return refuse(r, "ValueError", "The data of an event is larger than %zu bytes", max);
    if (data.len && !is_serializable(data, SERIALIZABLE_DEPTH))
        return refuse(r, "TypeError", "The data of an event must be JSON");
    return true;
}

/* Answers when the row is durable. */
static void write_row(struct hub *h, struct rpc_call *call, enum access_operation o,
                      struct slice type, struct slice data)
{
    struct refusal r;

    if (!access_allows(call, o, &r) || !event_log_check_type(type, &r) || !check_data(h, data, &r))
        reply_refusal(call, &r);
    else if (!append(h, call, type, data, event_log_on_written, call))
        rpc_reject(call, "RuntimeError",
                   "Too many events wait to be written, please retry (--event-log-queue)");
}

void do_log(struct rpc_call *call, void *arg)
{
    write_row(((struct manager *)arg)->hub, call, OPERATION_LOG, SLICE_LIT("log"), call->args[0]);
}

void do_log_event(struct rpc_call *call, void *arg)
{
    write_row(((struct manager *)arg)->hub, call, OPERATION_LOG_EVENT, call_text(call, 0),
              call->args[1]);
}

/* ---- reading ---- */

struct event_question {
    struct list link;      /* in the log's waiting or running */
    struct event_log *log; /* NULL: it has gone while the store was at work */
    struct rpc_call *call;
    struct journal_query query; /* texts of the call, which lives until it is answered */
    struct hub *hub;
    bool wants_counts;
    unsigned n;             /* counts */
    struct held_buf counts; /* encoded maps */
    struct event_answer rows;
};

static void question_free(struct event_question *q)
{
    list_unlink(&q->link);
    held_buf_deinit(&q->counts);
    event_answer_deinit(&q->rows);
    mem_free(q);
}

static void event_log_start(struct event_log *log);

static void event_log_finish(void *arg)
{
    struct event_question *q = arg;
    struct event_log *log = q->log;

    question_free(q);
    if (log) {
        log->n_running--;
        event_log_start(log);
    }
}

static void answer_counts(struct event_question *q)
{
    struct buf b;

    buf_init(&b, 0);
    b.is_failed = q->counts.b.is_failed;
    mp_add_array(&b, q->n);
    buf_add_slice(&b, buf_slice(&q->counts.b));
    reply_buf(q->call, &b);
    event_log_finish(q);
}

static void event_log_fail(struct event_question *q)
{
    rpc_reject(q->call, "RuntimeError",
               "The event log could not be read, or the answer is too large: "
               "narrow it by type or time");
    event_log_finish(q);
}

static void on_rows(int outcome, struct held_buf *rows, void *arg)
{
    struct event_question *q = arg;

    if (rows)
        event_answer_add(&q->rows, rows);
    else if (outcome == STORE_FAILED)
        event_log_fail(q);
    else
        event_answer_send(&q->rows, q->call, event_log_finish, q);
}

static void on_count(int outcome, struct slice type, int64_t n_rows, void *arg)
{
    struct event_question *q = arg;

    if (outcome == STORE_FAILED) {
        event_log_fail(q);
        return;
    }
    if (outcome == STORE_ABSENT) {
        answer_counts(q);
        return;
    }
    mp_add_map(&q->counts.b, 2);
    mp_add_text(&q->counts.b, "event_type");
    mp_add_str(&q->counts.b, type);
    mp_add_text(&q->counts.b, "count");
    mp_add_int(&q->counts.b, n_rows);
    q->n++;
}

static void event_log_start(struct event_log *log)
{
    while (log->n_running < EVENT_LOG_READS && !list_is_empty(&log->waiting)) {
        struct event_question *q = LIST_ENTRY(log->waiting.next, struct event_question, link);
        list_unlink(&q->link);
        list_link(&log->running, &q->link);
        log->n_running++;
        if (q->wants_counts)
            journal_count(log->hub->store->journal, &q->query, on_count, q);
        else
            journal_read(log->hub->store->journal, &q->query, on_rows, q);
    }
}

static bool read_time(const struct rpc_call *call, unsigned i, int64_t *ret_us, struct refusal *r)
{
    const char *name = call->method->params[i].name;
    struct slice value = call->args[i], text;
    double seconds;

    if (!value.len)
        return true;
    if (mp_get_str(value, &text))
        return time_text_read(text, ret_us) ||
               refuse(r, "ValueError", "Invalid %s: '" SLICE_FMT "' is no ISO-8601 time", name,
                      SLICE_ARG(slice_utf8_prefix(text, 100)));
    if (mp_get_num(value, &seconds))
        return time_from_seconds(seconds, ret_us) ||
               refuse(r, "ValueError", "Invalid %s: no time within the years 1 to 9999", name);
    return refuse(r, "TypeError", "%s must be an ISO-8601 text or Unix seconds", name);
}

static bool read_question(const struct hub *h, const struct rpc_call *call, bool wants_counts,
                          struct journal_query *ret, struct refusal *r)
{
    int64_t since_us = event_log_limits_of(h).since_us;

    *ret = (struct journal_query){.workspace = call->workspace,
                                  .user = slice_of(call->user->id),
                                  .is_stranger = call->user->is_anonymous,
                                  .type = call_text(call, 0),
                                  .from_us = since_us,
                                  .to_us = INT64_MAX,
                                  .max_rows = loop_config(h->loop)->event_log_answer_rows,
                                  .max_bytes = wants_counts ? STATS_BYTES : ANSWER_BYTES};
    if (!access_allows(call, wants_counts ? OPERATION_GET_EVENT_STATS : OPERATION_GET_EVENTS, r) ||
        !read_time(call, 1, &ret->from_us, r) || !read_time(call, 2, &ret->to_us, r))
        return false;
    if (ret->from_us <
        since_us) /* what is too old is not there, whether or not it has been dropped */
        ret->from_us = since_us;
    return true;
}

static bool event_log_has_room(const struct event_log *log, const struct rpc_call *call,
                               struct refusal *r)
{
    char mine[SHARER_MAX], theirs[SHARER_MAX];
    unsigned n = 0, n_all = 0;

    (void)sharer_of(call->user, client_find(&log->hub->registry, call->from_text), mine);
    LIST_FOREACH (it, &log->waiting) {
        const struct rpc_call *other = LIST_ENTRY(it, struct event_question, link)->call;
        (void)sharer_of(other->user, client_find(&log->hub->registry, other->from_text), theirs);
        n += strcmp(theirs, mine) == 0;
        n_all++;
    }
    return (n < QUESTIONS_OF_ONE && n_all < QUESTIONS_OF_ALL) ||
           refuse(r, "RuntimeError",
                  "Too many questions to the event log at once (at most %d, of all %d)",
                  QUESTIONS_OF_ONE, QUESTIONS_OF_ALL);
}

static void event_log_ask(struct manager *m, struct rpc_call *call, bool wants_counts)
{
    struct event_log *log = &m->event_log;
    struct journal_query query;
    struct refusal r;

    if (!read_question(m->hub, call, wants_counts, &query, &r) ||
        !event_log_has_room(log, call, &r)) {
        reply_refusal(call, &r);
        return;
    }
    struct event_question *q = MEM_NEW(struct event_question);
    *q = (struct event_question){
        .log = log, .hub = m->hub, .call = call, .query = query, .wants_counts = wants_counts};
    held_buf_init(&q->counts, 0, rpc_call_payer(call));
    event_answer_init(&q->rows);
    list_init(&q->link);
    list_link(&log->waiting, &q->link);
    event_log_start(log);
}

void do_get_events(struct rpc_call *call, void *arg)
{
    event_log_ask(arg, call, false);
}

void do_get_event_stats(struct rpc_call *call, void *arg)
{
    event_log_ask(arg, call, true);
}

/* ---- life ---- */

static void on_trim_due(struct timer *t)
{
    struct event_log *log = CONTAINER_OF(t, struct event_log, trim);
    struct journal_limits limits = event_log_limits_of(log->hub);

    if (log->hub->store)
        journal_trim(log->hub->store->journal, &limits);
    timer_start(log->hub->loop, t, TRIM_EVERY_MS);
}

void event_log_init(struct event_log *log, struct hub *h)
{
    *log = (struct event_log){.hub = h};
    list_init(&log->waiting);
    list_init(&log->running);
    timer_init(&log->trim, on_trim_due);
    timer_start(h->loop, &log->trim, FIRST_TRIM_MS);
}

void event_log_deinit(struct event_log *log)
{
    timer_stop(log->hub->loop, &log->trim);
    while (!list_is_empty(&log->waiting)) {
        struct event_question *q = LIST_ENTRY(log->waiting.next, struct event_question, link);
        rpc_reject(q->call, "RuntimeError", "The server is going down");
        question_free(q);
    }
    while (!list_is_empty(&log->running)) {
        struct event_question *q = LIST_ENTRY(log->running.next, struct event_question, link);
        list_unlink(&q->link);
        q->log = NULL;
    }
}
