/* ws_inbound: two ways through. A whole frame that lies in the read buffer is unmasked there and
 * handed up without an allocation: that is nearly every frame. Anything else, a frame cut by the
 * buffer's end or a message of several frames, is gathered in one blob that grows as its bytes
 * arrive, never beyond the announced size, unmasked while it is copied in. Nothing is charged for
 * what a header merely announces, and what has come must go on coming (--min-body-rate).
 *
 * Frame headers and unmasking are wire/ws_frame's, not wslay's: docs/decisions/0002 has the reason
 * and the measurement. */
#include "ws/ws_inbound.h"

#include <string.h>

#include "base/memory.h"
#include "config/config.h"
#include "hyphad/protocol.h"
#include "ws/ws_conn.h"
#include "ws/liveness.h"
#include "ws/outbound.h"

enum { WS_CONTROL_MAX = 125, WS_MAX_FRAGMENTS = 16384 };
/* The first room of a message is one allocation for the pieces of 256 KiB that the published
 * clients send. Then it grows in few steps: each may be a copy. */
enum { FIRST_ROOM = 320 * 1024, GROWTH = 4 };
enum { LOOK_EVERY = 8 }; /* messages of one read between two looks at the clock */

struct ws_partial {
    /* the frame being read */
    uint8_t head_bytes[WS_HEAD_MAX];
    size_t n_head;
    struct ws_head head;
    bool has_head;
    uint64_t n_payload; /* of its payload seen so far */
    char control[WS_CONTROL_MAX];
    /* the message it belongs to */
    uint8_t opcode; /* of the first frame; 0: no message under way */
    unsigned n_fragments;
    /* the message's bytes; its len is capacity; NULL: none has come */
    struct blob *blob;
    size_t n_filled;
    /* of a text: bytes that are known to be whole characters */
    size_t n_text;
    bool is_bad_text;
    /* the window over which it must come fast enough; at_ms 0: it has not begun */
    uint64_t window_at_ms;
    size_t n_at_window;
};

struct ws_partial *ws_partial_free(struct ws_partial *p)
{
    if (p) {
        blob_unref(p->blob);
        mem_free(p);
    }
    return NULL;
}

void ws_partial_give_up(struct ws_partial *p)
{
    if (p)
        p->blob = blob_unref(p->blob);
}

size_t ws_partial_held(const struct ws_partial *p)
{
    return p && p->blob ? p->blob->n_charged : 0;
}

static void count_in(struct ws_conn *ws, size_t n)
{
    loop_count(ws->stream->loop, METRIC_BYTES_IN, (int64_t)n);
}

static void bad_text(struct ws_conn *ws)
{
    ws_fail(ws, 1007, "Text is not UTF-8", WS_END_PROTOCOL);
}

/* n_text: bytes of a text that have been looked at. */
static void ws_inbound_deliver(struct ws_conn *ws, uint8_t opcode, struct slice data,
                               struct blob *blob, size_t n_text)
{
    count_in(ws, data.len);
    if (opcode == WS_BINARY)
        ws->ops->on_binary(ws, data, blob);
    else if (slice_is_utf8(slice_from(data, n_text)))
        ws->ops->on_text(ws, data);
    else
        bad_text(ws);
}

/* A message grows: what has come is looked at now, not when all is there. */
static void look_at_part(struct ws_conn *ws, struct ws_partial *p)
{
    struct slice so_far = slice_make(p->blob->data, p->n_filled);

    if (p->opcode == WS_BINARY) {
        if (ws->ops->on_part)
            ws->ops->on_part(ws, so_far);
        return;
    }
    struct slice whole = slice_from(slice_utf8_whole(so_far), p->n_text);
    p->is_bad_text = p->is_bad_text || !slice_is_utf8(whole);
    p->n_text += whole.len;
}

static void deliver_control(struct ws_conn *ws, uint8_t opcode, struct slice payload)
{
    if (opcode == WS_CLOSE) {
        ws_peer_closed(ws, payload);
    } else if (ws->state == WS_OPEN && opcode == WS_PING) {
        ws_send_pong(ws, payload);
    } else if (ws->state == WS_OPEN) {
        ws->is_pinged = false;
        ws->ops->on_pong(ws);
    }
}

static void protocol_error(struct ws_conn *ws, const char *reason)
{
    loop_count(ws->stream->loop, METRIC_WS_PROTOCOL_ERRORS, 1);
    ws_fail(ws, HYPHA_CLOSE_PROTOCOL, reason, WS_END_PROTOCOL);
}

static void too_big(struct ws_conn *ws)
{
    loop_count(ws->stream->loop, METRIC_WS_TOO_BIG, 1);
    ws_fail(ws, HYPHA_CLOSE_TOO_BIG, "Message too big", WS_END_TOO_BIG);
}

/* The rules of RFC 6455 5.1 and 5.4 that need more than the header's own bytes. False: the
 * connection has failed. */
static bool check_frame(struct ws_conn *ws, const struct ws_head *h, uint8_t message_opcode,
                        size_t n_message)
{
    if (!h->is_masked) {
        protocol_error(ws, "Client frames must be masked");
        return false;
    }
    if (h->opcode >= WS_CLOSE)
        return true;
    if ((h->opcode == WS_CONTINUATION) != (message_opcode != 0)) {
        protocol_error(ws, message_opcode ? "Message inside a message" : "Continuation of nothing");
        return false;
    }
    if (ws->state == WS_OPEN &&
        (h->payload_len > ws->max_frame || h->payload_len > ws->max_message ||
         n_message > ws->max_message - h->payload_len)) {
        too_big(ws);
        return false;
    }
    return true;
}

static size_t ws_inbound_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How large the message's block becomes when `need` bytes of it are there or in the read buffer: a
 * first piece, then some times as much as before. Never more than the headers so far announce,
 * unless further fragments are to come. */
static size_t ws_inbound_room_for(const struct ws_conn *ws, const struct ws_partial *p, size_t need)
{
    size_t announced = p->n_filled + (size_t)(p->head.payload_len - p->n_payload);
    size_t most =
        p->head.opcode == WS_CONTINUATION && !p->head.is_final ? ws->max_message : announced;
    size_t room = p->blob ? p->blob->len * GROWTH : 0,
           first = ws_inbound_smaller(FIRST_ROOM, announced);

    if (room < first)
        room = first;
    room = ws_inbound_smaller(room, most);
    return room < need ? need : room;
}

/* False: the connection has failed. */
static bool ws_inbound_reserve(struct ws_conn *ws, struct ws_partial *p, size_t need)
{
    if (p->blob && p->blob->len >= need)
        return true;
    size_t room = ws_inbound_room_for(ws, p, need);
    struct blob *grown = p->blob ? blob_try_grow(p->blob, room) : blob_try_new(room, ws->account);
    if (!grown) {
        ws_fail_for_room(ws);
        return false;
    }
    p->blob = grown;
    return true;
}

static bool begin_frame(struct ws_conn *ws, struct ws_partial *p)
{
    const struct ws_head *h = &p->head;

    p->has_head = true;
    p->n_payload = 0;
    if (!check_frame(ws, h, p->opcode, p->n_filled))
        return false;
    if (h->opcode >= WS_CLOSE)
        return true;
    if (h->opcode != WS_CONTINUATION)
        p->opcode = h->opcode;
    if (++p->n_fragments > WS_MAX_FRAGMENTS) {
        loop_count(ws->stream->loop, METRIC_WS_TOO_BIG, 1);
        ws_fail(ws, HYPHA_CLOSE_TOO_BIG, "The message has more than 16384 fragments",
                WS_END_TOO_BIG);
        return false;
    }
    return true;
}

/* Takes what belongs to the current frame's payload; returns how many bytes that was. While
 * closing, payloads are skipped, not kept. */
static size_t take_payload(struct ws_conn *ws, struct ws_partial *p, char *bytes, size_t n)
{
    uint64_t left = p->head.payload_len - p->n_payload;
    size_t take = n < left ? n : (size_t)left;
    bool is_control = p->head.opcode >= WS_CLOSE;

    if (take &&
        (is_control || (ws->state == WS_OPEN && ws_inbound_reserve(ws, p, p->n_filled + take)))) {
        char *to = is_control ? p->control + p->n_payload : p->blob->data + p->n_filled;
        memcpy(to, bytes, take);
        ws_unmask((uint8_t *)to, take, p->head.mask, p->n_payload);
        if (!is_control) {
            p->n_filled += take;
            look_at_part(ws, p);
        }
    }
    p->n_payload += take;
    return take;
}

/* The current frame is complete: acts on it. The partial is freed when nothing is under way any
 * more. */
static void end_frame(struct ws_conn *ws)
{
    struct ws_partial *p = ws->partial;
    uint8_t opcode = p->head.opcode;

    p->has_head = false;
    p->n_head = 0;
    if (opcode >= WS_CLOSE) {
        char payload[WS_CONTROL_MAX];
        struct slice s = slice_make(payload, (size_t)p->n_payload);
        memcpy(payload, p->control, s.len);
        if (!p->opcode)
            ws->partial = ws_partial_free(p);
        deliver_control(ws, opcode, s);
        return;
    }
    if (!p->head.is_final)
        return;
    ws->partial = NULL;
    if (ws->state == WS_OPEN) {
        struct slice data = p->blob ? slice_make(p->blob->data, p->n_filled) : SLICE_LIT("");
        ws_inbound_deliver(ws, p->opcode, data, p->blob, p->n_text);
    }
    ws_partial_free(p);
}

/* Goes on with the unfinished frame; returns the bytes used. */
static size_t feed_partial(struct ws_conn *ws, char *bytes, size_t n)
{
    struct ws_partial *p = ws->partial;
    size_t used = 0;

    while (!p->has_head) {
        int r = p->n_head ? ws_head_read(p->head_bytes, p->n_head, &p->head) : WS_HEAD_MORE;
        if (r == WS_HEAD_BAD) {
            protocol_error(ws, "Malformed frame");
            return n;
        }
        if (r == WS_HEAD_OK) {
            if (!begin_frame(ws, p))
                return n;
            break;
        }
        if (used == n)
            return used;
        p->head_bytes[p->n_head++] = (uint8_t)bytes[used++];
    }
    used += take_payload(ws, p, bytes + used, n - used);
    if (p->is_bad_text && ws->state == WS_OPEN) {
        bad_text(ws);
        return n;
    }
    if (p->n_payload == p->head.payload_len)
        end_frame(ws);
    return used;
}

/* A whole unfragmented frame at the front of the buffer; 0: it is not one, the slow way takes
 * it. */
static size_t feed_whole(struct ws_conn *ws, char *bytes, size_t n)
{
    struct ws_head h;
    int r = ws_head_read((const uint8_t *)bytes, n, &h);

    if (r == WS_HEAD_BAD) {
        protocol_error(ws, "Malformed frame");
        return n;
    }
    if (r != WS_HEAD_OK || !h.is_final || h.payload_len > n - h.head_len)
        return 0;
    if (!check_frame(ws, &h, 0, 0))
        return n;
    struct slice data = slice_make(bytes + h.head_len, (size_t)h.payload_len);
    ws_unmask((uint8_t *)bytes + h.head_len, data.len, h.mask, 0);
    if (h.opcode >= WS_CLOSE)
        deliver_control(ws, h.opcode, data);
    else if (ws->state == WS_OPEN)
        ws_inbound_deliver(ws, h.opcode, data, NULL, 0);
    return h.head_len + data.len;
}

void ws_partial_wait(struct ws_partial *p)
{
    if (p)
        p->window_at_ms = 0;
}

static void window_begin(struct ws_partial *p, uint64_t now_ms)
{
    p->window_at_ms = now_ms;
    p->n_at_window = p->n_filled;
}

/* Only bytes of the message count: pings between two of its fragments do not keep it alive. */
bool ws_partial_is_slow(struct ws_conn *ws)
{
    const struct config *config = loop_config(ws->stream->loop);
    uint64_t now_ms = loop_now_ms(ws->stream->loop), window_ms = ws_rate_window_ms(config);
    struct ws_partial *p = ws->partial;

    if (!p || !ws->stream->is_reading || ws->rest) {
        ws_partial_wait(p);
        return false;
    }
    if (!p->window_at_ms) {
        window_begin(p, now_ms);
        return false;
    }
    if (now_ms - p->window_at_ms < window_ms)
        return false;
    uint64_t least = config->min_body_rate ? config->min_body_rate * window_ms / 1000 : 1;
    if (p->n_filled - p->n_at_window < least)
        return true;
    window_begin(p, now_ms);
    return false;
}

size_t ws_inbound(struct ws_conn *ws, char *bytes, size_t n_bytes)
{
    struct loop *loop = ws->stream->loop;
    size_t at = 0;

    /* CLOSING goes on reading: the peer's close frame is among what still arrives. */
    for (unsigned n = 1; at < n_bytes && (ws->state == WS_OPEN || ws->state == WS_CLOSING); n++) {
        size_t used = ws->partial ? 0 : feed_whole(ws, bytes + at, n_bytes - at);
        if (!used) {
            if (!ws->partial)
                ws->partial = MEM_NEW(struct ws_partial);
            used = feed_partial(ws, bytes + at, n_bytes - at);
        }
        at += used;
        /* A message that is much work has looked at the clock itself. */
        if (at < n_bytes && (loop->is_late || (n % LOOK_EVERY == 0 && loop_is_late(loop))))
            break;
    }
    return ws->state == WS_OPEN || ws->state == WS_CLOSING ? at : n_bytes;
}
