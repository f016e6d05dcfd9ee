/* slow: by what the peer's machine has acknowledged, since the kernel takes megabytes at once and
 * then nothing for long. */
#include "ws/slow.h"

#include "config/config.h"

void ws_slow_begin(struct ws_conn *ws)
{
    ws->slow_since_ms = (uint32_t)loop_now_ms(ws->stream->loop);
    ws->slow_taken = (uint32_t)stream_bytes_taken(ws->stream);
    ws->stream->has_drained = false;
}

/* What it has taken since counting began is enough, whoever waits, or there was nothing more to
 * take. */
static bool has_done_enough(const struct ws_conn *ws)
{
    const struct config *config = loop_config(ws->stream->loop);
    uint32_t taken = (uint32_t)stream_bytes_taken(ws->stream) - ws->slow_taken;

    if (!ws->stream->sendq.n_bytes || ws->stream->has_drained)
        return true;
    return taken && (taken >= config->pressure_high_bytes - config->pressure_low_bytes ||
                     !sendq_is_waited_for(&ws->stream->sendq));
}

bool ws_is_slow(struct ws_conn *ws)
{
    uint64_t timeout_ms = loop_config(ws->stream->loop)->slow_consumer_timeout_ms;

    if (!timeout_ms || !ws->is_full || has_done_enough(ws)) {
        ws_slow_begin(ws);
        return false;
    }
    return (uint32_t)loop_now_ms(ws->stream->loop) - ws->slow_since_ms >= timeout_ms;
}

bool ws_has_stalled(const struct ws_conn *ws)
{
    uint64_t timeout_ms = loop_config(ws->stream->loop)->slow_consumer_timeout_ms;
    uint32_t waited_ms = (uint32_t)loop_now_ms(ws->stream->loop) - ws->slow_since_ms;

    return ws->is_full && (uint32_t)stream_bytes_taken(ws->stream) == ws->slow_taken &&
           waited_ms >= timeout_ms / 4;
}
