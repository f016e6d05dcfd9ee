/* inbound: the hot path. A frame is looked at once, its routing map rewritten with the sender
 * header, its payload passed on untouched. A refusal answers only calls; nothing a peer sends here
 * closes its connection, but for the message rate when the operator wants that. */
#include "peer/inbound.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/held.h"
#include "base/memory.h"
#include "base/rate_counter.h"
#include "config/config.h"
#include "hyphad/protocol.h"
#include "peer/events.h"
#include "peer/frame_scan.h"
#include "peer/welcome.h"
#include "peer/connect_request.h"
#include "peer/life.h"
#include "peer/login.h"
#include "peer/peer.h"
#include "peer/pressure.h"
#include "peer/liveness_check.h"
#include "peer/refresh.h"
#include "peer/speaker.h"
#include "peer/uploads.h"
#include "peer/watch.h"
#include "wire/address.h"
#include "wire/ws_frame.h"
#include "wire/json.h"
#include "wire/mp.h"

enum { COPY_TAIL_MAX = 1024, CONTROL_TEXT_MAX = 1000, ADDRESS_ROOM = 1024 };

static void inbound_reject(struct peer *p, const struct rpc_header *h, struct slice from,
                           struct slice text)
{
    if (!h->session.len || !router_can_reject(from, h->session))
        return;
    struct msg *m = router_reject_frame(from, slice_of(p->full_id), h->session, text, p->account);
    if (m)
        p->via->send(p, m);
    else
        peer_overdrawn(
            p, router_reject_frame(from, slice_of(p->full_id), h->session, text, p->pl->loop->own));
}

static void inbound_refuse(struct peer *p, const struct rpc_header *h, struct slice from,
                           const char *text)
{
    loop_count(p->pl->loop, METRIC_FRAMES_REFUSED, 1);
    inbound_reject(p, h, from, slice_of(text));
}

/* A frame that would pass for one of the hub's own. An event has no session to be rejected, so its
 * sender is told by a control map, which clients log. */
static void refuse_reserved(struct peer *p, const struct rpc_header *h)
{
    char text[128];
    int n =
        snprintf(text, sizeof(text),
                 "PermissionError: Messages of type '" SLICE_FMT "' are sent by the server only",
                 SLICE_ARG(h->type));

    inbound_refuse(p, h, h->to, text);
    if (!h->session.len)
        welcome_refuse(p, slice_make(text, (size_t)n));
}

static void refuse_malformed(struct peer *p, int outcome, const struct rpc_header *h)
{
    static const char *const texts[] = {
        [RPC_HEADER_BAD] = "Invalid message: the routing map cannot be read",
        [RPC_HEADER_NO_TO] = "Invalid message: `to` is missing",
        [RPC_HEADER_BAD_KEY] = "Invalid message: a key of the routing map is not a text",
        [RPC_HEADER_DUPLICATE] = "Invalid message: a key of the routing map occurs twice",
        [RPC_HEADER_TOO_BIG] = "Invalid message: the routing map is too large or too deep",
    };

    loop_count(p->pl->loop, METRIC_FRAMES_MALFORMED, 1);
    inbound_reject(p, h, h->to.len ? h->to : slice_of(p->full_id), slice_of(texts[outcome]));
}

/* A receiver that decodes strictly throws away a frame whose routing texts are no text, and with it
 * a call it owes an answer. */
static bool are_texts(const struct rpc_header *h)
{
    return slice_is_utf8(h->type) && slice_is_utf8(h->method) && slice_is_utf8(h->session) &&
           slice_is_utf8(h->parent) && slice_is_utf8(h->to);
}

/* The rules about whom a frame may be for (2.4, 2.5 step 2). NULL: allowed. */
static const char *inbound_forbidden(const struct peer *p, int kind, const struct rpc_header *h,
                                     char *text, size_t room)
{
    switch (kind) {
    case ADDRESS_CLIENT:
        return NULL;
    case ADDRESS_BROADCAST:
        if (p->is_read_only) {
            snprintf(text, room,
                     "PermissionError: Read-only client %.500s cannot broadcast messages. Only "
                     "point-to-point messages are "
                     "allowed for read-only clients.",
                     p->full_id);
            return text;
        }
        return slice_is(h->type, "method") ? "Calls cannot be broadcast" : NULL;
    case ADDRESS_FOREIGN_BROADCAST:
        snprintf(text, room,
                 "PermissionError: Permission denied for workspace: broadcasts stay in " SLICE_FMT,
                 SLICE_ARG(p->workspace));
        return text;
    default:
        return "Invalid message: `to` is not an address";
    }
}

/* Absolute text of an address; false when it does not fit, which no valid address does. */
static bool inbound_absolute(const struct address *a, char *out, struct slice *ret)
{
    if (a->workspace.len + a->client.len + 1 > ADDRESS_ROOM)
        return false;
    memcpy(out, a->workspace.ptr, a->workspace.len);
    out[a->workspace.len] = '/';
    memcpy(out + a->workspace.len + 1, a->client.ptr, a->client.len);
    *ret = slice_make(out, a->workspace.len + 1 + a->client.len);
    return true;
}

/* Whether a client of another workspace has that address. The hub's own in `*` last as long as the
 * server. */
static bool is_foreign(const struct peer *p, struct slice to)
{
    struct slice own = p->workspace;

    return to.ptr[0] != '*' &&
           !(to.len > own.len && to.ptr[own.len] == '/' && memcmp(to.ptr, own.ptr, own.len) == 0);
}

/* The session that a frame settles, by `<session>.resolve` or `<session>.reject`. False: it is no
 * answer. */
static bool settled_session(const struct rpc_header *h, struct slice *ret)
{
    static const char *const endings[] = {".resolve", ".reject"};

    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        size_t n = strlen(endings[i]);
        if (h->method.len > n && slice_is(slice_from(h->method, h->method.len - n), endings[i])) {
            *ret = slice_to(h->method, h->method.len - n);
            return true;
        }
    }
    return false;
}

/* A frame for which there is no memory. A call is rejected; of an answer whoever waits for it is
 * told in its stead, and where there is not even memory for that the sender ends, of which the
 * waiting client hears. */
static void lose_frame(struct peer *p, const struct rpc_header *h, struct slice to)
{
    struct peer_loop *pl = p->pl;
    struct slice session;
    struct account_refusal why = account_refusal(p->account);
    char room[ACCOUNT_REFUSAL_MAX];

    loop_count(pl->loop, METRIC_CHARGES_REFUSED, 1);
    inbound_refuse(p, h, to, account_refusal_text(&why, "Too many bytes under way", room));
    if (h->session.len || !settled_session(h, &session))
        return;
    const char *lost = account_refusal_text(
        &why, "The answer was lost: its sender has too many bytes under way", room);
    struct msg *m =
        router_reject_frame(slice_of(p->full_id), to, session, slice_of(lost), pl->loop->own);
    if (!m)
        peer_overdrawn(p, NULL);
    else if (router_send(pl->router, pl->loop, to, m) == ROUTER_NO_PEER)
        msg_unref(m);
}

static void inbound_watch(struct peer *p, const struct rpc_header *h, struct slice to)
{
    struct slice settled;

    if (h->session.len || !settled_session(h, &settled))
        watch_target(p, to, h->session);
    else
        watch_answered(p, to);
}

static void inbound_forward(struct peer *p, const struct rpc_header *h, int kind, struct slice to,
                            struct blob *blob)
{
    struct peer_loop *pl = p->pl;
    bool copy_tail = !blob || h->tail.len <= COPY_TAIL_MAX;
    struct msg *m = rpc_header_splice(h, to, &p->sender_header, copy_tail, p->account);

    if (!m) {
        lose_frame(p, h, to);
        return;
    }
    if (!copy_tail)
        msg_set_tail(m, blob, h->tail);
    ws_seal(m);
    m->is_chunk = upload_is_call(h->method);
    if (kind == ADDRESS_BROADCAST)
        router_broadcast(pl->router, pl->loop, p->workspace, h->type, m);
    else if (router_send(pl->router, pl->loop, to, m) == ROUTER_NO_PEER)
        router_bounce(pl->router, pl->loop, m);
    else if (is_foreign(p, to))
        inbound_watch(p, h, to);
}

static void inbound_route(struct peer *p, const struct rpc_header *h, struct blob *blob, int tail)
{
    char room[ADDRESS_ROOM], text[1024];
    struct address a;
    struct slice to;
    int kind = address_resolve(h->to, p->workspace, &a);
    const char *why = inbound_forbidden(p, kind, h, text, sizeof(text));

    if (!why && rpc_method_reaches_inside(h->method))
        why = "Invalid message: `method` names a part of a function";
    if (!why && !inbound_absolute(&a, room, &to))
        why = "Invalid message: `to` is too long";
    if (why) {
        inbound_refuse(p, h, h->to, why);
        return;
    }
    int r = tail == PEER_TAIL_NEW ? rpc_tail_check(h->tail, slice_is(h->type, "method")) : tail;
    if (r == PEER_TAIL_LOST)
        lose_frame(p, h, to);
    else if (r == RPC_TAIL_FORBIDDEN)
        inbound_refuse(p, h, to,
                       "Invalid message: the payload has a key that only the hub may set");
    else if (r == RPC_TAIL_BAD)
        refuse_malformed(p, RPC_HEADER_BAD, h);
    else
        inbound_forward(p, h, kind, to, blob);
}

static struct rpc_header_caps caps_of(const struct peer *p)
{
    const struct config *config = loop_config(p->pl->loop);

    return (struct rpc_header_caps){(uint32_t)config->rpc_max_header_bytes, config->rpc_max_depth,
                                    config->rpc_max_pairs};
}

/* What has been found of a long frame as it came. One that is all within what a routing map may
 * take has not been looked at. */
static int take_scan(struct peer *p, struct slice frame)
{
    struct frame_scan *s = p->scan;
    bool is_short = frame.len < FRAME_SCAN_FROM || frame.len <= caps_of(p).max_bytes;
    int outcome = is_short ? PEER_TAIL_NEW : PEER_TAIL_LOST;

    if (s && s->n_seen == frame.len)
        outcome = frame_scan_end(s);
    p->scan = held_free(s);
    return outcome;
}

void peer_part(struct peer *p, struct slice so_far)
{
    const struct rpc_header_caps caps = caps_of(p);

    if (p->state != PEER_OPEN || so_far.len < FRAME_SCAN_FROM)
        return;
    if (!p->scan)
        p->scan = frame_scan_new(p->account);
    if (p->scan)
        frame_scan_feed(p->scan, so_far, &caps);
}

static void take_frame(struct peer *p, struct slice frame, struct blob *blob, int tail)
{
    struct loop *loop = p->pl->loop;
    const struct rpc_header_caps caps = caps_of(p);
    struct rpc_header h;

    loop_count(loop, METRIC_CLIENT_REQUESTS, 1);
    if (p->meter)
        rate_counter_count(p->meter);
    if (!list_is_empty(&p->liveness_checks))
        liveness_settle(p, true);
    if (!pressure_take(p)) {
        loop_count(loop, METRIC_WS_RATE_LIMITED, 1);
        peer_refuse(p, &(struct peer_refusal){
                           .code = HYPHA_CLOSE_POLICY,
                           .text = SLICE_LIT("Rate limit exceeded: too many messages per second")});
        return;
    }
    int r = rpc_header_peek(frame, &caps, &h);
    if (r == RPC_HEADER_OK && !are_texts(&h))
        r = RPC_HEADER_BAD;
    if (r != RPC_HEADER_OK)
        refuse_malformed(p, r, &h);
    else if (!slice_is(h.type, "method") && event_is_reserved(h.type))
        refuse_reserved(p, &h);
    else
        inbound_route(p, &h, blob, tail);
    pressure_check(p);
}

int peer_binary(struct peer *p, const struct speaker_proof *shown, const struct peer_frame *f)
{
    int allowed = speaker_may_act(p, shown);
    int tail = f->tail == PEER_TAIL_SCANNED ? take_scan(p, f->bytes) : f->tail;

    if (allowed != SPEAKER_OK)
        return allowed;
    take_frame(p, f->bytes, f->blob, tail);
    return SPEAKER_OK;
}

int peer_control(struct peer *p, const struct speaker_proof *shown, struct slice type)
{
    int allowed = speaker_may_act(p, shown);

    if (allowed != SPEAKER_OK)
        return allowed;
    if (!list_is_empty(&p->liveness_checks))
        liveness_settle(p, true);
    if (slice_is(type, "ping"))
        p->via->send_text(p, SLICE_LIT("{\"type\":\"pong\"}"));
    else if (slice_is(type, "refresh_token"))
        refresh_ask(p);
    else
        loop_count(p->pl->loop, METRIC_TEXTS_IGNORED, 1);
    return SPEAKER_OK;
}

void peer_text(struct peer *p, struct slice text)
{
    struct slice rest, map, type = {NULL, 0};
    SCRATCH_BUF(b, 0);

    pressure_draw(p); /* a text that came in parts was charged */
    if (text.len <= CONTROL_TEXT_MAX && json_to_mp(text, &b, NULL) == JSON_OK) {
        rest = buf_slice(&b);
        if (mp_take(&rest, MP_MAX_DEPTH, &map) == MP_OK)
            (void)mp_find_str(map, "type", &type);
    }
    (void)peer_control(p, NULL, type);
}
