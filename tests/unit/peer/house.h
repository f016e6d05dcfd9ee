/* house: the paths clients connect by, served on socket pairs by a loop that the test drives, with
 * the hub behind them: WebSockets and HTTP streams as they are, down to the bytes. A test is the
 * client. */
#pragma once
#include "base/buf.h"
#include "http/http_conn.h"
#include "http/feature.h"
#include "http/serve.h"
#include "peer/life.h"
#include "peer/peer.h"
#include "unit/peer/peer_kit.h"
#include "unit/ws/ws_kit_frame.h"

extern const struct feature peer_feature;

enum { HOUSE_ROUTES = 40 };

struct house {
    struct kit k;
    struct http_route routes[HOUSE_ROUTES];
    struct http_site site;
    struct http_loop hl;
    struct peer_loop pl;
};

/* One client's connection. */
struct guest {
    struct house *h;
    int fd;
    struct buf got;
    bool has_eof;
};

/* Serves the routes of a feature, too. */
static inline void house_serve(struct house *h, const struct feature *f, void *made)
{
    for (size_t i = 0; i < f->n_routes; i++) {
        CHECK(h->site.routes.n_routes < HOUSE_ROUTES);
        struct http_route *row = &h->routes[h->site.routes.n_routes++];
        *row = f->routes[i];
        row->arg = made;
    }
}

static inline void house_init(struct house *h)
{
    struct config *c = &h->k.t.config;

    memset(h, 0, sizeof(*h));
    kit_init(&h->k, 1);
    c->login_timeout_ms = c->login_queue_timeout_ms = 60000;
    c->login_queue = 10;
    c->max_concurrent_connections = 4;
    c->max_first_message_bytes = 65536;
    c->max_frame_bytes = 1 << 20;
    c->rpc_max_header_bytes = 65536;
    c->rpc_max_depth = 32;
    c->rpc_max_pairs = 64;
    c->pressure_high_bytes = c->pressure_low_bytes = 1 << 20;
    c->max_watched_clients = 100;
    c->ws_ping_interval_ms = c->ws_ping_timeout_ms = c->slow_consumer_timeout_ms = 60000;
    c->stream_ping_interval_ms = c->stream_ping_timeout_ms = 60000;
    c->stream_max_ping_misses = 3;
    c->reconnection_token_life_time_ms = 172800000;
    h->site = (struct http_site){.base_path = "",
                                 .routes = {h->routes, 0},
                                 .caps = {.head_bytes = 65536,
                                          .n_headers = 32,
                                          .body_bytes = 1 << 20,
                                          .anonymous_body_bytes = 1 << 20,
                                          .head_timeout_ms = 60000,
                                          .keepalive_timeout_ms = 60000,
                                          .stall_timeout_ms = 60000}};
    house_serve(h, &peer_feature, &h->pl);
    peer_loop_init(&h->pl, h->k.t.loop, h->k.hub.router, &h->k.hub);
    http_loop_init(&h->hl, h->k.t.loop, &h->site);
}

/* Its clients must have left. */
static inline void house_deinit(struct house *h)
{
    http_loop_close_all(&h->hl);
    TURNS_UNTIL(&h->k.t, h->hl.n_conns == 0 && list_is_empty(&h->pl.peers) &&
                             list_is_empty(&h->k.t.loop->streams));
    http_loop_deinit(&h->hl);
    peer_loop_deinit(&h->pl);
    kit_deinit(&h->k);
}

static inline struct guest house_connect(struct house *h)
{
    int fds[2];

    turns_pair(fds);
    http_serve(&h->hl, fds[1], NULL);
    return (struct guest){.h = h, .fd = fds[0]};
}

static inline void guest_leave(struct guest *g)
{
    close(g->fd);
    buf_deinit(&g->got);
}

static inline void guest_send(struct guest *g, struct slice bytes)
{
    CHECK_INT(send(g->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL), bytes.len);
}

static inline void guest_send_text(struct guest *g, const char *text)
{
    guest_send(g, slice_of(text));
}

/* Whether that has come by now, of all that has come. */
static inline bool guest_has(struct guest *g, const char *piece)
{
    char bytes[65536];
    ssize_t n;

    while (!g->has_eof && (n = recv(g->fd, bytes, sizeof(bytes), 0)) >= 0) {
        buf_add(&g->got, bytes, (size_t)n);
        g->has_eof = n == 0;
    }
    return g->got.len && memmem(g->got.ptr, g->got.len, piece, strlen(piece)) != NULL;
}

#define GUEST_HEARS(g, piece) TURNS_UNTIL(&(g)->h->k.t, guest_has((g), (piece)))
#define GUEST_IS_CLOSED(g) TURNS_UNTIL(&(g)->h->k.t, (guest_has((g), ""), (g)->has_eof))

/* The text after `before`, up to the next quote: a field of JSON that has come. The caller frees
 * it. */
static inline char *guest_field(struct guest *g, const char *before)
{
    const char *at = memmem(g->got.ptr, g->got.len, before, strlen(before));

    CHECK(at != NULL);
    at += strlen(before);
    const char *end = memchr(at, '"', g->got.len - (size_t)(at - g->got.ptr));
    CHECK(end != NULL);
    return mem_copy(at, (size_t)(end - at));
}

/* ---- by WebSocket ---- */

static inline struct guest house_upgrade(struct house *h)
{
    struct guest g = house_connect(h);

    guest_send_text(&g, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: "
                        "websocket\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    GUEST_HEARS(&g, " 101 ");
    return g;
}

/* first: FIN and opcode, 0x81 for a text, 0x82 for a message. */
static inline void guest_frame(struct guest *g, uint8_t first, struct slice payload)
{
    SCRATCH_BUF(frame, 0);

    kit_frame(&frame, first, payload, true);
    guest_send(g, buf_slice(&frame));
}

static inline void guest_says(struct guest *g, const char *json)
{
    guest_frame(g, 0x81, slice_of(json));
}
