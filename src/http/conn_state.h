/* conn_state: what conn.c (life, time, endings) and feed.c (bytes to requests to handlers) share
 * of a connection, and admit.c looks at; nobody else includes it. Loop-owned. */
#pragma once
#include "base/buf.h"
#include "http/admit.h"
#include "http/conn.h"
#include "http/dispatch.h"
#include "loop/loop.h"

struct http_parser;

enum conn_state {
    CONN_IDLE,
    CONN_HEAD,
    CONN_BODY,
    CONN_PENDING,
    CONN_LINGER,
    CONN_CLOSING,
    CONN_TAKEN
};

struct http_conn {
    /* const after init */
    struct http_loop *hl;
    /* loop only */
    struct list link;
    struct stream *stream; /* NULL once taken */
    struct in6_addr peer;  /* of the other end; all zero when not known */
    struct http_parser *parser;
    struct http_request *req;    /* the handler's, in PENDING */
    struct http_verdict verdict; /* about the request being read */
    struct timer timer;
    struct http_pace pace; /* of what the timer waits for, in BODY or while an answer leaves */
    struct deferred resume;
    struct account *account;     /* a leaf of its address's: pays for all of this */
    struct http_payer *payer;    /* of the address; NULL: it is a proxy's, or not known */
    struct held_buf held;   /* unread bytes that wait for an answer */
    struct slice rest; /* while feeding an upgrade: what follows its head */
    enum conn_state state;
    bool is_feeding;
    bool is_cut;    /* out of memory or of patience: closed at the end of the turn */
    bool is_evicted; /* its place is another's: the seat hears no more */
    bool is_unread; /* the client has more to send of a refused request */
    size_t n_kept;  /* what the account keeps for it: records of fixed size */
};

/* conn.c */
void http_conn_close(struct http_conn *c);      /* at once; a handler that waits hears of it */
void http_conn_free(struct http_conn *c);
void http_conn_start_timer(struct http_conn *c, uint64_t ms);
uint64_t http_conn_stall_ms(const struct http_conn *c);
/* A handler has returned: it has ended the request, or parked it. */
void http_conn_served(const struct http_conn *c);

/* feed.c */
/* Parses and dispatches until the bytes are used up or the next request must wait; what is left is
 * held. The connection may be closed afterwards; one whose stream was taken is freed. */
void http_feed(struct http_conn *c, char *bytes, size_t n_bytes);
void http_feed_hold(struct http_conn *c, const char *bytes, size_t n_bytes);
bool http_feed_is_open(const struct http_conn *c);      /* the next byte belongs to a request */
void http_feed_refuse_slow(struct http_conn *c);        /* 408, or just the end when none began */
void http_feed_refuse_evicted(struct http_conn *c);     /* 503 */
