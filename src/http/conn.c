/* conn: the life of a connection: order, time and endings. What its bytes mean is feed.c's.
 *
 * While a handler holds a request the socket is still read, because only a read tells that the
 * client has hung up; what comes is kept for later, up to a cap, then reading stops until the
 * answer is out. An idle connection holds no buffer.
 *
 * The object is freed in the stream's last callback, or, when the stream was taken away, by the
 * feeding call itself or at the end of the turn. Loop thread. */
#include "http/conn.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/account.h"
#include "base/memory.h"
#include "config/config.h"
#include "http/conn_state.h"
#include "http/parse.h"
#include "http/payers.h"
#include "net/shares.h"
#include "net/stream.h"
#include "wire/ip.h"

enum {
    LINGER_MS = 2000, /* after a refusal amid a body: let the client read it before the close */
    DEFAULT_STALL_MS = 60 * 1000,
};

void http_conn_free(struct http_conn *c)
{
    timer_stop(c->hl->loop, &c->timer);
    list_unlink(&c->resume.link);
    list_unlink(&c->link);
    c->hl->n_conns--;
    if (c->req) /* of a stream that was taken: its handler has let go of it */
        http_request_end(c->req);
    http_parser_free(c->parser);
    held_buf_deinit(&c->held);
    if (c->account)
        account_drop(c->account, c->n_kept);
    account_unref(c->account);
    http_payer_leave(c->payer);
    mem_free(c);
}

uint64_t http_conn_stall_ms(const struct http_conn *c)
{
    uint64_t ms = c->hl->site->caps.stall_timeout_ms;

    return ms ? ms : DEFAULT_STALL_MS;
}

void http_conn_start_timer(struct http_conn *c, uint64_t ms)
{
    timer_start(c->hl->loop, &c->timer, ms);
}

/* Takes the handler's request from the connection: no ticket leads to it any more. Its address is
 * remembered for the log. */
static struct http_request *part(struct http_conn *c)
{
    struct http_request *req = c->req;

    c->req = NULL;
    (void)http_request_client(req);
    http_request_unpark(req);
    req->conn = NULL;
    return req;
}

/* The client has gone before its answer. Whoever waits with a ticket hears of it when the ticket
 * is dead and before the request is freed, and is not told which request it was. */
static void bereave(struct http_conn *c)
{
    struct http_request *req = part(c);

    if (req->watch.on_gone)
        req->watch.on_gone(req->watch.owner);
    http_request_end(req);
}

void http_conn_close(struct http_conn *c)
{
    struct http_request *unfinished = http_parser_request(c->parser);

    if (c->state == CONN_TAKEN)
        return;
    c->state = CONN_CLOSING;
    timer_stop(c->hl->loop, &c->timer);
    list_unlink(&c->resume.link);
    if (unfinished && unfinished->conn) {
        (void)http_request_client(unfinished);
        unfinished->conn = NULL;
    }
    stream_close(c->stream);
    if (c->req)
        bereave(c);
}

/* Sends what is queued, then closes; a client that does not read is waited for so long and no
 * longer. */
static void conn_finish(struct http_conn *c)
{
    c->state = CONN_CLOSING;
    http_pace_start(c, false);
    if (!c->stream->has_ended)
        stream_finish(c->stream);
    else if (!c->stream->sendq.n_bytes)
        stream_close(c->stream);
}

static void on_resume(struct deferred *d)
{
    struct http_conn *c = CONTAINER_OF(d, struct http_conn, resume);

    if (c->state == CONN_TAKEN) {
        http_conn_free(c);
    } else if (c->is_cut) {
        http_conn_close(c);
    } else if (http_feed_is_open(c) && c->held.b.len) {
        struct held_buf held = c->held;
        held_buf_init(&c->held, 0, c->account);
        http_feed(c, held.b.ptr, held.b.len);
        held_buf_deinit(&held);
    }
}

static void on_read(struct stream *s, char *bytes, size_t n_bytes)
{
    struct http_conn *c = s->owner;

    if (http_feed_is_open(c) && !c->held.b.len)
        http_feed(c, bytes, n_bytes);
    else if (http_feed_is_open(c) || c->state == CONN_PENDING)
        http_feed_hold(c, bytes, n_bytes);
}

static void on_end(struct stream *s, int error)
{
    struct http_conn *c = s->owner;
    bool is_answered = c->state == CONN_IDLE || c->state == CONN_LINGER || c->state == CONN_CLOSING;

    if (!error && is_answered && s->sendq.n_bytes) {
        c->state = CONN_CLOSING; /* a client may close its side and still read */
        http_pace_start(c, false);
    } else {
        http_conn_close(c);
    }
}

static void on_drained(struct stream *s)
{
    struct http_conn *c = s->owner;

    c->pace.at_ms = 0;
    if (c->state == CONN_CLOSING) {
        http_conn_close(c);
    } else if (c->state == CONN_IDLE && c->hl->is_closing) {
        http_conn_close(c);
    } else if (c->state == CONN_IDLE) {
        http_admit_tell(c);
        account_settle(c->account);
        http_conn_start_timer(c, c->hl->site->caps.keepalive_timeout_ms);
        stream_read_start(s);
        if (c->held.b.len)
            loop_defer(c->hl->loop, &c->resume);
    } else if (c->state == CONN_PENDING) {
        struct http_request *req = c->req;
        if (req->is_streaming && req->watch.on_drained)
            req->watch.on_drained(req, req->watch.owner);
    }
}

static void on_closed(struct stream *s)
{
    http_conn_free(s->owner);
}

static bool on_evict(struct stream *s)
{
    return http_admit_evict(s->owner);
}

static const struct stream_ops ops = {.on_read = on_read,
                                      .on_end = on_end,
                                      .on_drained = on_drained,
                                      .on_evict = on_evict,
                                      .on_closed = on_closed};

static void on_due(struct timer *t)
{
    struct http_conn *c = CONTAINER_OF(t, struct http_conn, timer);
    bool is_waiting = c->stream->sendq.n_bytes > 0;

    switch (c->state) {
    case CONN_BODY:
        if (http_pace_holds(c, true))
            break;
        /* fall through */
    case CONN_HEAD:
        http_feed_refuse_slow(c);
        break;
    case CONN_LINGER:
        http_conn_close(c);
        break;
    default:
        if (is_waiting && http_pace_holds(c, false))
            break;
        if (is_waiting)
            loop_count(c->hl->loop, METRIC_HTTP_TOO_SLOW, 1);
        if (is_waiting && c->req)
            c->req->refused_by = config_names.min_body_rate;
        if (is_waiting || c->state != CONN_PENDING)
            http_conn_close(c);
    }
}

void http_loop_init(struct http_loop *hl, struct loop *loop, const struct http_site *site)
{
    *hl = (struct http_loop){.loop = loop, .site = site};
    list_init(&hl->conns);
    slots_init(&hl->parked, loop->index);
    slots_pay(&hl->parked, site->account);
}

void http_loop_deinit(struct http_loop *hl)
{
    ASSERT(list_is_empty(&hl->conns));
    slots_deinit(&hl->parked);
}

void http_loop_close_idle(struct http_loop *hl)
{
    LOOP_ASSERT(hl->loop);
    hl->is_closing = true;
    LIST_FOREACH(it, &hl->conns)
    {
        struct http_conn *c = LIST_ENTRY(it, struct http_conn, link);
        if (c->state == CONN_IDLE && !c->held.b.len && !c->stream->sendq.n_bytes)
            http_conn_close(c);
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
            http_conn_close(c);
    }
}

/* Whoever connects pays, unless it is a proxy: then whoever it speaks for does, once a head says who. The reserve is the
 * server's: its few seats answer about health when nobody else has room. */
static struct account *find_payer(struct http_conn *c)
{
    const struct http_site *site = c->hl->site;
    const struct in6_addr *address = &c->peer;

    if (!site->payers)
        return site->account ? site->account : account_shared(c->hl->loop->own);
    if (seat_is_spare(c->stream->seat))
        return account_shared(c->hl->loop->own);
    if (ip_is_known(address) && !http_site_trusts(site, address))
        c->payer = http_payer_take(site->payers, address);
    return http_payer_account(site->payers, c->payer);
}

/* Its account has no room for one more. */
static void conn_refuse(struct http_conn *c)
{
    static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n"
                               "connection: close\r\ncontent-length: 0\r\n\r\n";

    loop_count(c->hl->loop, METRIC_CHARGES_REFUSED, 1);
    if (stream_send_bytes(c->stream, slice_make(busy, sizeof(busy) - 1), c->hl->loop->own))
        conn_finish(c);
    else
        http_conn_close(c);
}

static void conn_begin(struct http_conn *c)
{
    struct http_loop *hl = c->hl;

    c->peer = stream_peer(c->stream);
    c->account = account_new_leaf(find_payer(c), ACCOUNT_CONNECTION, 0);
    held_buf_init(&c->held, 0, c->account);
    c->parser = http_parser_new(
        (struct http_parse_caps){hl->site->caps.head_bytes, hl->site->caps.n_headers}, c->account);
    size_t n_kept = mem_taken(c) + mem_taken(c->stream) + mem_taken(c->parser) + sizeof(struct http_request);
    if (account_keep(c->account, n_kept)) {
        conn_refuse(c);
        return;
    }
    c->n_kept = n_kept;
    http_conn_start_timer(c, hl->site->caps.head_timeout_ms);
    stream_read_start(c->stream);
}

void http_conn_open(struct http_loop *hl, int fd, struct seat *seat)
{
    LOOP_ASSERT(hl->loop);
    if (hl->is_closing) {
        close(fd);
        seat_free(seat);
        return;
    }
    struct http_conn *c = MEM_NEW(struct http_conn);
    int error;

    c->hl = hl;
    timer_init(&c->timer, on_due);
    list_init(&c->resume.link);
    c->resume.run = on_resume;
    list_init(&c->link);
    list_link(&hl->conns, &c->link);
    hl->n_conns++;
    c->stream = stream_open(hl->loop, fd, &ops, c, &error);
    if (c->stream) {
        stream_take_seat(c->stream, seat);
        c->stream->is_known = hl->site->is_reserved;
        conn_begin(c);
    } else {
        http_conn_free(c);
        seat_free(seat);
    }
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

    ASSERT(c && c->state == CONN_PENDING && req->is_upgrade);
    struct stream *s = c->stream;
    *ret_leftover = c->is_feeding ? c->rest : buf_slice(&c->held.b);
    req->status = 101;
    c->req = part(c);
    seat_set(s->seat, SEAT_BUSY);
    c->state = CONN_TAKEN; /* http_conn_free ends the request */
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
    (void)stream_send(c->stream, m);        /* its charge is its own */
    if (!c->pace.at_ms)
        http_pace_start(c, false);
}

size_t http_conn_waiting(const struct http_request *req)
{
    return req->conn->is_cut ? 0 : req->conn->stream->sendq.n_bytes;
}

bool http_conn_is_cut(const struct http_request *req)
{
    return req->conn->is_cut;
}

void http_conn_answered(struct http_request *req)
{
    struct http_conn *c = req->conn;
    bool wants_close = req->wants_close || c->hl->is_closing;

    http_request_end(part(c));
    if (c->is_cut) {
        http_conn_close(c);
    } else if (!wants_close) {
        c->state = CONN_IDLE;
        http_pace_start(c, false); /* until the answer has left: on_drained */
        stream_read_start(c->stream);
        if (c->held.b.len && !c->is_feeding)
            loop_defer(c->hl->loop, &c->resume);
    } else if (c->is_unread && !c->stream->has_ended) {
        c->state = CONN_LINGER;
        http_conn_start_timer(c, LINGER_MS);
        http_admit_tell(c);
        stream_read_start(c->stream);
    } else {
        conn_finish(c);
    }
}

void http_conn_cut(struct http_request *req)
{
    struct http_conn *c = req->conn;

    if (req->is_streaming)
        stream_reset(c->stream); /* an unframed body must not look complete */
    http_request_end(part(c));
    http_conn_close(c);
}

struct http_loop *http_conn_loop(const struct http_request *req)
{
    return req->conn->hl;
}

void http_conn_served(const struct http_conn *c)
{
    ASSERT(c->state != CONN_PENDING || (c->req && c->req->parked.generation));
}

void http_conn_set_patience(const struct http_request *req, uint64_t ms)
{
    stream_set_patience(req->conn->stream, ms);
}

const struct in6_addr *http_conn_peer(const struct http_request *req)
{
    return &req->conn->peer;
}
