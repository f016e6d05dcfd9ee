/* feed: from bytes to handlers. The parser says what it found, dispatch says what becomes of it,
 * and what cannot be served is refused here.
 *
 * A handler may answer, drop or take from inside its call, or much later; so after every call into
 * dispatch or a reader of a body the state is looked at again and nothing else is assumed. A taken
 * connection is freed by the feeding call, which is the last to look at it.
 *
 * While a body comes its request is the parser's and its reader's at once; whoever ends it first
 * takes it from the parser. Loop thread. */
#include "http/feed.h"

#include "base/account.h"
#include "config/config.h"
#include "http/body.h"
#include "http/conn_state.h"
#include "http/parse.h"
#include "http/payers.h"
#include "http/response.h"
#include "net/stream.h"

enum {
    HELD_MAX = 64 * 1024,     /* bytes kept of requests that wait for their turn */
    ANSWERS_MAX = 256 * 1024, /* unsent bytes of answers above which the next request waits */
    DISCARD_MAX =
        64 * 1024, /* of a refused body: read up to here, so that the connection goes on */
};

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
    c->pace.at_ms = 0;
}

/* The body of a request that somebody reads is over: all of it has come, or no more will. */
static void end_body(struct http_conn *c, enum http_body_fault fault)
{
    struct http_request *req = http_parser_take(c->parser);

    if (fault)
        req->wants_close = true;
    else if (req->sending == HTTP_SEND_NOTHING) /* else its head has said so already */
        req->wants_close = !c->keeps_alive || c->hl->is_closing;
    become_pending(c, req);
    if (c->stream->sendq.n_bytes)
        http_pace_start(c, false);
    http_body_end(req, fault);
    ASSERT(c->state != CONN_PENDING || (c->req && c->req->parked.generation));
}

static enum http_body_fault fault_of(int outcome)
{
    switch (outcome) {
    case HTTP_PARSE_BODY_TOO_LARGE:
        return HTTP_BODY_TOO_LARGE;
    case HTTP_PARSE_NO_MEMORY:
        return HTTP_BODY_NO_ROOM;
    default:
        return HTTP_BODY_MALFORMED;
    }
}

/* Another time its head may be that long: now others of its kind have filled what would pay for
 * it. */
static void refuse_at_door(struct http_conn *c, struct http_request *req)
{
    const struct account *payer = http_payer_account(req->site->payers, c->payer);
    const struct account *full = account_in_the_way(payer, req->site->caps.head_bytes);
    struct account_refusal why = account_refusal_by(full                             ? full
                                                    : payer->kind == ACCOUNT_ADDRESS ? payer->parent
                                                                                     : payer);

    http_respond_no_room(req, &why, "There is no room for the request");
}

/* An answer of our own to what is no request, or not a whole one. The connection ends with it. */
static void feed_refuse(struct http_conn *c, int outcome)
{
    loop_count(c->hl->loop, METRIC_HTTP_BAD_REQUESTS, 1);
    c->is_unread = outcome != HTTP_PARSE_MALFORMED;
    if (c->req) {
        end_body(c, fault_of(outcome));
        return;
    }
    struct http_request *req = http_parser_take(c->parser);
    if (!req)
        req = http_request_new(c->account);
    req->wants_close = true;
    become_pending(c, req);
    if (outcome == HTTP_PARSE_HEAD_TOO_LARGE && c->is_at_door &&
        req->n_headers < req->site->caps.n_headers) {
        refuse_at_door(c, req);
        return;
    }
    if (outcome == HTTP_PARSE_HEAD_TOO_LARGE) {
        req->refused_by = req->n_headers >= req->site->caps.n_headers ? config_names.max_headers
                                                                      : config_names.max_head_bytes;
        http_respond_text(req, 431, "Request header fields too large.");
        return;
    }
    req->body_fault = fault_of(outcome);
    http_body_refuse(req);
}

void http_feed_refuse_slow(struct http_conn *c)
{
    bool is_head = c->state == CONN_HEAD;

    loop_count(c->hl->loop, METRIC_HTTP_BAD_REQUESTS, 1);
    loop_count(c->hl->loop, METRIC_HTTP_TOO_SLOW, 1);
    if (c->req) {
        end_body(c, HTTP_BODY_TOO_SLOW);
        return;
    }
    struct http_request *req = http_parser_take(c->parser);
    if (!req) {
        http_conn_close(c);
        return;
    }
    req->wants_close = true;
    become_pending(c, req);
    if (is_head) {
        req->refused_by = config_names.head_timeout_ms;
        http_respond_text(req, 408,
                          "Request Timeout: the head of the request did not come in time.");
        return;
    }
    req->body_fault = HTTP_BODY_TOO_SLOW;
    http_body_refuse(req);
}

void http_feed_refuse_evicted(struct http_conn *c)
{
    struct http_request *req;

    if (c->req && c->req->parked.generation) { /* somebody reads its body, and hears of it */
        http_conn_close(c);
        return;
    }
    req = http_parser_take(c->parser);
    if (!req)
        req = http_request_new(c->account);
    req->wants_close = true;
    become_pending(c, req);
    http_dispatch_run(req, (struct http_verdict){HTTP_ANSWER_FULL, HTTP_RETRY_FULL_S});
}

static bool expects_continue(const struct http_request *req)
{
    struct slice value;

    return !req->is_http10 && http_request_header(req, "expect", &value) &&
           slice_is_nocase(value, "100-continue");
}

/* A body comes: whoever is to read it has its request from here on. An answer before its end closes
 * the connection. False: that has happened already. */
static bool begin_body(struct http_conn *c, struct http_request *req)
{
    c->req = req;
    c->keeps_alive = !req->wants_close;
    req->wants_close = true;
    http_pace_start(c, true);
    http_dispatch_run(req, c->verdict);
    if (c->state != CONN_BODY)
        return false;
    ASSERT(!req->is_pulled || req->parked.generation);
    if (!req->status && expects_continue(req) &&
        !stream_send_bytes(c->stream, SLICE_LIT("HTTP/1.1 100 Continue\r\n\r\n"), c->account)) {
        http_conn_close(c);
        return false;
    }
    return true;
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
    req->started_ms = loop_now_ms(c->hl->loop);
    c->verdict = http_dispatch_judge(req, body_bytes);
    http_request_pay(req);
    req->wants_close = req->wants_close || c->is_at_door;
    bool is_served = c->verdict.kind == HTTP_SERVE;
    if (c->verdict.kind == HTTP_ANSWER_TOO_LARGE)
        loop_count(c->hl->loop, METRIC_HTTP_BAD_REQUESTS, 1);
    if (req->is_upgrade && !(is_served && (req->route->flags & HTTP_ROUTE_UPGRADE)))
        http_parser_ignore_upgrade(c->parser);
    if (req->is_upgrade)
        req->wants_close =
            true; /* if it is answered and not taken, what follows would be no HTTP */
    if (!is_served && body_bytes &&
        (expects_continue(req) || c->verdict.kind == HTTP_ANSWER_FULL ||
         (body_bytes > DISCARD_MAX && body_bytes != HTTP_BODY_UNKNOWN))) {
        c->is_unread = true;
        req->wants_close = true;
        become_pending(c, http_parser_take(c->parser));
        http_dispatch_run(req, c->verdict);
        return false;
    }
    req->is_length_told = body_bytes != HTTP_BODY_UNKNOWN;
    if (is_served && req->is_length_told)
        req->body_bytes.b.cap_bytes = req->n_body_bytes = (size_t)body_bytes;
    http_parser_expect_body(c->parser, is_served ? http_body_cap(req) : DISCARD_MAX, is_served);
    if (is_served && body_bytes)
        return begin_body(c, req);
    http_pace_start(c, true);
    return true;
}

static void request_done(struct http_conn *c)
{
    if (c->req) {
        end_body(c, HTTP_BODY_SOUND);
        return;
    }
    struct http_request *req = http_parser_take(c->parser);
    if (c->hl->is_closing)
        req->wants_close = true;
    req->body_state = HTTP_BODY_WHOLE;
    become_pending(c, req);
    http_dispatch_run(req, c->verdict);
}

/* The body of a refused request is longer than we care to read: the refusal goes out before its
 * end. */
static void body_failed(struct http_conn *c, int outcome)
{
    struct http_request *req = http_parser_request(c->parser);

    if (outcome == HTTP_PARSE_MALFORMED || c->state != CONN_BODY || c->verdict.kind == HTTP_SERVE) {
        feed_refuse(c, outcome);
        return;
    }
    c->is_unread = true;
    req->wants_close = true;
    request_done(c);
}

void http_feed_hold(struct http_conn *c, const char *bytes, size_t n_bytes)
{
    buf_add(&c->held.b, bytes, n_bytes);
    if (c->held.b.is_failed)
        http_conn_close(c);
    else if (c->held.b.len >= HELD_MAX)
        stream_read_stop(c->stream);
}

bool http_feed_is_open(const struct http_conn *c)
{
    return c->state == CONN_IDLE || c->state == CONN_HEAD || c->state == CONN_BODY;
}

/* Whoever reads the body has enough for now. */
static bool feed_is_full(const struct http_conn *c)
{
    return c->state == CONN_BODY && c->req && http_body_is_full(c->req);
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
        http_conn_start_timer(c, c->hl->site->caps.head_timeout_ms);
    }
}

void http_feed(struct http_conn *c, char *bytes, size_t n_bytes)
{
    size_t used = 0;
    bool go_on = n_bytes > 0;

    c->is_feeding = true;
    while (http_feed_is_open(c) && go_on && !is_choked(c) && !feed_is_full(c)) {
        size_t n = 0;
        set_phase(c);
        int outcome = http_parser_feed(c->parser, bytes + used, n_bytes - used, &n);
        switch (outcome) {
        case HTTP_PARSE_MORE:
            used = n_bytes;
            if (c->state == CONN_BODY && c->req)
                http_body_come(c->req);
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
        go_on = used < n_bytes && !loop_is_late(c->hl->loop);
    }
    c->is_feeding = false;
    if ((c->state == CONN_PENDING || http_feed_is_open(c)) && used < n_bytes)
        http_feed_hold(c, bytes + used, n_bytes - used);
    if (feed_is_full(c))
        stream_read_stop(c->stream);
    else if (http_feed_is_open(c) && c->held.b.len && !is_choked(c))
        loop_again(c->hl->loop, &c->resume); /* the turn's time is over */
    else if ((http_feed_is_open(c) && !c->held.b.len) ||
             (c->state == CONN_PENDING && c->held.b.len < HELD_MAX))
        stream_read_start(c->stream); /* it was stopped if much was held */
    if (c->state == CONN_TAKEN)
        http_conn_free(c);
    else
        http_admit_tell(c);
}

void http_feed_resume(struct http_conn *c)
{
    if (!http_feed_is_open(c) || feed_is_full(c))
        return;
    if (!c->held.b.len) {
        stream_read_start(c->stream);
        return;
    }
    struct held_buf held = c->held;
    held_buf_init(&c->held, 0, c->account);
    http_feed(c, held.b.ptr, held.b.len);
    held_buf_deinit(&held);
}
