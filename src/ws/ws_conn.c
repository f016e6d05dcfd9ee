/* ws_conn: the life of a connection; reading is inbound.c, writing outbound.c, time liveness.c.
 *
 * One read may hold thousands of messages. When the turn has no more time for them, the rest is
 * kept, nothing more is read, and the next turn goes on. */
#include "ws/ws_conn.h"

#include <string.h>

#include "base/memory.h"
#include "ws/ws_inbound.h"
#include "ws/liveness.h"
#include "ws/outbound.h"

struct ws_rest {
    struct deferred again;
    struct ws_conn *ws;
    struct blob *bytes;
    size_t at;
};

static struct ws_rest *rest_free(struct ws_rest *r)
{
    if (r) {
        list_unlink(&r->again.link);
        blob_unref(r->bytes);
        mem_free(r);
    }
    return NULL;
}

static bool wants_bytes(const struct ws_conn *ws)
{
    return ws->state == WS_OPEN ? !ws->is_paused : ws->state != WS_GONE;
}

static void ws_conn_on_again(struct deferred *d)
{
    struct ws_rest *r = CONTAINER_OF(d, struct ws_rest, again);
    struct ws_conn *ws = r->ws;

    r->at += ws_inbound(ws, r->bytes->data + r->at, r->bytes->len - r->at);
    if (r->at < r->bytes->len) {
        loop_again(ws->stream->loop, &r->again);
        return;
    }
    ws->rest = rest_free(r);
    ws_read_on(ws);
}

static void keep_rest(struct ws_conn *ws, struct slice bytes)
{
    struct blob *kept = blob_try_new(bytes.len, ws->account);

    if (!kept) {
        ws_fail_for_room(ws);
        return;
    }
    memcpy(kept->data, bytes.ptr, bytes.len);
    ws->rest = MEM_NEW(struct ws_rest);
    *ws->rest = (struct ws_rest){.again = {.run = ws_conn_on_again}, .ws = ws, .bytes = kept};
    list_init(&ws->rest->again.link);
    loop_again(ws->stream->loop, &ws->rest->again);
    stream_read_stop(ws->stream);
}

static void ws_conn_on_read(struct stream *s, char *bytes, size_t n_bytes)
{
    struct ws_conn *ws = s->owner;

    ws->last_in_ms = (uint32_t)loop_now_ms(s->loop);
    size_t used = ws_inbound(ws, bytes, n_bytes);
    if (used < n_bytes)
        keep_rest(ws, slice_make(bytes + used, n_bytes - used));
}

static void on_stream_end(struct stream *s, int error)
{
    struct ws_conn *ws = s->owner;

    /* A lost peer is a lost peer; which errno says nothing an operator could act on. */
    ws_tell_end(ws, error == UV_ENOBUFS ? WS_END_SLOW : WS_END_LOST);
    ws_drop(ws);
}

/* What the account keeps for the connection: as many bytes as long as it lives. */
static size_t records_of(const struct ws_conn *ws)
{
    return mem_taken(ws) + mem_taken(ws->stream);
}

static void on_stream_closed(struct stream *s)
{
    struct ws_conn *ws = s->owner;

    timer_stop(s->loop, &ws->timer);
    ws->partial = ws_partial_free(ws->partial);
    ws->rest = rest_free(ws->rest);
    account_drop(ws->account, records_of(ws));
    account_unref(ws->account);
    mem_free(ws);
}

static void on_full(struct stream *s)
{
    struct ws_conn *ws = s->owner;

    if (ws->state == WS_OPEN && !ws->is_full)
        ws_liveness_watch(ws);
}

static const struct stream_ops stream_ops = {.on_read = ws_conn_on_read,
                                             .on_end = on_stream_end,
                                             .on_full = on_full,
                                             .on_closed = on_stream_closed};

struct ws_conn *ws_open(struct stream *stream, const struct ws_ops *ops, void *owner,
                        struct account *account, size_t max_message)
{
    struct ws_conn *ws = MEM_NEW(struct ws_conn);

    ws->stream = stream;
    ws->ops = ops;
    ws->owner = owner;
    ws->account = account_ref(account);
    stream->sendq.payer = account;
    account_keep_always(account, records_of(ws));
    ws->max_message = ws->max_frame = (uint32_t)max_message; /* options end at 1 GiB */
    ws->last_in_ms = (uint32_t)loop_now_ms(stream->loop);
    ws_liveness_start(ws);
    stream_adopt(stream, &stream_ops, ws);
    return ws;
}

void ws_start(struct ws_conn *ws, struct slice leftover)
{
    if (leftover.len)
        ws_conn_on_read(ws->stream, (char *)leftover.ptr, leftover.len);
    ws_read_on(ws);
}

void ws_read_on(struct ws_conn *ws)
{
    if (wants_bytes(ws) && !ws->rest)
        stream_read_start(ws->stream);
}

void ws_set_account(struct ws_conn *ws, struct account *account)
{
    account_ref(account);
    account_keep_always(account, records_of(ws));
    account_drop(ws->account, records_of(ws));
    account_unref(ws->account);
    /* Nothing waits yet that the other one pays for as a receiver: events come to those who are
     * logged in. */
    ws->stream->sendq.payer = ws->account = account;
}

void ws_drop(struct ws_conn *ws)
{
    ws->ops = NULL;
    ws->state = WS_GONE;
    stream_close(ws->stream);
}

void ws_pause(struct ws_conn *ws)
{
    ws->is_paused = true;
    ws_partial_wait(ws->partial);
    stream_read_stop(ws->stream);
}

void ws_resume(struct ws_conn *ws)
{
    ws->is_paused = false;
    ws_partial_wait(ws->partial);
    if (ws->state == WS_OPEN)
        ws_read_on(ws);
}

bool ws_has_more(const struct ws_conn *ws)
{
    return ws->rest || ws->partial || stream_has_input(ws->stream);
}

size_t ws_arriving(const struct ws_conn *ws)
{
    return ws_partial_held(ws->partial) + (ws->rest ? ws->rest->bytes->n_charged : 0);
}
