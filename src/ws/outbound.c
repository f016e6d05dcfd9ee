/* outbound: a close begins with letting the owner go, so that nothing it might do in between can
 * reach a connection that is ending. */
#include "ws/outbound.h"
#include "ws/slow.h"

#include <string.h>

#include "config/config.h"
#include "hyphad/protocol.h"
#include "ws/ws_inbound.h"
#include "ws/liveness.h"

/* False: the account has no room for it. */
static bool send_frame(struct ws_conn *ws, enum ws_opcode opcode, struct slice payload,
                       struct account *payer)
{
    uint8_t head[WS_SERVER_HEAD_MAX];
    size_t n = ws_head_write(head, opcode, payload.len);
    struct msg *m = msg_try_new(payload.len, payer);

    if (!m)
        return false;
    if (payload.len)
        memcpy(msg_head(m), payload.ptr, payload.len);
    memcpy(msg_head(m) - n, head, n);
    m->frame_len = (uint8_t)n;
    return stream_send(ws->stream, m);
}

void ws_tell_end(struct ws_conn *ws, enum ws_end why)
{
    const struct ws_ops *ops = ws->ops;

    ws->ops = NULL;
    if (ops)
        ops->on_end(ws, why);
}

static bool is_over_cap(const struct ws_conn *ws)
{
    const struct config *config = loop_config(ws->stream->loop);

    return ws->stream->sendq.n_bytes > config->sendq_bytes + config->max_message_bytes ||
           ws->stream->sendq.msgs.n_items > config->sendq_frames;
}

/* A receiver that reads is not to blame for how much others send at once. */
static bool outbound_is_stuck(const struct ws_conn *ws)
{
    return is_over_cap(ws) && ws_has_stalled(ws);
}

/* It does not take what it is sent: more than its queue holds, and it has stalled, or more than its
 * account does. Its owner is told when the turn ends: a sender may go on with what it has. */
static void fail_slow(struct ws_conn *ws)
{
    if (stream_fail(ws->stream))
        loop_count(ws->stream->loop, METRIC_WS_SLOW_CONSUMERS, 1);
}

void ws_send(struct ws_conn *ws, struct msg *m)
{
    if (ws->state != WS_OPEN) {
        msg_unref(m);
        return;
    }
    loop_count(ws->stream->loop, METRIC_BYTES_OUT, (int64_t)msg_len(m));
    if (!stream_send(ws->stream, m) || outbound_is_stuck(ws))
        fail_slow(ws);
}

void ws_send_text(struct ws_conn *ws, struct slice text)
{
    if (ws->state == WS_OPEN &&
        (!send_frame(ws, WS_TEXT, text, ws->account) || outbound_is_stuck(ws)))
        fail_slow(ws);
}

void ws_ping(struct ws_conn *ws)
{
    /* One at a time is unanswered. Who does not answer is found by the timer. */
    if (ws->state == WS_OPEN)
        (void)send_frame(ws, WS_PING, SLICE_LIT(""), ws->stream->loop->own);
}

void ws_send_pong(struct ws_conn *ws, struct slice payload)
{
    /* A peer that pings without reading must not grow the queue: its earlier pongs already wait. */
    if (ws->state == WS_OPEN && !is_over_cap(ws))
        (void)send_frame(ws, WS_PONG, payload, ws->account);
}

static void send_close(struct ws_conn *ws, unsigned code, struct slice reason)
{
    char payload[2 + HYPHA_CLOSE_REASON_MAX];
    struct slice cut = slice_utf8_prefix(reason, HYPHA_CLOSE_REASON_MAX);

    payload[0] = (char)(code >> 8);
    payload[1] = (char)(code & 0xff);
    if (cut.len)
        memcpy(payload + 2, cut.ptr, cut.len);
    /* One of a connection, and the account may be full: that may be why. */
    (void)send_frame(ws, WS_CLOSE, slice_make(payload, 2 + cut.len), ws->stream->loop->own);
}

void ws_close(struct ws_conn *ws, unsigned code, struct slice reason)
{
    ws->ops = NULL;
    if (ws->state != WS_OPEN)
        return;
    send_close(ws, code, reason);
    ws->state = WS_CLOSING;
    ws_partial_give_up(ws->partial);
    /* The peer's close frame must be read even when its messages were being held back. */
    ws_read_on(ws);
    ws_liveness_await_close(ws);
}

void ws_fail(struct ws_conn *ws, unsigned code, const char *reason, enum ws_end why)
{
    ws_tell_end(ws, why);
    ws_close(ws, code, slice_of(reason));
    if (ws->state == WS_CLOSING)
        ws->state = WS_DEAF;
}

void ws_fail_for_room(struct ws_conn *ws)
{
    struct account_refusal why = account_refusal(ws->account);
    char room[ACCOUNT_REFUSAL_MAX];

    ws->refused_by = why.option;
    loop_count(ws->stream->loop, METRIC_CHARGES_REFUSED, 1);
    ws_fail(ws, HYPHA_CLOSE_TRY_AGAIN, account_refusal_text(&why, "Too many bytes under way", room),
            WS_END_NO_MEMORY);
}

void ws_peer_closed(struct ws_conn *ws, struct slice payload)
{
    if (ws->state == WS_OPEN) {
        unsigned code = payload.len >= 2
                            ? (unsigned)((uint8_t)payload.ptr[0] << 8 | (uint8_t)payload.ptr[1])
                            : HYPHA_CLOSE_NORMAL;
        bool is_valid = payload.len == 0 || (payload.len >= 2 && ws_close_code_is_valid(code) &&
                                             slice_is_utf8(slice_from(payload, 2)));
        send_close(ws, is_valid ? code : HYPHA_CLOSE_PROTOCOL, SLICE_LIT(""));
        ws_tell_end(ws, is_valid ? WS_END_CLOSED : WS_END_PROTOCOL);
    }
    ws->ops = NULL;
    ws->state = WS_GONE;
    timer_stop(ws->stream->loop, &ws->timer);
    stream_finish(ws->stream);
    /* The peer may never read the rest: the timer ends it. */
    ws_liveness_await_close(ws);
}
