/* A connection under load spends its life in on_read: parse every complete frame where it lies,
 * let the owner append answers, write them with one system call. An incomplete frame moves to
 * c->in and later reads land directly behind it, so large messages are copied at most once. c may
 * be closed by any callback; state is looked at again after each. */
#include "load/load_conn.h"

#include "load/load_frame.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCRATCH_BYTES = 256 * 1024, KEEP_BYTES = 64 * 1024 };

void conn_pool_init(struct conn_pool *p, uv_loop_t *loop)
{
    p->loop = loop;
    p->scratch = mem_zeroed(1, SCRATCH_BYTES);
}

void conn_pool_free(struct conn_pool *p)
{
    free(p->scratch);
    p->scratch = NULL;
}

int target_parse(const char *url, struct target *ret_target)
{
    struct target t = {0};
    bool is_web = strncmp(url, "http://", 7) == 0;
    const char *rest = is_web ? url + 7 : strncmp(url, "ws://", 5) == 0 ? url + 5 : NULL;
    if (!rest) {
        return -EINVAL;
    }
    size_t n_host = strcspn(rest, "/?");
    char host[256];
    if (n_host == 0 || n_host >= sizeof(host) || strlen(rest + n_host) + 4 >= sizeof(t.path)) {
        return -EINVAL;
    }
    memcpy(host, rest, n_host);
    host[n_host] = '\0';
    memcpy(t.host, host, n_host + 1);
    char *colon = strrchr(host, ':');
    if (colon) {
        *colon = '\0';
    }
    const char *path = rest + n_host;
    size_t n_path = strlen(path);
    while (is_web && n_path && path[n_path - 1] == '/') {
        n_path--;
    }
    (void)snprintf(t.path, sizeof(t.path), "%s%.*s%s", *path == '/' ? "" : "/", (int)n_path, path,
                   is_web ? n_path ? "/ws" : "ws" : "");
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, colon ? colon + 1 : "80", &hints, &found) != 0) {
        return -EHOSTUNREACH;
    }
    memcpy(&t.addr, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    *ret_target = t;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    c->state = CONN_CLOSED;
    if (c->ops->on_close) {
        c->ops->on_close(c, c->why);
    }
}

void conn_close(struct conn *c, const char *why)
{
    if (c->state == CONN_NEW || c->state >= CONN_CLOSING) {
        return;
    }
    c->state = CONN_CLOSING;
    (void)snprintf(c->why, sizeof(c->why), "%s", why);
    if (uv_tcp_close_reset(&c->tcp, on_closed) < 0) {
        uv_close((uv_handle_t *)&c->tcp, on_closed);
    }
}

void conn_free(struct conn *c)
{
    buf_free(&c->in);
    buf_free(&c->out);
    buf_free(&c->sending);
}

static void on_written(uv_write_t *req, int status)
{
    struct conn *c = req->handle->data;
    c->is_writing = false;
    c->sending.len = 0;
    if (c->state >= CONN_CLOSING) {
        return;
    }
    if (status < 0) {
        conn_close(c, uv_strerror(status));
    } else {
        conn_flush(c);
    }
}

void conn_flush(struct conn *c)
{
    if (c->is_writing || !c->out.len || c->state < CONN_UPGRADING || c->state > CONN_OPEN) {
        return;
    }
    uv_buf_t b = uv_buf_init((char *)c->out.data, (unsigned)c->out.len);
    int n = uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
    if (n < 0 && n != UV_EAGAIN) {
        conn_close(c, uv_strerror(n));
        return;
    }
    size_t done = n > 0 ? (size_t)n : 0;
    if (done == c->out.len) {
        c->out.len = 0;
        if (c->out.cap > KEEP_BYTES * 256) {
            buf_free(&c->out);
        }
        return;
    }
    struct buf spare = c->sending;
    c->sending = c->out;
    c->out = spare;
    b = uv_buf_init((char *)c->sending.data + done, (unsigned)(c->sending.len - done));
    c->is_writing = true;
    int r = uv_write(&c->req.write, (uv_stream_t *)&c->tcp, &b, 1, on_written);
    if (r < 0) {
        c->is_writing = false;
        conn_close(c, uv_strerror(r));
    }
}

struct buf *conn_out(struct conn *c)
{
    return &c->out;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    (void)suggested;
    struct conn *c = handle->data;
    if (c->in.len) {
        *ret_buf = uv_buf_init((char *)buf_reserve(&c->in, SCRATCH_BYTES), SCRATCH_BYTES);
    } else {
        *ret_buf = uv_buf_init((char *)c->pool->scratch, SCRATCH_BYTES);
    }
}

/* Length of the response head when it is complete, else 0. */
static size_t head_length(const uint8_t *data, size_t n)
{
    const uint8_t *stop = memmem(data, n, "\r\n\r\n", 4);
    return stop ? (size_t)(stop - data) + 4 : 0;
}

static size_t take_upgrade(struct conn *c, const uint8_t *data, size_t n)
{
    size_t head = head_length(data, n);
    if (!head) {
        return 0;
    }
    if (n < 12 || memcmp(data, "HTTP/1.1 101", 12) != 0) {
        char why[64];
        (void)snprintf(why, sizeof(why), "upgrade refused: %.*s", (int)(n < 40 ? n : 40),
                       (const char *)data);
        conn_close(c, why);
        return 0;
    }
    c->state = CONN_OPEN;
    c->ops->on_open(c);
    return head;
}

static void take_close(struct conn *c, const struct frame_view *f)
{
    char why[160];
    unsigned code = f->len >= 2 ? (unsigned)(f->payload[0] << 8 | f->payload[1]) : 1005U;
    int n_reason = f->len > 2 ? (int)f->len - 2 : 0;
    (void)snprintf(why, sizeof(why), "closed by server: %u %.*s", code, n_reason,
                   n_reason ? (const char *)f->payload + 2 : "");
    conn_close(c, why);
}

/* Handles one frame at the front of data; returns its size, or 0 when it is not complete. */
static size_t take_frame(struct conn *c, const uint8_t *data, size_t n)
{
    struct frame_view f;
    if (frame_read(data, n, &f) == FRAME_MORE) {
        return 0;
    }
    if (f.opcode == FRAME_BINARY && f.is_final) {
        c->ops->on_binary(c, f.payload, f.len);
    } else if (f.opcode == FRAME_TEXT && f.is_final) {
        c->ops->on_text(c, f.payload, f.len);
    } else if (f.opcode == FRAME_PING) {
        frame_append(&c->out, FRAME_PONG, f.payload, f.len);
    } else if (f.opcode == FRAME_CLOSE) {
        take_close(c, &f);
    } else if (f.opcode != FRAME_PONG) {
        conn_close(c, "fragmented or unknown frame");
    }
    return f.total;
}

static size_t take_all(struct conn *c, const uint8_t *data, size_t n)
{
    size_t at = 0;
    while (at < n && (c->state == CONN_UPGRADING || c->state == CONN_OPEN)) {
        size_t used = c->state == CONN_UPGRADING ? take_upgrade(c, data + at, n - at)
                                                 : take_frame(c, data + at, n - at);
        if (!used) {
            break;
        }
        at += used;
    }
    return at;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct conn *c = stream->data;
    if (n < 0) {
        conn_close(c, n == UV_EOF ? "end of stream" : uv_strerror((int)n));
        return;
    }
    c->read_at_ns = uv_hrtime();
    if (c->ops->on_raw) {
        if (c->in.len) {
            c->in.len += (size_t)n;
        } else {
            buf_append(&c->in, b->base, (size_t)n);
        }
        c->ops->on_raw(c);
    } else if (c->in.len) {
        c->in.len += (size_t)n;
        buf_drop_front(&c->in, take_all(c, c->in.data, c->in.len));
        if (!c->in.len && c->in.cap > KEEP_BYTES * 32) {
            buf_free(&c->in);
        }
    } else {
        size_t used = take_all(c, (const uint8_t *)b->base, (size_t)n);
        buf_append(&c->in, b->base + used, (size_t)n - used);
    }
    conn_flush(c);
}

void conn_resume(struct conn *c)
{
    if (c->state < CONN_CLOSING) {
        (void)uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    }
}

static void on_connected(uv_connect_t *req, int status)
{
    struct conn *c = req->handle->data;
    if (c->state != CONN_CONNECTING) {
        return;
    }
    if (status < 0 || (status = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read)) < 0) {
        conn_close(c, uv_strerror(status));
        return;
    }
    (void)uv_tcp_nodelay(&c->tcp, 1);
    c->state = CONN_UPGRADING;
    if (c->ops->on_raw) {
        c->out.len = 0;
        c->state = CONN_OPEN;
        c->ops->on_open(c);
    }
    conn_flush(c);
}

int conn_start(struct conn *c, struct conn_pool *p, const struct target *t, const char *path)
{
    c->pool = p;
    c->tcp.data = c;
    int r = uv_tcp_init(p->loop, &c->tcp);
    if (r < 0) {
        return r;
    }
    c->state = CONN_CONNECTING;
    char head[1200];
    int n =
        snprintf(head, sizeof(head),
                 "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: aHlwaGFkLWJlbmNoLWtleQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                 path ? path : t->path, t->host);
    buf_append(&c->out, head, (size_t)n);
    r = uv_tcp_connect(&c->req.connect, &c->tcp, (const struct sockaddr *)&t->addr, on_connected);
    if (r < 0) {
        conn_close(c, uv_strerror(r));
    }
    return 0;
}
