/* http_conn: the life of a connection: order and endings. What its bytes mean is feed.c's.
 *
 * While a handler holds a request the socket is still read, because only a read tells that the
 * client has hung up; what comes is kept for later, up to a cap, then reading stops until the
 * answer is out. An idle connection holds no buffer.
 *
 * The object is freed in the stream's last callback, or, when the stream was taken away, by the
 * feeding call itself or at the end of the turn. Loop thread. */
#include "http/http_conn.h"

#include "base/account.h"
#include "base/memory.h"
#include "http/conn_state.h"
#include "http/parse.h"
#include "http/payers.h"
#include "net/shares.h"
#include "net/stream.h"

/* after a refusal amid a body: let the client read it before the close */
enum { LINGER_MS = 2000 };

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

/* Takes the handler's request from the connection: no ticket leads to it any more. Its address is
 * remembered for the log. */
static struct http_request *http_conn_part(struct http_conn *c)
{
    struct http_request *req = c->req;

    c->req = NULL;
    (void)http_request_client(req);
    http_request_unpark(req);
    req->conn = NULL;
    if (req->sending == HTTP_SEND_GOING_ON)
        req->sending = HTTP_SEND_BROKEN;
    return req;
}

/* The client has gone before its answer. Whoever waits with a ticket hears of it when the ticket
 * is dead and before the request is freed, and is not told which request it was. */
static void http_conn_bereave(struct http_conn *c)
{
    struct http_request *req = http_conn_part(c);

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
    if (unfinished && unfinished == c->req) {
        (void)http_parser_take(c->parser);
    } else if (unfinished && unfinished->conn) {
        (void)http_request_client(unfinished);
        unfinished->conn = NULL;
    }
    stream_close(c->stream);
    if (c->req)
        http_conn_bereave(c);
}

void http_conn_finish(struct http_conn *c)
{
    c->state = CONN_CLOSING;
    http_pace_start(c, false);
    if (!c->stream->has_ended)
        stream_finish(c->stream);
    else if (!c->stream->sendq.n_bytes)
        stream_close(c->stream);
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
    LIST_FOREACH (it, &hl->conns) {
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
    LIST_FOREACH (it, &hl->conns) {
        struct http_conn *c = LIST_ENTRY(it, struct http_conn, link);
        if (c->state != CONN_TAKEN)
            http_conn_close(c);
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
    c->req = http_conn_part(c);
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
    (void)stream_send(c->stream, m); /* its charge is its own */
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
    bool wants_close = req->wants_close || c->hl->is_closing || c->state == CONN_BODY;

    if (c->state == CONN_BODY) { /* answered before its end */
        (void)http_parser_take(c->parser);
        c->is_unread = true;
    }
    http_request_end(http_conn_part(c));
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
        /* what the body held is for others while this one reads its refusal */
        account_settle(c->account);
        http_conn_start_timer(c, LINGER_MS);
        http_admit_tell(c);
        stream_read_start(c->stream);
    } else {
        http_conn_finish(c);
    }
}

void http_conn_cut(struct http_request *req)
{
    struct http_conn *c = req->conn;

    if (req->sending == HTTP_SEND_GOING_ON)
        stream_reset(c->stream); /* an unframed body must not look complete */
    if (c->state == CONN_BODY)
        (void)http_parser_take(c->parser);
    http_request_end(http_conn_part(c));
    http_conn_close(c);
}

void http_conn_resume(const struct http_request *req)
{
    struct http_conn *c = req->conn;

    if (!c->is_feeding)
        loop_defer(c->hl->loop, &c->resume);
}

void http_conn_set_timeout(const struct http_request *req, uint64_t ms)
{
    stream_set_timeout(req->conn->stream, ms);
}
