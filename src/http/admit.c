/* admit: a seat hears of a connection once a request when it begins and once when it is over; what
 * happens inside one call of the feed is not told.
 *
 * A rate is looked at once a window: whoever stands still for half of one and then hurries is not
 * cut, who sips for all of it is. */
#include "http/admit.h"

#include "http/conn_state.h"
#include "loop/loop.h"
#include "net/shares.h"
#include "net/stream.h"

enum seat_use http_admit_use(const struct http_conn *c)
{
    bool is_held = c->state == CONN_PENDING || c->state == CONN_TAKEN;

    /* A seat of the reserve is for a question and its answer; who keeps either waiting gives
     * way. */
    if (seat_is_spare(c->stream->seat) && !is_held)
        return c->state == CONN_HEAD || c->state == CONN_BODY ? SEAT_HEAD : SEAT_IDLE;
    switch (c->state) {
    case CONN_IDLE:
        /* the answer is still leaving */
        return c->stream->sendq.n_bytes ? SEAT_BUSY : SEAT_IDLE;
    case CONN_HEAD:
        return SEAT_HEAD;
    case CONN_LINGER:
        return SEAT_IDLE;
    default:
        return SEAT_BUSY;
    }
}

void http_admit_tell(const struct http_conn *c)
{
    if (c->stream && !c->is_evicted)
        seat_set(c->stream->seat, http_admit_use(c));
}

int http_admit_ask(struct http_request *req)
{
    struct seat *seat = req->conn->stream->seat;
    struct in6_addr client;

    if (!seat)
        return HTTP_ADMIT_OK;
    int r = seat_ask(seat, http_request_named_client(req, &client) ? &client : NULL);
    if (r != SHARES_OK)
        req->wants_close = req->wants_close || seat_is_spare(seat);
    return r == SHARES_OK ? HTTP_ADMIT_OK : r == SHARES_OVER ? HTTP_ADMIT_OVER : HTTP_ADMIT_FULL;
}

static uint64_t window_ms(const struct http_conn *c)
{
    const struct http_caps *caps = &c->hl->site->caps;

    return caps->min_rate ? caps->rate_window_ms : http_conn_stall_ms(c);
}

static uint64_t n_moved(const struct http_conn *c, bool is_in)
{
    return is_in ? c->stream->n_bytes_in : stream_bytes_taken(c->stream);
}

void http_pace_start(struct http_conn *c, bool is_in)
{
    c->pace = (struct http_pace){loop_now_ms(c->hl->loop), n_moved(c, is_in)};
    http_conn_start_timer(c, window_ms(c));
}

bool http_pace_holds(struct http_conn *c, bool is_in)
{
    const struct http_caps *caps = &c->hl->site->caps;
    uint64_t n = n_moved(c, is_in) - c->pace.at_bytes, window = window_ms(c);
    uint64_t waited = loop_now_ms(c->hl->loop) - c->pace.at_ms;

    if (waited < window) {
        http_conn_start_timer(c, window - waited);
        return true;
    }
    /* it is we who do not read */
    bool is_ours = is_in && (c->held.b.len || !c->stream->is_reading);
    if (!is_ours && n < (caps->min_rate ? caps->min_rate * window / 1000 : 1))
        return false;
    http_pace_start(c, is_in);
    return true;
}
