/* conn: the life of a connection. The parser says what it found, dispatch says what becomes of it;
 * here are order, time and endings.
 *
 * While a handler holds a request the socket is still read, because only a read tells that the
 * client has hung up; what comes is kept for later, up to HELD_MAX, then reading stops until the
 * answer is out. An idle connection holds no buffer.
 *
 * A handler may answer, drop or take from inside its call, or much later; so after every call
 * into dispatch the state is looked at again and nothing else is assumed. The object is freed in
 * the stream's last callback, or, when the stream was taken away, by the feeding call itself or
 * at the end of the turn. */
#include "http/conn.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "http/dispatch.h"
#include "http/parse.h"
#include "http/response.h"
#include "loop/loop.h"
#include "net/stream.h"

enum {
    HELD_MAX = 64 * 1024,     /* bytes kept of requests that wait for their turn */
    ANSWERS_MAX = 256 * 1024, /* unsent bytes of answers above which the next request waits */
    DISCARD_MAX =
        64 *
        1024, /* a refused request's body is read up to here, so that the connection can go on */
    LINGER_MS =
        2000, /* after a refusal amid a body: let the client read it before the socket closes */
    DEFAULT_STALL_MS = 60 * 1000,
};

enum conn_state {
    CONN_IDLE,
    CONN_HEAD,
    CONN_BODY,
    CONN_PENDING,
    CONN_LINGER,
    CONN_CLOSING,
    CONN_TAKEN
};

struct http_conn {
    /* const after init */
    struct http_loop *hl;
    /* loop only */
    struct list link;
    struct stream *stream; /* NULL once taken */
    struct http_parser *parser;
    struct http_request *req;    /* the handler's, in PENDING */
    struct http_verdict verdict; /* about the request being read */
    struct timer timer;
    struct deferred resume;
    struct buf held;   /* unread bytes that wait for an answer */
    struct slice rest; /* while feeding an upgrade: what follows its head */
    enum conn_state state;
    bool is_feeding;
    bool is_cut;    /* out of memory or of patience: closed at the end of the turn */
    bool is_unread; /* the client has more to send of a refused request */
};

static void conn_free(struct http_conn *c)
{
    timer_stop(c->hl->loop, &c->timer);
    list_unlink(&c->resume.link);
    list_unlink(&c->link);
    c->hl->n_conns--;
    if (c->req)
        http_request_end(c->req);
    http_parser_free(c->parser);
    buf_deinit(&c->held);
    mem_free(c);
}

static uint64_t stall_ms(const struct http_conn *c)
{
    uint64_t ms = c->hl->site->caps.stall_timeout_ms;

    return ms ? ms : DEFAULT_STALL_MS;
}

static void start_timer(struct http_conn *c, uint64_t ms)
{
    timer_start(c->hl->loop, &c->timer, ms);
}

/* The request outlives its connection; its address is remembered for the log. */
static void part(struct http_request *req)
{
    (void)http_request_client(req);
    req->conn = NULL;
}

static void conn_close(struct http_conn *c)
{
    struct http_request *req = c->req;
    struct http_request *unfinished = http_parser_request(c->parser);

    if (c->state == CONN_TAKEN)
        return;
    c->state = CONN_CLOSING;
    timer_stop(c->hl->loop, &c->timer);
    list_unlink(&c->resume.link);
    c->req = NULL;
    if (req)
        part(req);
    if (unfinished && unfinished->conn)
        part(unfinished);
    stream_close(c->stream);
    if (req && req->on_gone)
        req->on_gone(req);
}

/* Sends what is queued, then closes; a client that does not read is waited for so long and no
 * longer. */
static void conn_finish(struct http_conn *c)
{
    c->state = CONN_CLOSING;
    start_timer(c, stall_ms(c));
    if (!c->stream->has_ended)
        stream_finish(c->stream);
    else if (!c->stream->sendq.n_bytes)
        stream_close(c->stream);
}

static void become_pending(struct http_conn *c, struct http_request *req)
{
    c->state = CONN_PENDING;
    c->req = req;
    req->conn = c;
    req->loop = c->hl->loop;
    req->site = c->hl->site;
    if (!req->started_ms)
        req->started_ms = loop_now_ms(c->hl->loop);
    timer_stop(c->hl->loop, &c->timer);
}

/* An answer of our own to what is no request, or not a whole one. The connection ends with it. */
static void refuse(struct http_conn *c, int outcome)
{
    struct http_request *req = http_parser_take(c->parser);

    loop_count(c->hl->loop, METRIC_HTTP_BAD_REQUESTS, 1);
    c->is_unread = outcome != HTTP_PARSE_MALFORMED;
    if (!req)
        req = http_request_new();
    req->wants_close = true;
    become_pending(c, req);
    switch (outcome) {
    case HTTP_PARSE_HEAD_TOO_LARGE:
        http_respond_text(req, 431, "Request header fields too large.");
        return;
    case HTTP_PARSE_BODY_TOO_LARGE:
        http_respond_error(req, 413, HTTP_F1, SLICE_LIT("Request body too large"));
        return;
    case HTTP_PARSE_NO_MEMORY:
        http_respond_error(req, 503, HTTP_F1, SLICE_LIT("Server is out of memory"));
        return;
    default:
        http_respond_text(req, 400, "Invalid HTTP request received.");
    }
}

static void refuse_slow(struct http_conn *c)
{
    struct http_request *req = http_parser_take(c->parser);

    loop_count(c->hl->loop, METRIC_HTTP_BAD_REQUESTS, 1);
    if (!req) {
        conn_close(c);
        return;
    }
    req->wants_close = true;
    become_pending(c, req);
    http_respond_text(req, 408, "Request Timeout");
}

static bool expects_continue(const struct http_request *req)
{
    struct slice value;

    return !req->is_http10 && http_request_header(req, "expect", &value) &&
           slice_is_nocase(value, "100-continue");
}

/* A head is complete. False: answered already, the body will not be read. */
static bool head_done(struct http_conn *c)
{
    struct http_request *req = http_parser_request(c->parser);
    uint64_t body_bytes = http_parser_body_bytes(c->parser);

    loop_count(c->hl->loop, METRIC_HTTP_REQUESTS, 1);
    c->state = CONN_BODY;
    req->conn = c;
    req->loop = c->hl->loop;
    req->site = c->hl->site;
    req->account = c->hl->site->account;
    req->started_ms = loop_now_ms(c->hl->loop);
    c->verdict = http_dispatch_judge(req, body_bytes);
    bool is_served = c->verdict.kind == HTTP_SERVE;
    if (c->verdict.kind == HTTP_ANSWER_TOO_LARGE)
        loop_count(c->hl->loop, METRIC_HTTP_BAD_REQUESTS, 1);
    if (req->is_upgrade && !(is_served && (req->route->flags & HTTP_ROUTE_UPGRADE)))
        http_parser_ignore_upgrade(c->parser);
    if (req->is_upgrade)
        req->wants_close =
            true; /* if it is answered and not taken, what follows would be no HTTP */
    if (!is_served && body_bytes &&
        (expects_continue(req) || (body_bytes > DISCARD_MAX && body_bytes != HTTP_BODY_UNKNOWN))) {
        c->is_unread = true;
        req->wants_close = true;
        become_pending(c, http_parser_take(c->parser));
        http_dispatch_run(req, c->verdict);
        return false;
    }
    if (is_served && body_bytes && expects_continue(req) &&
        !stream_send_bytes(c->stream, SLICE_LIT("HTTP/1.1 100 Continue\r\n\r\n"), NULL)) {
        conn_close(c);
        return false;
    }
    http_parser_expect_body(c->parser, is_served ? http_dispatch_body_cap(req) : DISCARD_MAX,
                            is_served);
    start_timer(c, stall_ms(c));
    return true;
}

static void request_done(struct http_conn *c)
{
    struct http_request *req = http_parser_take(c->parser);

    if (c->hl->is_closing)
        req->wants_close = true;
    become_pending(c, req);
    http_dispatch_run(req, c->verdict);
}

/* The body of a refused request is longer than we care to read: the refusal goes out before its
 * end. */
static void body_failed(struct http_conn *c, int outcome)
{
    struct http_request *req = http_parser_request(c->parser);

    if (outcome == HTTP_PARSE_MALFORMED || c->state != CONN_BODY || c->verdict.kind == HTTP_SERVE) {
        refuse(c, outcome);
        return;
    }
    c->is_unread = true;
    req->wants_close = true;
    request_done(c);
}

static void hold(struct http_conn *c, const char *bytes, size_t n_bytes)
{
    buf_add(&c->held, bytes, n_bytes);
    if (c->held.is_failed)
        conn_close(c);
    else if (c->held.len >= HELD_MAX)
        stream_read_stop(c->stream);
}

static bool is_reading_requests(const struct http_conn *c)
{
    return c->state == CONN_IDLE || c->state == CONN_HEAD || c->state == CONN_BODY;
}

/* A client that sends requests and reads no answers. */
static bool is_choked(const struct http_conn *c)
{
    return c->state == CONN_IDLE && c->stream->sendq.n_bytes > ANSWERS_MAX;
}

static void set_phase(struct http_conn *c)
{
    if (c->state == CONN_IDLE) {
        c->state = CONN_HEAD;
        start_timer(c, c->hl->site->caps.head_timeout_ms);
    } else if (c->state == CONN_BODY) {
        start_timer(c, stall_ms(c));
    }
}

/* Parses and dispatches until the bytes are used up or the next request must wait. */
static void feed(struct http_conn *c, char *bytes, size_t n_bytes)
{
    size_t used = 0;
    bool go_on = n_bytes > 0;

    c->is_feeding = true;
    while (is_reading_requests(c) && go_on && !is_choked(c)) {
        size_t n = 0;
        set_phase(c);
        int outcome = http_parser_feed(c->parser, bytes + used, n_bytes - used, &n);
        switch (outcome) {
        case HTTP_PARSE_MORE:
            used = n_bytes;
            break;
        case HTTP_PARSE_HEAD:
            used += n;
            if (head_done(c))
                continue; /* ask once more even without bytes: the head may be all there is */
            break;
        case HTTP_PARSE_DONE:
            used += n;
            request_done(c);
            break;
        case HTTP_PARSE_UPGRADE:
            used += n;
            c->rest = slice_make(bytes + used, n_bytes - used);
            request_done(c);
            break;
        default:
            used = n_bytes;
            body_failed(c, outcome);
        }
        go_on = used < n_bytes;
    }
    c->is_feeding = false;
    if ((c->state == CONN_PENDING || c->state == CONN_IDLE) && used < n_bytes)
        hold(c, bytes + used, n_bytes - used);
}

static void feed_and_settle(struct http_conn *c, char *bytes, size_t n_bytes)
{
    feed(c, bytes, n_bytes);
    if (c->state == CONN_TAKEN)
        conn_free(c);
}

static void on_resume(struct deferred *d)
{
    struct http_conn *c = CONTAINER_OF(d, struct http_conn, resume);

    if (c->state == CONN_TAKEN) {
        conn_free(c);
    } else if (c->is_cut) {
        conn_close(c);
    } else if (c->state == CONN_IDLE && c->held.len) {
        struct buf held = c->held;
        buf_init(&c->held, 0);
        feed_and_settle(c, held.ptr, held.len);
        buf_deinit(&held);
    }
}

static void on_read(struct stream *s, char *bytes, size_t n_bytes)
{
    struct http_conn *c = s->owner;

    if (is_reading_requests(c) && !c->held.len)
        feed_and_settle(c, bytes, n_bytes);
    else if (is_reading_requests(c) || c->state == CONN_PENDING)
        hold(c, bytes, n_bytes);
}

static void on_end(struct stream *s, int error)
{
    struct http_conn *c = s->owner;
    bool is_answered = c->state == CONN_IDLE || c->state == CONN_LINGER || c->state == CONN_CLOSING;

    if (!error && is_answered && s->sendq.n_bytes) {
        c->state = CONN_CLOSING; /* a client may close its side and still read */
        start_timer(c, stall_ms(c));
    } else {
        conn_close(c);
    }
}

static void on_drained(struct stream *s)
{
    struct http_conn *c = s->owner;

    if (c->state == CONN_CLOSING) {
        conn_close(c);
    } else if (c->state == CONN_IDLE && c->hl->is_closing) {
        conn_close(c);
    } else if (c->state == CONN_IDLE) {
        start_timer(c, c->hl->site->caps.keepalive_timeout_ms);
        stream_read_start(s);
        if (c->held.len)
            loop_defer(c->hl->loop, &c->resume);
    } else if (c->state == CONN_PENDING) {
        struct http_request *req = c->req;
        if (req->is_streaming && req->on_drained)
            req->on_drained(req);
    }
}

static void on_closed(struct stream *s)
{
    conn_free(s->owner);
}

static const struct stream_ops ops = {
    .on_read = on_read, .on_end = on_end, .on_drained = on_drained, .on_closed = on_closed};

static void on_due(struct timer *t)
{
    struct http_conn *c = CONTAINER_OF(t, struct http_conn, timer);
    bool is_waiting = c->stream->sendq.n_bytes > 0;

    switch (c->state) {
    case CONN_HEAD:
    case CONN_BODY:
        refuse_slow(c);
        break;
    case CONN_LINGER:
        conn_close(c);
        break;
    default:
        if (is_waiting && stream_stalled_ms(c->stream) < stall_ms(c))
            start_timer(c, stall_ms(c) - stream_stalled_ms(c->stream));
        else if (is_waiting || c->state != CONN_PENDING)
            conn_close(c);
    }
}

void http_loop_init(struct http_loop *hl, struct loop *loop, const struct http_site *site)
{
    *hl = (struct http_loop){.loop = loop, .site = site};
    list_init(&hl->conns);
}

void http_loop_close_idle(struct http_loop *hl)
{
    LOOP_ASSERT(hl->loop);
    hl->is_closing = true;
    LIST_FOREACH(it, &hl->conns)
    {
        struct http_conn *c = LIST_ENTRY(it, struct http_conn, link);
        if (c->state == CONN_IDLE && !c->held.len && !c->stream->sendq.n_bytes)
            conn_close(c);
        else if (c->req)
            c->req->wants_close = true;
    }
}

/* on_gone may end other requests, which closes connections but frees none before the turn ends. */
void http_loop_close_all(struct http_loop *hl)
{
    LOOP_ASSERT(hl->loop);
    hl->is_closing = true;
    LIST_FOREACH(it, &hl->conns)
    {
        struct http_conn *c = LIST_ENTRY(it, struct http_conn, link);
        if (c->state != CONN_TAKEN)
            conn_close(c);
    }
}

void http_conn_open(struct http_loop *hl, int fd)
{
    LOOP_ASSERT(hl->loop);
    if (hl->is_closing) {
        close(fd);
        return;
    }
    struct http_conn *c = MEM_NEW(struct http_conn);
    int error;

    c->hl = hl;
    c->parser = http_parser_new(
        (struct http_parse_caps){hl->site->caps.head_bytes, hl->site->caps.n_headers});
    timer_init(&c->timer, on_due);
    list_init(&c->resume.link);
    c->resume.run = on_resume;
    buf_init(&c->held, 0);
    list_init(&c->link);
    list_link(&hl->conns, &c->link);
    hl->n_conns++;
    c->stream = stream_open(hl->loop, fd, &ops, c, &error);
    if (!c->stream) {
        conn_free(c);
        return;
    }
    start_timer(c, hl->site->caps.head_timeout_ms);
    stream_read_start(c->stream);
}

/* Until its new owner adopts it, a stream that was taken has nobody. */
static void on_taken_read(struct stream *s, char *bytes, size_t n_bytes)
{
    (void)s;
    (void)bytes;
    (void)n_bytes;
}

static void on_taken_end(struct stream *s, int error)
{
    (void)error;
    stream_close(s);
}

static void on_taken_closed(struct stream *s)
{
    (void)s;
}

static const struct stream_ops taken_ops = {
    .on_read = on_taken_read, .on_end = on_taken_end, .on_closed = on_taken_closed};

struct stream *http_upgrade_take(struct http_request *req, struct slice *ret_leftover)
{
    LOOP_ASSERT(req->loop);
    struct http_conn *c = req->conn;

    if (!c) {
        http_request_end(req);
        return NULL;
    }
    ASSERT(c->state == CONN_PENDING && req->is_upgrade);
    struct stream *s = c->stream;
    *ret_leftover = c->is_feeding ? c->rest : buf_slice(&c->held);
    req->status = 101;
    part(req);
    c->state = CONN_TAKEN; /* conn_free ends the request */
    c->stream = NULL;
    stream_adopt(s, &taken_ops, NULL);
    timer_stop(c->hl->loop, &c->timer);
    if (!c->is_feeding)
        loop_defer(c->hl->loop, &c->resume);
    stream_read_start(s);
    return s;
}

void http_conn_send(struct http_request *req, struct msg *m)
{
    struct http_conn *c = req->conn;

    if (!m) {
        c->is_cut = true;
        loop_defer(c->hl->loop, &c->resume);
        return;
    }
    if (c->is_cut) {
        msg_unref(m);
        return;
    }
    stream_send(c->stream, m);
    if (!timer_is_running(&c->timer))
        start_timer(c, stall_ms(c));
}

size_t http_conn_waiting(const struct http_request *req)
{
    return req->conn->is_cut ? 0 : req->conn->stream->sendq.n_bytes;
}

void http_conn_answered(struct http_request *req)
{
    struct http_conn *c = req->conn;
    bool wants_close = req->wants_close || c->hl->is_closing;

    c->req = NULL;
    http_request_end(req);
    if (c->is_cut) {
        conn_close(c);
    } else if (!wants_close) {
        c->state = CONN_IDLE;
        start_timer(c, stall_ms(c)); /* until the answer has left: on_drained */
        stream_read_start(c->stream);
        if (c->held.len && !c->is_feeding)
            loop_defer(c->hl->loop, &c->resume);
    } else if (c->is_unread && !c->stream->has_ended) {
        c->state = CONN_LINGER;
        start_timer(c, LINGER_MS);
        stream_read_start(c->stream);
    } else {
        conn_finish(c);
    }
}

void http_conn_cut(struct http_request *req)
{
    struct http_conn *c = req->conn;

    c->req = NULL;
    if (req->is_streaming)
        stream_reset(c->stream); /* an unframed body must not look complete */
    http_request_end(req);
    conn_close(c);
}

void http_conn_peer_name(const struct http_request *req, char out[HTTP_CLIENT_MAX])
{
    char name[STREAM_PEER_MAX];

    stream_peer_name(req->conn->stream, name);
    /* A listener for both families sees IPv4 in its mapped form. */
    bool is_mapped = strncmp(name, "::ffff:", 7) == 0 && strchr(name, '.');
    snprintf(out, HTTP_CLIENT_MAX, "%s", is_mapped ? name + 7 : name);
}
