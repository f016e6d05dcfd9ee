/* conn_state: what the files of a connection (conn.h names them) share of it; nobody else includes
 * it. Loop-owned. */
#pragma once
#include "base/buf.h"
#include "http/admit.h"
#include "http/http_conn.h"
#include "http/http_dispatch.h"
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
    struct http_request *req;    /* the handler's, in PENDING; in BODY the parser's too */
    struct http_verdict verdict; /* about the request being read */
    struct timer timer;
    /* of what the timer waits for, in BODY or while an answer leaves */
    struct http_pace pace;
    struct deferred resume;
    /* a leaf of its address's, or of the door: pays for all of this */
    struct account *account;
    struct http_payer *payer; /* of the address; NULL: it is a proxy's, or not known */
    struct held_buf held;     /* unread bytes that wait for an answer */
    struct slice rest;        /* while feeding an upgrade: what follows its head */
    enum conn_state state;
    bool is_feeding;
    bool is_cut;      /* out of memory or of time: closed at the end of the turn */
    bool is_at_door;  /* its account is: for one request */
    bool is_evicted;  /* its place is another's: the seat hears no more */
    bool is_unread;   /* the client has more to send of a refused request */
    bool keeps_alive; /* in BODY: what the head says, while an early answer would close */
    size_t n_kept;    /* what the account keeps for it: records of fixed size */
};

enum { CONN_DEFAULT_STALL_MS = 60 * 1000 };

static inline uint64_t http_conn_stall_ms(const struct http_conn *c)
{
    uint64_t ms = c->hl->site->caps.stall_timeout_ms;

    return ms ? ms : CONN_DEFAULT_STALL_MS;
}

static inline void http_conn_start_timer(struct http_conn *c, uint64_t ms)
{
    timer_start(c->hl->loop, &c->timer, ms);
}
