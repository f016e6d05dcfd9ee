/* stream_peer: the response of one GET that never ends. Each frame is four bytes of length and the
 * bytes a WebSocket would have carried; control maps are MessagePack. Nobody can be asked over it
 * whether he lives: pings go out, and a machine that does not acknowledge them ends the stream. One
 * that is open counts as alive. */
#include "peer/stream_peer.h"

#include <string.h>

#include "auth/token.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/memory.h"
#include "base/random.h"
#include "config/config.h"
#include "http/request.h"
#include "http/response.h"
#include "hyphad/protocol.h"
#include "peer/asker.h"
#include "peer/welcome.h"
#include "peer/hub.h"
#include "peer/inbound.h"
#include "peer/connect_request.h"
#include "peer/life.h"
#include "peer/login.h"
#include "peer/login_queue.h"
#include "peer/peer.h"
#include "peer/post.h"
#include "peer/liveness_check.h"
#include "wire/json.h"
#include "wire/mp.h"
#include "wire/url.h"

enum {
    LATE_BYTES = 64 * 1024,
    /* of a longer tail, which is not copied, its sender waits for the client that does not read */
    COPIED_MOST = 512 * 1024,
};

static const char content_type[] = "application/x-msgpack-stream";

/* ---- out ---- */

/* tail: lies in blob, and a long one is not copied. */
static void write_frame(struct stream_peer *s, struct slice head, struct slice tail,
                        struct blob *blob)
{
    size_t n = head.len + tail.len;
    const char prefix[4] = {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};
    struct http_request *req = http_request_resume(s->ticket);
    struct http_piece piece = {
        .parts = {slice_make(prefix, sizeof(prefix)), head}, .tail = tail, .blob = blob};

    if (!req)
        return;
    if (tail.len <= COPIED_MOST) {
        piece.parts[2] = tail;
        piece.tail = (struct slice){NULL, 0};
    }
    s->sent_ms = loop_now_ms(s->peer->pl->loop);
    /* A client that does not read is cut off by the response itself; its end is told by on_gone. */
    (void)http_stream_push(req, &piece);
}

static void stream_peer_do_send(struct peer *p, struct msg *m)
{
    loop_count(p->pl->loop, METRIC_BYTES_OUT, (int64_t)msg_len(m));
    write_frame(p->conn, msg_head_slice(m), m->tail, m->blob);
    msg_unref(m);
}

static void stream_peer_do_send_text(struct peer *p, struct slice json)
{
    SCRATCH_BUF(b, 0);

    if (json_to_mp(json, &b, NULL) == JSON_OK)
        write_frame(p->conn, buf_slice(&b), (struct slice){NULL, 0}, NULL);
}

static void on_ping_due(struct timer *t)
{
    struct stream_peer *s = CONTAINER_OF(t, struct stream_peer, ping);
    struct loop *loop = s->peer->pl->loop;
    uint64_t every = loop_config(loop)->stream_ping_interval_ms,
             silent = loop_now_ms(loop) - s->sent_ms;

    if (silent >= every) {
        stream_peer_do_send_text(s->peer, SLICE_LIT("{\"type\":\"ping\"}"));
        silent = 0;
    }
    timer_start(loop, t, every - silent);
}

/* Each ping has so many tries to be acknowledged: the misses the operator allows. */
static uint64_t timeout_ms(const struct config *config)
{
    return config->stream_ping_interval_ms +
           config->stream_ping_timeout_ms * config->stream_max_ping_misses;
}

static void stream_peer_on_expired(struct expiry *e)
{
    struct stream_peer *s = CONTAINER_OF(e, struct stream_peer, expiry);

    peer_refuse(s->peer, &(struct peer_refusal){.outcome = CONNECT_TOKEN_ERROR,
                                                .code = HYPHA_CLOSE_POLICY,
                                                .text = SLICE_LIT(TOKEN_HAS_EXPIRED),
                                                .rule = access_rule_name(RULE_TOKEN)});
}

/* Posts without a valid token are refused, so a stream is of no use any longer than the token its
 * posts need. One that a child's reconnection token has opened ends with that child. */
static void start_expiry(struct stream_peer *s)
{
    bool is_by_token = s->speaker.has_token && !s->is_reconnection;
    int64_t until = is_by_token ? s->peer->user->expires_at : s->peer->user->lineage.until;

    if (until && (!s->speaker.expires_at || until < s->speaker.expires_at))
        s->speaker.expires_at = until;
    expiry_start(&s->expiry, &(struct expiry_terms){s->peer->pl->loop, s->peer->pl->hub->keys,
                                                    s->speaker.expires_at, stream_peer_on_expired});
}

static void stream_peer_do_admitted(struct peer *p)
{
    struct stream_peer *s = p->conn;
    struct http_request *req = http_request_resume(s->ticket);
    SCRATCH_BUF(headers, 0);

    if (!req)
        return;
    speaker_begin(&s->speaker, p, req, &headers);
    http_header_add(&headers, "X-Accel-Buffering", SLICE_LIT("no"));
    http_stream_begin(req, 200, content_type, buf_slice(&headers));
    http_stream_timeout(req, timeout_ms(loop_config(p->pl->loop)));
    start_expiry(s);
    s->sent_ms = loop_now_ms(p->pl->loop);
    timer_start(p->pl->loop, &s->ping, loop_config(p->pl->loop)->stream_ping_interval_ms);
}

/* ---- in ---- */

static void on_later(struct deferred *d)
{
    struct stream_peer *s = CONTAINER_OF(d, struct stream_peer, later);
    struct loop *loop = s->peer->pl->loop;
    struct handle me = s->peer->endpoint.handle;

    if (s->is_liveness_checked)
        liveness_settle(s->peer, true);
    s->is_liveness_checked = false;
    while (peer_find(loop, me) && !s->is_held && !list_is_empty(&s->posts)) {
        struct post *post = LIST_ENTRY(s->posts.next, struct post, link);
        list_unlink(s->posts.next);
        post_answer(post, post_take(s->peer, post));
        if (loop_is_late(loop))
            break;
    }
    if (peer_find(loop, me) && !s->is_held && !list_is_empty(&s->posts))
        loop_again(loop, &s->later);
}

static void stream_peer_do_hold(struct peer *p, bool is_held)
{
    struct stream_peer *s = p->conn;

    s->is_held = is_held;
    if (!is_held)
        loop_defer(p->pl->loop, &s->later);
}

static void stream_peer_do_ping(struct peer *p)
{
    struct stream_peer *s = p->conn;

    s->is_liveness_checked = true;
    loop_defer(p->pl->loop, &s->later);
}

static struct speaker *speaker_of(const struct peer *p)
{
    return &((struct stream_peer *)p->conn)->speaker;
}

static uint64_t stream_peer_silent_ms(const struct peer *p)
{
    (void)p;
    return 0; /* what ends an idle stream is the end of its connection */
}

static size_t stream_peer_waiting(const struct peer *p)
{
    const struct stream_peer *s = p->conn;
    const struct http_request *req = http_request_resume(s->ticket);

    return req ? http_stream_waiting(req) : 0;
}

static bool stream_peer_has_more(const struct peer *p)
{
    return !list_is_empty(&((struct stream_peer *)p->conn)->posts);
}

/* ---- the end ---- */

/* What it was connected by goes. Returns the request of the stream when its client is still there:
 * the caller ends it. */
static struct http_request *stream_peer_let_go(struct peer *p)
{
    struct stream_peer *s = p->conn;
    struct http_request *req = http_request_resume(s->ticket);

    p->conn = NULL;
    timer_stop(p->pl->loop, &s->ping);
    expiry_stop(&s->expiry);
    list_unlink(&s->later.link);
    while (!list_is_empty(&s->posts)) {
        struct post *post = LIST_ENTRY(s->posts.next, struct post, link);
        list_unlink(s->posts.next);
        post_answer(post, POST_NO_STREAM);
    }
    mem_free(s);
    return req;
}

static void stream_peer_on_gone(void *owner)
{
    struct peer *p = ((struct stream_peer *)owner)->peer;

    (void)stream_peer_let_go(p);
    peer_gone(p, "the connection was closed or lost");
}

/* told: empty for an end that needs no words. A client that is behind gets no more of what waits
 * for it. */
static void stream_peer_end_stream(struct peer *p, struct slice told)
{
    struct http_request *req = http_request_resume(((struct stream_peer *)p->conn)->ticket);
    bool is_streaming = req && req->sending == HTTP_SEND_GOING_ON;
    bool is_late = is_streaming && http_stream_write(req, SLICE_LIT("")) > LATE_BYTES;

    if (is_streaming && told.len)
        welcome_refuse(p, told);
    req = stream_peer_let_go(p);
    if (req && is_late)
        http_request_drop(req);
    else if (req && is_streaming)
        http_stream_end(req);
    else if (req) {
        req->refused_by = "drain";
        http_respond_error(req, 503, HTTP_F1, SLICE_LIT("Server is shutting down"));
    }
}

/* The end of a body says nothing, so who is put out is told why. */
static void stream_peer_do_close(struct peer *p, unsigned code, struct slice reason)
{
    stream_peer_end_stream(p, code == HYPHA_CLOSE_POLICY ? reason : (struct slice){NULL, 0});
}

enum { RETRY_AFTER_S = 5 }; /* a place may be free again by then */

static void refuse_for_now(struct http_request *req, struct slice text)
{
    SCRATCH_BUF(body, 0);
    SCRATCH_BUF(extra, 0);

    buf_add_text(&body, "{\"success\":false,\"detail\":");
    json_add_text(&body, text);
    buf_add_byte(&body, '}');
    buf_add_fmt(&extra, "retry-after: %d\r\n", RETRY_AFTER_S);
    http_respond(req, 429, "application/json", buf_slice(&body), buf_slice(&extra));
}

static void refuse_request(struct http_request *req, int outcome, bool is_reconnection,
                           struct slice text)
{
    static const unsigned statuses[] = {[CONNECT_TOKEN_ERROR] = 401,
                                        [CONNECT_FORBIDDEN] = 403,
                                        [CONNECT_NO_WORKSPACE] = 404,
                                        [CONNECT_REFUSED] = 403,
                                        [CONNECT_BLOCKED] = 403};
    static const char *const prefixes[] = {
        "Failed to establish connection: ", "Failed to authenticate user: ",
        "Authentication error: "};
    SCRATCH_BUF(b, 0);

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        if (slice_starts(text, prefixes[i]))
            text = slice_from(text, strlen(prefixes[i]));
    }
    req->refused_by = ""; /* the log has been told of the client */
    if (outcome == CONNECT_LIMITED || outcome == CONNECT_LATER) {
        refuse_for_now(req, text);
    } else if (is_reconnection && outcome != CONNECT_NO_WORKSPACE && outcome != CONNECT_BLOCKED) {
        buf_add_text(&b, "Invalid reconnection token: ");
        buf_add_slice(&b, text);
        http_respond_error(req, 401, HTTP_F1, buf_slice(&b));
    } else {
        bool is_plain = outcome == CONNECT_TOKEN_ERROR || outcome == CONNECT_BLOCKED;
        http_respond_error(req, statuses[outcome], is_plain ? HTTP_F2 : HTTP_F1, text);
    }
}

static void stream_peer_do_refuse(struct peer *p, int outcome, unsigned code, struct slice text)
{
    bool is_reconnection = ((struct stream_peer *)p->conn)->is_reconnection;

    (void)code;
    if (p->state == PEER_OPEN) {
        stream_peer_end_stream(p, text);
        return;
    }
    struct http_request *req = stream_peer_let_go(p);
    if (req)
        refuse_request(req, outcome, is_reconnection, text);
}

const struct peer_transport stream_transport = {
    .name = "stream",
    .open = METRIC_STREAMS,
    .established = METRIC_STREAMS_ESTABLISHED,
    .send = stream_peer_do_send,
    .send_text = stream_peer_do_send_text,
    .speaker = speaker_of,
    .hold = stream_peer_do_hold,
    .ping = stream_peer_do_ping,
    .silent_ms = stream_peer_silent_ms,
    .waiting = stream_peer_waiting,
    .has_more = stream_peer_has_more,
    .admitted = stream_peer_do_admitted,
    .refuse = stream_peer_do_refuse,
    .close = stream_peer_do_close,
};

/* ---- the beginning ---- */

static struct peer *open_peer(struct peer_loop *pl, struct http_request *req)
{
    struct stream_peer *s = MEM_NEW(struct stream_peer);
    struct peer *p = peer_new(pl, &stream_transport, account_shared(req->account));

    p->conn = s;
    s->peer = p;
    s->ticket =
        http_request_park(req, &(struct http_watch){.owner = s, .on_gone = stream_peer_on_gone});
    list_init(&s->later.link);
    s->later.run = on_later;
    list_init(&s->posts);
    timer_init(&s->ping, on_ping_due);
    return p;
}

/* The value of a query parameter, kept in out; empty when absent. */
static struct slice stream_peer_parameter(struct http_request *req, const char *name,
                                          struct buf *out)
{
    if (!url_query_find(req->query, name, out))
        buf_clear(out);
    return buf_slice(out);
}

/* Whether the reconnection token decides who this is. Beside a token of posts it does when it
 * continues the login of that very token, which must be good by itself; else the token alone
 * decides. */
static bool continues_login(const struct asker *asker, struct speaker *s, struct slice reconnection)
{
    char error[TOKEN_ERROR_MAX];
    struct token returning;

    if (!reconnection.len || !s->has_token)
        return reconnection.len > 0;
    if (!asker_is_verified(asker))
        return false;
    bool is_same = token_parse(asker->keys, reconnection, &returning, error) == TOKEN_OK;
    if (is_same) {
        is_same = lineage_has(&returning.user->lineage, asker->token.digest);
        token_deinit(&returning);
    }
    if (is_same)
        s->expires_at = asker->token.expires_at;
    return is_same;
}

static void stream_start(struct peer_loop *pl, struct http_request *req)
{
    char made[RANDOM_ID_LEN + 1];
    SCRATCH_BUF(client, 0);
    SCRATCH_BUF(workspace, 0);
    SCRATCH_BUF(reconnection, 0);
    struct slice token = {NULL, 0};

    (void)stream_peer_parameter(req, "client_id", &client);
    if (!client.len) {
        random_id(made);
        buf_add_text(&client, made);
    }
    (void)stream_peer_parameter(req, "workspace", &workspace);
    (void)stream_peer_parameter(req, "reconnection_token", &reconnection);
    struct stream_peer *s = open_peer(pl, req)->conn;
    speaker_open(&s->speaker, req, &token);
    s->peer->address = s->speaker.address;
    struct asker *asker = asker_of(req, pl->hub->keys);
    s->is_reconnection = continues_login(asker, &s->speaker, buf_slice(&reconnection));
    login_ask(s->peer, &(struct login_claim){
                           .kind = CONNECT_STREAM,
                           .client_id = buf_slice(&client),
                           .workspace = buf_slice(&workspace),
                           .token = s->is_reconnection ? buf_slice(&reconnection) : token,
                           .by = s->is_reconnection ? CONNECT_BY_RECONNECTION : CONNECT_BY_TOKEN,
                           .asker = s->is_reconnection ? NULL : asker});
}

void stream_on_get(struct http_request *req, void *arg)
{
    struct peer_loop *pl = &((struct peer_loop *)arg)[req->loop->index];

    if (req->method == HTTP_M_HEAD)
        http_respond_error(req, 405, HTTP_F1, SLICE_LIT("Method Not Allowed"));
    else
        login_queue_enter(pl, req, stream_start);
}
