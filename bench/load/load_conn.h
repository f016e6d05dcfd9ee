/* load_conn: one WebSocket (or bare TCP) connection of the generator, on the program's only loop.
 * Output is gathered by conn_out and leaves in one write at the end of the read that caused it,
 * or by conn_flush. Server fragments are not joined: no server under test sends any, and one that
 * does shows as an error. */
#pragma once

#include "load/load_buf.h"

#include <stdbool.h>
#include <uv.h>

struct conn;

/* Where to connect. Resolved once. */
struct target {
    struct sockaddr_storage addr;
    char host[256]; /* for the Host header, with port */
    char path[512];
};
int target_parse(const char *url, struct target *ret_target); /* 0, or -EINVAL / UV_E* */

struct conn_ops {
    void (*on_open)(struct conn *c); /* upgraded */
    void (*on_text)(struct conn *c, const uint8_t *data, size_t n);
    void (*on_binary)(struct conn *c, const uint8_t *data, size_t n);
    /* set: no WebSocket; bytes are in c->in, to be consumed by buf_drop_front */
    void (*on_raw)(struct conn *c);
    /* once, after open or failed to open */
    void (*on_close)(struct conn *c, const char *why);
};

enum conn_state { CONN_NEW, CONN_CONNECTING, CONN_UPGRADING, CONN_OPEN, CONN_CLOSING, CONN_CLOSED };

struct conn_pool;

struct conn {
    uv_tcp_t tcp;
    union {
        uv_connect_t connect;
        uv_write_t write;
    } req;
    struct conn_pool *pool;
    const struct conn_ops *ops;
    void *owner; /* for the callbacks of ops */
    enum conn_state state;
    bool is_writing;
    uint64_t read_at_ns; /* when the bytes now being handled were read */
    struct buf in;       /* an incomplete frame, else empty */
    struct buf out;      /* gathered */
    struct buf sending;  /* with the kernel's queue full: what uv_write holds */
    char why[160];
};

/* What all connections share: the loop and one read buffer. */
struct conn_pool {
    uv_loop_t *loop;
    uint8_t *scratch;
};
void conn_pool_init(struct conn_pool *p, uv_loop_t *loop);
void conn_pool_free(struct conn_pool *p);

/* Starts to connect; `path` replaces the target's when not NULL. c must be zeroed and must live
 * until on_close. */
int conn_start(struct conn *c, struct conn_pool *p, const struct target *t, const char *path);
struct buf *
/* append frames here; frames on a connection that is not open are lost */
conn_out(struct conn *c);
void conn_flush(struct conn *c);
void conn_resume(struct conn *c); /* reads again after uv_read_stop */
/* by reset, so that no port waits in TIME_WAIT */
void conn_close(struct conn *c, const char *why);
void conn_free(struct conn *c); /* buffers only; after on_close */
