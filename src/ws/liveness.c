/* liveness: one timer a connection, due every few seconds at the earliest; between two of them
 * nothing is touched, so an idle connection costs next to nothing. */
#include "ws/liveness.h"

#include "config/config.h"
#include "hyphad/protocol.h"
#include "ws/ws_inbound.h"
#include "ws/outbound.h"
#include "ws/slow.h"

enum { CLOSE_PATIENCE_MS = 2000, STALL_MS = 60 * 1000 };
/* How often one whose socket is full is looked at while it has time. */
enum { LOOKS = 8 };

static uint64_t liveness_sooner(uint64_t a, uint64_t b) /* where 0 means never */
{
    if (!a || !b)
        return a ? a : b;
    return a < b ? a : b;
}

uint64_t ws_rate_window_ms(const struct config *config)
{
    return config->min_body_rate ? config->rate_window_ms : STALL_MS;
}

static void liveness_schedule(struct ws_conn *ws)
{
    const struct config *config = loop_config(ws->stream->loop);
    uint64_t after = liveness_sooner(
        liveness_sooner(config->ws_ping_interval_ms, config->slow_consumer_timeout_ms),
        ws_rate_window_ms(config));

    if (ws->is_full)
        after = liveness_sooner(after, config->slow_consumer_timeout_ms / LOOKS);
    if (ws->is_pinged)
        after = liveness_sooner(after, config->ws_ping_timeout_ms);
    if (after)
        timer_start(ws->stream->loop, &ws->timer, after);
}

static void liveness_measure(struct ws_conn *ws)
{
    struct loop *loop = ws->stream->loop;
    const struct config *config = loop_config(loop);
    uint32_t now = (uint32_t)loop_now_ms(loop);

    ws->is_full = ws->is_full && ws->stream->sendq.n_bytes;
    if (ws_is_slow(ws)) {
        loop_count(loop, METRIC_WS_SLOW_CONSUMERS, 1);
        ws_tell_end(ws, WS_END_SLOW);
        /* A close frame would only queue behind what is not being read. */
        ws_drop(ws);
        return;
    }
    if (ws_partial_is_slow(ws)) {
        loop_count(loop, METRIC_WS_TOO_SLOW, 1);
        ws_fail(ws, HYPHA_CLOSE_POLICY, "The message came too slowly (--min-body-rate)",
                WS_END_TOO_SLOW);
        return;
    }
    /* Any frame answers a ping: a busy peer may be late with the pong itself. While reading is
     * paused nothing can arrive. */
    if ((int32_t)(ws->last_in_ms - ws->ping_sent_ms) >= 0 || !ws->stream->is_reading)
        ws->is_pinged = false;
    if (ws->is_pinged && config->ws_ping_timeout_ms &&
        now - ws->ping_sent_ms >= config->ws_ping_timeout_ms) {
        loop_count(loop, METRIC_WS_HALF_OPEN, 1);
        ws_tell_end(ws, WS_END_HALF_OPEN);
        ws_drop(ws);
        return;
    }
    if (!ws->is_pinged && config->ws_ping_interval_ms &&
        now - ws->last_in_ms >= config->ws_ping_interval_ms) {
        ws_ping(ws);
        ws->ping_sent_ms = now;
        ws->is_pinged = true;
    }
    liveness_schedule(ws);
}

static void liveness_on_due(struct timer *t)
{
    struct ws_conn *ws = CONTAINER_OF(t, struct ws_conn, timer);

    if (ws->state == WS_OPEN)
        liveness_measure(ws);
    else
        ws_drop(ws);
}

void ws_liveness_start(struct ws_conn *ws)
{
    timer_init(&ws->timer, liveness_on_due);
    liveness_schedule(ws);
}

void ws_liveness_watch(struct ws_conn *ws)
{
    ws->is_full = true;
    ws_slow_begin(ws);
    liveness_schedule(ws);
}

void ws_liveness_await_close(struct ws_conn *ws)
{
    timer_start(ws->stream->loop, &ws->timer, CLOSE_PATIENCE_MS);
}
