/* serve: what a connection's socket, timer and seat say, and where that goes. Above all other files
 * of a connection: what they have to tell a stream or a seat goes down, what comes up comes here.
 * Loop thread. */
#include "http/serve.h"

#include <unistd.h>

#include "base/account.h"
#include "base/log_event.h"
#include "base/memory.h"
#include "config/config.h"
#include "http/conn_state.h"
#include "http/feed.h"
#include "http/parse.h"
#include "http/payers.h"
#include "net/shares.h"
#include "net/stream.h"
#include "wire/ip.h"

static void on_resume(struct deferred *d)
{
    struct http_conn *c = CONTAINER_OF(d, struct http_conn, resume);

    if (c->state == CONN_TAKEN) {
        http_conn_free(c);
    } else if (c->is_cut) {
        http_conn_close(c);
    } else {
        http_feed_resume(c);
    }
}

static void serve_on_read(struct stream *s, char *bytes, size_t n_bytes)
{
    struct http_conn *c = s->owner;

    if (http_feed_is_open(c) && !c->held.b.len)
        http_feed(c, bytes, n_bytes);
    else if (http_feed_is_open(c) || c->state == CONN_PENDING)
        http_feed_hold(c, bytes, n_bytes);
}

static void serve_on_end(struct stream *s, int error)
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

static void serve_on_drained(struct stream *s)
{
    struct http_conn *c = s->owner;

    if (c->state != CONN_BODY)
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
    } else if (c->req) {
        struct http_request *req = c->req;
        if (req->sending == HTTP_SEND_GOING_ON && req->watch.on_drained)
            req->watch.on_drained(req, req->watch.owner);
    }
}

static void on_closed(struct stream *s)
{
    http_conn_free(s->owner);
}

/* Another wants its place. True: it is being closed, after an answer when a head was under way. */
static bool serve_on_evict(struct stream *s)
{
    struct http_conn *c = s->owner;
    bool is_spare = seat_is_spare(s->seat);

    if (http_admit_use(c) == SEAT_BUSY || (c->held.b.len && !is_spare))
        return false;
    c->is_evicted = true;
    /* Who has kept a connection for later expects its end; who is about to ask does not. */
    bool expects_answer = http_admit_use(c) == SEAT_HEAD || seat_is_fresh(s->seat);
    if (expects_answer && !s->sendq.n_bytes) /* one who reads nothing is not waited for */
        http_feed_refuse_evicted(c);
    else
        http_conn_close(c);
    return true;
}

static const struct stream_ops ops = {.on_read = serve_on_read,
                                      .on_end = serve_on_end,
                                      .on_drained = serve_on_drained,
                                      .on_evict = serve_on_evict,
                                      .on_closed = on_closed};

/* An answer that leaves while the body still comes, and that nobody takes. */
static bool is_stuck(const struct http_conn *c)
{
    return c->req && c->req->sending == HTTP_SEND_GOING_ON &&
           stream_stalled_ms(c->stream) > http_conn_stall_ms(c);
}

static void serve_on_due(struct timer *t)
{
    struct http_conn *c = CONTAINER_OF(t, struct http_conn, timer);
    bool is_waiting = c->stream->sendq.n_bytes > 0;

    switch (c->state) {
    case CONN_BODY:
        if (!is_stuck(c) && http_pace_holds(c, true))
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

/* Whoever connects pays, or the door while others have filled what there is for strangers, unless
 * it is a proxy: then whoever it speaks for does, once a head says who. The reserve is the
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
        c->payer = http_payer_take(site->payers, address, HTTP_PAYER_STRANGERS);
    struct account *a = http_payer_account_for_little(site->payers, c->payer);
    c->is_at_door = a == http_payers_door(site->payers);
    return a;
}

/* Its account has no room for one more. */
static void conn_refuse(struct http_conn *c)
{
    struct account_refusal why = account_refusal(c->account);
    char room[ACCOUNT_REFUSAL_MAX], address[IP_TEXT_MAX] = "";
    const char *text = account_refusal_text(&why, "There is no room for the connection", room);
    SCRATCH_BUF(answer, 512);

    if (ip_is_known(&c->peer))
        ip_print(&c->peer, address);
    LOG_EVENT(EVENT_HTTP_CONNECTION_REFUSED, log_text("address", address),
              log_text("rule", account_refusal_rule(&why)));
    loop_count(c->hl->loop, METRIC_CHARGES_REFUSED, 1);
    seat_make_room(c->stream->seat);
    buf_add_fmt(&answer,
                "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n"
                "content-type: text/plain; charset=utf-8\r\ncontent-length: %zu\r\n\r\n%s",
                strlen(text), text);
    if (stream_send_bytes(c->stream, buf_slice(&answer), c->hl->loop->own))
        http_conn_finish(c);
    else
        http_conn_close(c);
}

static void conn_begin(struct http_conn *c)
{
    enum { DOOR_HEAD_MAX = 16 * 1024 };
    struct http_loop *hl = c->hl;
    size_t head_bytes = hl->site->caps.head_bytes;

    c->peer = stream_peer(c->stream);
    c->account = account_new_leaf(find_payer(c), ACCOUNT_CONNECTION, 0);
    held_buf_init(&c->held, 0, c->account);
    if (c->is_at_door) { /* whoever is of no use gives way, as when places are short */
        seat_make_room(c->stream->seat);
        head_bytes = head_bytes < DOOR_HEAD_MAX ? head_bytes : DOOR_HEAD_MAX;
    }
    c->parser =
        http_parser_new((struct http_parse_caps){head_bytes, hl->site->caps.n_headers}, c->account);
    size_t n_kept =
        mem_taken(c) + mem_taken(c->stream) + mem_taken(c->parser) + sizeof(struct http_request);
    if (account_keep(c->account, n_kept)) {
        conn_refuse(c);
        return;
    }
    c->n_kept = n_kept;
    http_conn_start_timer(c, hl->site->caps.head_timeout_ms);
    stream_read_start(c->stream);
}

void http_serve(struct http_loop *hl, int fd, struct seat *seat)
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
    timer_init(&c->timer, serve_on_due);
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
