/* ws_peer: frames become messages of the peer, and messages of the hub become frames. Control maps
 * travel as text frames. */
#include "peer/ws_peer.h"

#include <stdio.h>

#include "config/config.h"
#include "hyphad/protocol.h"
#include "peer/welcome.h"
#include "peer/inbound.h"
#include "peer/connect_request.h"
#include "peer/life.h"
#include "peer/login.h"
#include "peer/peer.h"
#include "peer/liveness_check.h"
#include "ws/ws_conn.h"

static void on_text(struct ws_conn *ws, struct slice text)
{
    struct peer *p = ws->owner;

    if (p->state == PEER_NEW)
        login_first_message(p, text);
    else if (p->state == PEER_OPEN)
        peer_text(p, text);
    /* JOINING: clients wait for connection_info; what one sends meanwhile is ignored */
}

static void on_binary(struct ws_conn *ws, struct slice frame, struct blob *blob)
{
    struct peer *p = ws->owner;

    if (p->state == PEER_OPEN)
        (void)peer_binary(
            p, NULL, &(struct peer_frame){frame, blob, blob ? PEER_TAIL_SCANNED : PEER_TAIL_NEW});
    else if (p->state == PEER_NEW)
        login_undecodable(p);
}

static void on_part(struct ws_conn *ws, struct slice so_far)
{
    peer_part(ws->owner, so_far);
}

static void ws_peer_on_pong(struct ws_conn *ws)
{
    liveness_settle(ws->owner, true);
}

static void ws_peer_on_end(struct ws_conn *ws, enum ws_end why)
{
    static const char *const texts[] = {[WS_END_CLOSED] = "it closed the connection",
                                        [WS_END_LOST] = "the connection was lost",
                                        [WS_END_PROTOCOL] = "it broke the WebSocket protocol",
                                        [WS_END_TOO_BIG] = "its message was too large",
                                        [WS_END_NO_MEMORY] = "there was no room for its message",
                                        [WS_END_SLOW] = "it did not read what was sent to it",
                                        [WS_END_HALF_OPEN] = "it did not answer a ping",
                                        [WS_END_TOO_SLOW] = "its message came too slowly"};
    struct peer *p = ws->owner;
    char text[96];

    /* Counted where it was found. */
    if (why == WS_END_SLOW)
        peer_log_slow(p, ws->stream->sendq.n_bytes);
    p->conn = NULL;
    if (ws->refused_by)
        snprintf(text, sizeof(text), "%s (%s)", texts[why], ws->refused_by);
    peer_gone(p, ws->refused_by ? text : texts[why]);
}

static const struct ws_ops ws_ops = {.on_text = on_text,
                                     .on_binary = on_binary,
                                     .on_part = on_part,
                                     .on_pong = ws_peer_on_pong,
                                     .on_end = ws_peer_on_end};

static void ws_peer_do_send(struct peer *p, struct msg *m)
{
    ws_send(p->conn, m);
}

static void ws_peer_do_send_text(struct peer *p, struct slice json)
{
    ws_send_text(p->conn, json);
}

static void ws_peer_do_hold(struct peer *p, bool is_held)
{
    if (is_held)
        ws_pause(p->conn);
    else
        ws_resume(p->conn);
}

static void ws_peer_do_ping(struct peer *p)
{
    ws_ping(p->conn);
}

static uint64_t ws_peer_silent_ms(const struct peer *p)
{
    const struct ws_conn *ws = p->conn;

    return ws->stream->is_reading ? (uint32_t)loop_now_ms(p->pl->loop) - ws->last_in_ms : 0;
}

static size_t ws_peer_waiting(const struct peer *p)
{
    const struct ws_conn *ws = p->conn;

    return ws->stream->sendq.n_bytes;
}

static size_t ws_peer_arriving(const struct peer *p)
{
    return ws_arriving(p->conn);
}

static bool ws_peer_has_more(const struct peer *p)
{
    return ws_has_more(p->conn);
}

static void ws_peer_do_admitted(struct peer *p)
{
    struct ws_conn *ws = p->conn;

    ws_set_account(ws, p->account);
    ws->stream->is_known = true;
    ws->max_message = (uint32_t)loop_config(p->pl->loop)->max_message_bytes;
    ws->max_frame = (uint32_t)loop_config(p->pl->loop)->max_frame_bytes;
}

static void ws_peer_do_close(struct peer *p, unsigned code, struct slice reason)
{
    struct ws_conn *ws = p->conn;

    p->conn = NULL;
    ws_close(ws, code, reason);
}

static void ws_peer_do_refuse(struct peer *p, int outcome, unsigned code, struct slice text)
{
    if (outcome != CONNECT_LATER)
        welcome_refuse(p, text);
    ws_peer_do_close(p, code, text);
}

static const struct peer_transport ws_transport = {
    .name = "websocket",
    .open = METRIC_WS_CONNECTIONS,
    .established = METRIC_WS_ESTABLISHED,
    .send = ws_peer_do_send,
    .send_text = ws_peer_do_send_text,
    .hold = ws_peer_do_hold,
    .ping = ws_peer_do_ping,
    .silent_ms = ws_peer_silent_ms,
    .waiting = ws_peer_waiting,
    .arriving = ws_peer_arriving,
    .has_more = ws_peer_has_more,
    .admitted = ws_peer_do_admitted,
    .refuse = ws_peer_do_refuse,
    .close = ws_peer_do_close,
};

static struct peer *peer_over(struct peer_loop *pl, struct stream *stream, struct account *payer)
{
    struct peer *p = peer_new(pl, &ws_transport, payer);

    p->conn =
        ws_open(stream, &ws_ops, p, p->account, loop_config(pl->loop)->max_first_message_bytes);
    return p;
}

void ws_peer_open(struct peer_loop *pl, struct stream *stream, const struct in6_addr *client,
                  struct account *payer, struct slice leftover)
{
    struct peer *p = peer_over(pl, stream, payer);

    p->address = *client;
    ws_start(p->conn, leftover);
}

void ws_peer_reject_legacy(struct peer_loop *pl, struct stream *stream,
                           const struct in6_addr *client, struct account *payer)
{
    static const char reason[] =
        "Connection rejected, please  upgrade to `hypha-rpc` which pass the authentication "
        "information in the first message";
    struct peer *p = peer_over(pl, stream, payer);

    p->address = *client;
    peer_log_refused(p, &(struct peer_claim){.client = {NULL, 0}}, "query-credentials",
                     slice_of(reason));
    ws_peer_do_close(p, HYPHA_CLOSE_POLICY, slice_of(reason));
    peer_free(p);
}
