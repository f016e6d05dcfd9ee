/* conn: the life of a connection; reading is inbound.c, writing outbound.c, time liveness.c. */
#include "ws/conn.h"

#include "base/memory.h"
#include "ws/inbound.h"
#include "ws/liveness.h"
#include "ws/outbound.h"

static void on_read(struct stream *s, char *bytes, size_t n_bytes)
{
    struct ws_conn *ws = s->owner;

    ws->last_in_ms = loop_now_ms(s->loop);
    ws_inbound(ws, bytes, n_bytes);
}

static void on_stream_end(struct stream *s, int error)
{
    struct ws_conn *ws = s->owner;

    (void)error;    /* a lost peer is a lost peer; which errno says nothing an operator could act on */
    ws_tell_end(ws, WS_END_LOST);
    ws_drop(ws);
}

static void on_stream_closed(struct stream *s)
{
    struct ws_conn *ws = s->owner;

    timer_stop(s->loop, &ws->timer);
    ws->partial = ws_partial_free(ws->partial);
    account_drop(ws->account, ws->n_kept);
    account_unref(ws->account);
    mem_free(ws);
}

static const struct stream_ops stream_ops = {.on_read = on_read, .on_end = on_stream_end, .on_closed = on_stream_closed};

struct ws_conn *ws_open(struct stream *stream, const struct ws_ops *ops, void *owner, struct account *account, size_t max_message)
{
    struct ws_conn *ws = MEM_NEW(struct ws_conn);

    ws->stream = stream;
    ws->ops = ops;
    ws->owner = owner;
    ws->account = account_ref(account);
    ws->n_kept = (uint32_t)(mem_taken(ws) + mem_taken(stream));
    account_keep_always(account, ws->n_kept);
    ws->max_message = max_message;
    ws->last_in_ms = loop_now_ms(stream->loop);
    ws_liveness_start(ws);
    stream_adopt(stream, &stream_ops, ws);
    return ws;
}

void ws_start(struct ws_conn *ws, struct slice leftover)
{
    if (leftover.len)
        on_read(ws->stream, (char *)leftover.ptr, leftover.len);
    if (ws->state == WS_OPEN)
        stream_read_start(ws->stream);
}

void ws_set_account(struct ws_conn *ws, struct account *account)
{
    account_ref(account);
    account_keep_always(account, ws->n_kept);
    account_drop(ws->account, ws->n_kept);
    account_unref(ws->account);
    ws->account = account;
}

void ws_drop(struct ws_conn *ws)
{
    ws->ops = NULL;
    ws->state = WS_GONE;
    stream_close(ws->stream);
}

void ws_pause(struct ws_conn *ws)
{
    stream_read_stop(ws->stream);
}

void ws_resume(struct ws_conn *ws)
{
    if (ws->state == WS_OPEN)
        stream_read_start(ws->stream);
}
