/* http_conn: HTTP/1.1 server connections. One object per accepted socket, owned by its loop; it
 * dies by itself.
 *
 *   IDLE --first byte--> HEAD --head complete--> BODY --whole--> PENDING --answered--> IDLE
 *     any --refused or `Connection: close`--> LINGER or CLOSING    \--http_upgrade_take--> TAKEN
 *
 * PENDING: the handler has the request; one that pulls its body has it in BODY too. Requests of one
 * connection are answered one after the other, in order.
 *
 * Files of a connection, each of which calls those behind it: serve (socket, timer, seat), feed
 * (bytes to requests), dispatch (requests to handlers), response, conn (order, endings), admit
 * (seat, pace). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"
#include "http/request.h"
#include "http/routes.h"

struct account;
struct config_cidrs;
struct config_list;
struct stream;

struct http_caps {
    size_t head_bytes;  /* request line and headers: 431 */
    unsigned n_headers; /* 431 */
    size_t body_bytes;  /* after inflating: 413 */
    /* Of who shows no token that `allow` could verify: the same, and how many times its size a body
     * may become above INFLATE_FREE_BYTES. 0 = as for others. */
    size_t anonymous_body_bytes;
    unsigned anonymous_inflation;
    /* from a request's first byte to the end of its head: 408 */
    uint64_t head_timeout_ms;
    uint64_t keepalive_timeout_ms; /* between two requests */
    /* a body that stops, a response that is not read; 0 = 60 s */
    uint64_t stall_timeout_ms;
    /* bytes a second of a body or response that is waited for: 408; 0 = any */
    size_t min_rate;
    uint64_t rate_window_ms; /* over so long */
};

/* What all connections of a server share. Const after start; outlives every loop's connections. */
struct http_site {
    struct http_routes routes;
    struct http_caps caps;
    const char *base_path;                   /* "" or "/a/b" */
    const struct config_list *allow_origins; /* NULL, empty or "*" = all */
    /* networks whose X-Forwarded-* count; NULL = none */
    const struct config_cidrs *trusted;
    /* all of it is for whoever sits in the reserve of its listener */
    bool is_reserved;
    struct account *account;    /* all connections together; NULL: the loop's own */
    struct http_payers *payers; /* below it: one for each client address; NULL: none */
    /* May be NULL. False: 429 with Retry-After. Runs when a head is complete, on its loop. */
    bool (*allow)(struct http_request *req, unsigned *ret_retry_after_s, void *arg);
    /* May be NULL. After a request has ended: req->status (0 = no answer), n_bytes_out. */
    void (*on_done)(struct http_request *req, void *arg);
    void *arg; /* of the two hooks */
};

/* The connections of one loop. */
struct http_loop {
    struct loop *loop;
    const struct http_site *site;
    struct list conns;
    struct slots parked; /* struct http_request: what tickets name */
    size_t n_conns;
    bool is_closing;
};

void http_loop_init(struct http_loop *hl, struct loop *loop, const struct http_site *site);
/* After its last connection has closed; tickets are resumed no more. */
void http_loop_deinit(struct http_loop *hl);
/* Shutdown, loop thread: closes connections without a request; the others close after their
 * answer. New ones are closed at once. */
void http_loop_close_idle(struct http_loop *hl);
/* Closes all at once; handlers that hold a request are told by on_gone. */
void http_loop_close_all(struct http_loop *hl);

/* Ends a request of an upgrade route by taking the connection's stream: from here on the caller
 * owns it and adopts it with stream_adopt at once. The stream is being read. The request and
 * *ret_leftover (bytes that came after the head; may be changed in place) stay valid until the
 * caller's callback returns. */
struct stream *http_upgrade_take(struct http_request *req, struct slice *ret_leftover);

/* The room's own: what response.c and request.c need of a connection. req->conn is not NULL. */
struct msg;
/* Takes over the reference; NULL cuts the connection. */
void http_conn_send(struct http_request *req, struct msg *m);
size_t http_conn_waiting(const struct http_request *req); /* bytes queued to the client */
bool http_conn_is_cut(const struct http_request *req);    /* it ends with this turn */
/* ends the request; the next may be read */
void http_conn_answered(struct http_request *req);
void http_conn_cut(struct http_request *req); /* ends request and connection at once */
/* Who reads its body takes more of it again. */
void http_conn_resume(const struct http_request *req);
void http_conn_set_timeout(const struct http_request *req, uint64_t ms);
struct http_conn;
/* at once; a handler that waits hears of it */
void http_conn_close(struct http_conn *c);
/* Sends what is queued, then closes; a client that does not read is waited for so long and no
 * longer. */
void http_conn_finish(struct http_conn *c);
void http_conn_free(struct http_conn *c);
