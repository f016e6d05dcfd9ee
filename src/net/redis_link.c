/* redis_link: one queue in two parts, what is sent and what waits. A break moves the first in front
 * of the second.
 *
 *   no connection --asked--> RESOLVING --> CONNECTING --> GREETING --all answers fit--> READY
 *        ^--------- any failure: waiting 50 ms, then twice as long each time, to 2 s ------'
 *
 * A connection is a heap object of its own: libuv may hold it, for a name lookup or for closing,
 * when the link has let go. */
#include "net/redis_link.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "net/redis_format.h"

enum {
    TICK_MS = 100,
    BACKOFF_MIN_MS = 50,
    BACKOFF_MAX_MS = 2000,
    WRITE_MAX = 4 << 20,
    READ_ROOM = 64 * 1024
};

enum phase { CONN_RESOLVING, CONN_CONNECTING, CONN_GREETING, CONN_READY };
enum step { STEP_AUTH, STEP_SELECT, STEP_ID, STEP_KILL, STEP_GREETING, N_STEPS };

struct command {
    struct list link;
    char *bytes; /* hiredis's; NULL: no memory */
    size_t n_bytes;
    uint64_t deadline_ms;
    redis_done *done;
    void *arg;
};

struct conn {
    struct redis_link *link;
    enum phase phase;
    unsigned n_held; /* by libuv: the handle, a lookup */
    uint64_t since_ms;
    int64_t id; /* Redis's number of this connection; 0 = unknown */
    enum step steps[N_STEPS];
    unsigned n_steps, at_step;
    redisReader *reader;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_getaddrinfo_t lookup;
    uv_connect_t connect;
    uv_write_t write;
    struct held_buf out; /* what `write` is sending */
    bool is_writing;
    char room[READ_ROOM];
};

struct redis_link {
    struct loop *loop;
    struct redis_link_options options;
    struct conn *conn;         /* NULL: none, or the last one is going */
    unsigned n_conns;          /* those still held by libuv too */
    struct list sent, waiting; /* struct command */
    struct deferred flush;
    struct timer tick; /* runs while something is asked for */
    uint64_t retry_ms;
    unsigned n_failures; /* in a row */
    int64_t id_before;   /* of the last connection that carried commands */
    void (*closed)(void *arg);
    void *closed_arg;
    bool is_closing;
};

static const struct redis_reply *redis_link_wrap(const redisReply *r)
{
    return (const struct redis_reply *)(const void *)r;
}

/* ---- commands ---- */

static bool add_formatted(struct buf *b, const struct redis_command *c)
{
    size_t n;
    char *bytes = redis_format(c, &n);

    if (bytes)
        buf_add(b, bytes, n);
    redisFreeCommand(bytes);
    return bytes && !b->is_failed;
}

static void redis_link_finish(struct command *c, int outcome, const redisReply *reply)
{
    list_unlink(&c->link);
    c->done(outcome, redis_link_wrap(reply), c->arg);
    redisFreeCommand(c->bytes);
    mem_free(c);
}

/* ---- the end of a connection ---- */

static void redis_link_finish_close(struct redis_link *l)
{
    void (*closed)(void *arg) = l->closed;
    void *arg = l->closed_arg;

    mem_free(l);
    closed(arg);
}

static void redis_link_let_go(struct conn *c)
{
    struct redis_link *l = c->link;

    if (--c->n_held)
        return;
    redisReaderFree(c->reader);
    held_buf_deinit(&c->out);
    mem_free(c);
    if (--l->n_conns == 0 && l->is_closing)
        redis_link_finish_close(l);
}

static void redis_link_on_uv_closed(uv_handle_t *handle)
{
    redis_link_let_go(handle->data);
}

static bool has_handle(const struct conn *c)
{
    return c->phase != CONN_RESOLVING;
}

/* One line when it breaks and one when it works again, however often it is tried between. */
static void redis_link_drop(struct redis_link *l, const char *reason)
{
    struct conn *c = l->conn;
    uint64_t wait = BACKOFF_MIN_MS << (l->n_failures < 6 ? l->n_failures : 6);

    if (!c)
        return;
    l->conn = NULL;
    if (c->phase == CONN_READY) {
        l->id_before = c->id;
        loop_count(l->loop, METRIC_REDIS_CONNECTED, -1);
    }
    if (reason && (c->phase == CONN_READY || l->n_failures == 0))
        LOG(LOG_WARN, "store", "no connection to Redis", log_text("reason", reason));
    l->n_failures++;
    l->retry_ms = loop_now_ms(l->loop) + (wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS);
    list_move_all(&l->sent, &l->waiting);
    list_move_all(&l->waiting, &l->sent);
    if (has_handle(c))
        uv_close(&c->uv.handle, redis_link_on_uv_closed);
    else
        (void)uv_cancel((uv_req_t *)&c->lookup); /* its callback comes in any case */
}

/* ---- sending ---- */

static void redis_link_flush(struct redis_link *l);

static void redis_link_on_written(uv_write_t *write, int status)
{
    struct conn *c = write->data;

    c->is_writing = false;
    if (c->link->conn != c)
        return;
    if (status)
        redis_link_drop(c->link, uv_strerror(status));
    else
        redis_link_flush(c->link);
}

static void write_out(struct conn *c)
{
    uv_buf_t b = uv_buf_init(c->out.b.ptr, (unsigned)c->out.b.len);
    int r = c->out.b.is_failed ? UV_ENOMEM : 0;

    c->write.data = c;
    if (!r)
        r = uv_write(&c->write, &c->uv.stream, &b, 1, redis_link_on_written);
    c->is_writing = !r;
    if (r)
        redis_link_drop(c->link, uv_strerror(r));
}

static void redis_link_flush(struct redis_link *l)
{
    struct conn *c = l->conn;

    if (!c || c->phase != CONN_READY || c->is_writing || list_is_empty(&l->waiting))
        return;
    buf_clear(&c->out.b);
    while (!list_is_empty(&l->waiting) && c->out.b.len < WRITE_MAX) {
        struct command *command = LIST_ENTRY(l->waiting.next, struct command, link);
        list_unlink(&command->link);
        if (!command->bytes) { /* there was no memory for it */
            redis_link_finish(command, REDIS_LINK_LOST, NULL);
            continue;
        }
        list_link(&l->sent, &command->link);
        buf_add(&c->out.b, command->bytes, command->n_bytes);
    }
    if (c->out.b.len)
        write_out(c);
}

static void redis_link_on_flush(struct deferred *d)
{
    redis_link_flush(CONTAINER_OF(d, struct redis_link, flush));
}

/* ---- greeting ---- */

static bool add_step(struct conn *c, enum step step)
{
    const struct redis_uri *u = &c->link->options.uri;
    struct redis_command command = c->link->options.greeting;
    char number[24];

    c->steps[c->n_steps++] = step;
    (void)snprintf(number, sizeof(number), "%lld",
                   step == STEP_SELECT ? (long long)u->database : (long long)c->link->id_before);
    if (step == STEP_AUTH)
        command = u->user ? redis_words("AUTH", u->user, u->password, NULL)
                          : redis_words("AUTH", u->password, NULL, NULL);
    else if (step == STEP_SELECT)
        command = redis_words("SELECT", number, NULL, NULL);
    else if (step == STEP_ID)
        command = redis_words("CLIENT", "ID", NULL, NULL);
    else if (step == STEP_KILL)
        command = redis_words("CLIENT", "KILL", "ID", number);
    return add_formatted(&c->out.b, &command);
}

static void redis_link_greet(struct conn *c)
{
    const struct redis_uri *u = &c->link->options.uri;

    c->phase = CONN_GREETING;
    bool ok = (!u->password || add_step(c, STEP_AUTH)) &&
              (!u->database || add_step(c, STEP_SELECT)) && add_step(c, STEP_ID) &&
              (!c->link->id_before || add_step(c, STEP_KILL)) &&
              (!c->link->options.greeting.n_args || add_step(c, STEP_GREETING));
    if (ok)
        write_out(c);
    else
        redis_link_drop(c->link, "no memory");
}

/* An identity that a server does not tell, or does not let us end, is no reason to refuse it. */
static bool step_is_good(struct conn *c, enum step step, const struct redis_reply *reply,
                         char error[REDIS_ERROR_TEXT_MAX])
{
    struct redis_link *l = c->link;

    if (step == STEP_ID)
        c->id = redis_reply_int(reply);
    if (step == STEP_ID || step == STEP_KILL)
        return true;
    if (redis_reply_kind(reply) == REDIS_ERROR) {
        (void)snprintf(error, REDIS_ERROR_TEXT_MAX, SLICE_FMT,
                       SLICE_ARG(slice_to(redis_reply_text(reply), REDIS_ERROR_TEXT_MAX - 1)));
        return false;
    }
    return step != STEP_GREETING || !l->options.is_welcome ||
           l->options.is_welcome(reply, l->options.arg, error);
}

static void redis_link_take_step(struct conn *c, const redisReply *reply)
{
    struct redis_link *l = c->link;
    char error[REDIS_ERROR_TEXT_MAX] = "";

    if (!step_is_good(c, c->steps[c->at_step++], redis_link_wrap(reply), error)) {
        redis_link_drop(l, error);
        return;
    }
    if (c->at_step < c->n_steps)
        return;
    c->phase = CONN_READY;
    loop_count(l->loop, METRIC_REDIS_CONNECTED, 1);
    if (l->n_failures)
        LOG(LOG_INFO, "store", "connected to Redis again",
            log_int("after", (int64_t)l->n_failures));
    l->n_failures = 0;
    redis_link_flush(l);
}

/* ---- reading ---- */

static void take_reply(struct conn *c, const redisReply *reply)
{
    struct redis_link *l = c->link;

    if (c->phase == CONN_GREETING)
        redis_link_take_step(c, reply);
    else if (list_is_empty(&l->sent))
        redis_link_drop(l, "an answer nobody asked for");
    else
        redis_link_finish(LIST_ENTRY(l->sent.next, struct command, link), REDIS_LINK_ANSWERED,
                          reply);
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret)
{
    struct conn *c = handle->data;

    (void)wanted;
    *ret = uv_buf_init(c->room, sizeof(c->room));
}

static void redis_link_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct conn *c = stream->data;
    struct redis_link *l = c->link;
    void *reply = NULL;

    if (l->conn != c || n == 0)
        return;
    if (n < 0) {
        redis_link_drop(l, n == UV_EOF ? "closed by Redis" : uv_strerror((int)n));
        return;
    }
    if (redisReaderFeed(c->reader, buf->base, (size_t)n) != REDIS_OK) {
        redis_link_drop(l, c->reader->errstr);
        return;
    }
    /* A callback may end the connection, which stays until it is closed, and may not close the
     * link. */
    while (l->conn == c) {
        if (redisReaderGetReply(c->reader, &reply) != REDIS_OK)
            redis_link_drop(l, c->reader->errstr);
        if (!reply)
            return;
        take_reply(c, reply);
        freeReplyObject(reply);
        reply = NULL;
    }
}

/* ---- connecting ---- */

static void on_connected(uv_connect_t *connect, int status)
{
    struct conn *c = connect->data;

    if (c->link->conn != c)
        return;
    if (!status)
        status = uv_read_start(&c->uv.stream, on_room, redis_link_on_read);
    if (!status && !c->link->options.uri.path)
        (void)uv_tcp_nodelay(&c->uv.tcp, 1); /* only a matter of speed */
    if (status)
        redis_link_drop(c->link, uv_strerror(status));
    else
        redis_link_greet(c);
}

/* The handle is libuv's from here on; what held the connection before is passed on to it. */
static void take_handle(struct conn *c)
{
    c->phase = CONN_CONNECTING;
    c->uv.handle.data = c;
    c->connect.data = c;
}

static void on_resolved(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found)
{
    struct conn *c = lookup->data;
    struct addrinfo *at = found;
    unsigned n = 0;

    if (c->link->conn != c || status) {
        if (c->link->conn == c)
            redis_link_drop(c->link, uv_strerror(status));
        uv_freeaddrinfo(found);
        redis_link_let_go(c);
        return;
    }
    for (struct addrinfo *it = found; it; it = it->ai_next)
        n++;
    ASSERT(n);
    /* another address with every try */
    for (unsigned skip = c->link->n_failures % n; skip; skip--)
        at = at->ai_next;
    int r = uv_tcp_init(&c->link->loop->uv, &c->uv.tcp);
    ASSERT(r == 0);
    take_handle(c);
    r = uv_tcp_connect(&c->connect, &c->uv.tcp, at->ai_addr, on_connected);
    uv_freeaddrinfo(found);
    if (r)
        redis_link_drop(c->link, uv_strerror(r));
}

static void start_local(struct conn *c)
{
    int r = uv_pipe_init(&c->link->loop->uv, &c->uv.pipe, 0);

    ASSERT(r == 0);
    take_handle(c);
    uv_pipe_connect(&c->connect, &c->uv.pipe, c->link->options.uri.path, on_connected);
}

static void start_lookup(struct conn *c)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    const struct redis_uri *u = &c->link->options.uri;
    char port[8];

    (void)snprintf(port, sizeof(port), "%u", u->port);
    c->lookup.data = c;
    int r = uv_getaddrinfo(&c->link->loop->uv, &c->lookup, on_resolved, u->host, port, &hints);
    ASSERT(r == 0);
}

static void redis_link_start(struct redis_link *l)
{
    struct conn *c = MEM_NEW(struct conn);

    c->link = l;
    c->n_held = 1;
    c->since_ms = loop_now_ms(l->loop);
    c->reader = redisReaderCreate();
    held_buf_init(&c->out, 0, l->loop->own);
    l->conn = c;
    l->n_conns++;
    if (l->options.uri.path)
        start_local(c);
    else
        start_lookup(c);
}

/* ---- asking ---- */

static bool is_idle(const struct redis_link *l)
{
    return list_is_empty(&l->sent) && list_is_empty(&l->waiting);
}

static const struct command *redis_link_oldest(const struct redis_link *l)
{
    const struct list *head = list_is_empty(&l->sent) ? &l->waiting : &l->sent;

    return list_is_empty(head) ? NULL : LIST_ENTRY(head->next, struct command, link);
}

static void redis_link_expire(struct redis_link *l)
{
    uint64_t now = loop_now_ms(l->loop);
    const struct command *first = redis_link_oldest(l);
    struct list late;

    if (l->conn && l->conn->phase != CONN_READY && now - l->conn->since_ms >= l->options.timeout_ms)
        redis_link_drop(l, "no answer while connecting");
    if (!first || first->deadline_ms > now)
        return;
    if (!list_is_empty(&l->sent))
        redis_link_drop(l, "no answer in time");
    list_init(&late);
    while (!list_is_empty(&l->waiting) &&
           LIST_ENTRY(l->waiting.next, struct command, link)->deadline_ms <= now) {
        struct list *it = l->waiting.next;
        list_unlink(it);
        list_link(&late, it);
    }
    while (!list_is_empty(&late))
        redis_link_finish(LIST_ENTRY(late.next, struct command, link), REDIS_LINK_LOST, NULL);
}

static void redis_link_on_tick(struct timer *t)
{
    struct redis_link *l = CONTAINER_OF(t, struct redis_link, tick);

    redis_link_expire(l);
    if (is_idle(l))
        return;
    if (!l->conn && loop_now_ms(l->loop) >= l->retry_ms)
        redis_link_start(l);
    timer_start(l->loop, &l->tick, TICK_MS);
}

struct redis_link *redis_link_open(struct loop *loop, const struct redis_link_options *options)
{
    struct redis_link *l = MEM_NEW(struct redis_link);

    l->loop = loop;
    l->options = *options;
    list_init(&l->sent);
    list_init(&l->waiting);
    list_init(&l->flush.link);
    l->flush.run = redis_link_on_flush;
    timer_init(&l->tick, redis_link_on_tick);
    return l;
}

void redis_link_ask(struct redis_link *l, const struct redis_command *command, redis_done *done,
                    void *arg)
{
    struct command *c = MEM_NEW(struct command);
    uint64_t now = loop_now_ms(l->loop);

    LOOP_ASSERT(l->loop);
    list_init(&c->link);
    c->bytes = redis_format(command, &c->n_bytes);
    c->deadline_ms = now + l->options.timeout_ms;
    c->done = done;
    c->arg = arg;
    list_link(&l->waiting, &c->link);
    if (!l->conn && now >= l->retry_ms)
        redis_link_start(l);
    if (list_is_empty(&l->flush.link))
        loop_defer(l->loop, &l->flush);
    if (!timer_is_running(&l->tick))
        timer_start(l->loop, &l->tick, TICK_MS);
}

void redis_link_give_up(struct redis_link *l)
{
    struct list all;

    list_init(&all);
    /* an answer to what was sent has nobody to go to any more */
    redis_link_drop(l, NULL);
    list_move_all(&all, &l->sent);
    list_move_all(&all, &l->waiting);
    while (!list_is_empty(&all))
        redis_link_finish(LIST_ENTRY(all.next, struct command, link), REDIS_LINK_LOST, NULL);
}

void redis_link_reset(struct redis_link *l)
{
    redis_link_drop(l, NULL);
}

void redis_link_close(struct redis_link *l, void (*closed)(void *arg), void *arg)
{
    ASSERT(is_idle(l));
    l->closed = closed;
    l->closed_arg = arg;
    l->is_closing = true;
    timer_stop(l->loop, &l->tick);
    list_unlink(&l->flush.link);
    redis_link_drop(l, NULL);
    if (l->n_conns == 0)
        redis_link_finish_close(l);
}
