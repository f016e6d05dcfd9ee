/* request: one parsed HTTP request. Its body has arrived before the handler sees it, unless its
 * route pulls it (http/body.h).
 *
 * A request belongs to its connection and ends with it. A handler is given one as a parameter and
 * ends it exactly once: http_respond(), http_stream_end(), http_request_drop() or
 * http_upgrade_take(). Whoever cannot end it in the same call parks it, and keeps a ticket:
 *
 *   on_request(req) -> http_request_park(req) -> return       the handler lets go of the request
 *   ... many turns later, on the same loop ...
 *   req = http_request_resume(ticket)                         the request, or NULL: the client left
 *
 * There is no other way back to it, so whatever runs after the client has gone finds out first.
 * `struct http_request *` is therefore no member of any struct outside this room:
 * tests/lifetimes.py. Loop-owned: the connection's loop thread only; tickets may travel. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "loop/slots.h"

struct account;
struct blob;
struct http_conn;
struct http_gunzip;
struct http_loop;
struct http_payer;
struct http_request;
struct http_route;
struct http_site;
struct loop;

enum http_method {
    HTTP_M_GET = 1,
    HTTP_M_HEAD = 2,
    HTTP_M_POST = 4,
    HTTP_M_PUT = 8,
    HTTP_M_PATCH = 16,
    HTTP_M_DELETE = 32,
    HTTP_M_OPTIONS = 64,
    HTTP_M_OTHER = 128,
};

enum { HTTP_MAX_PARAMS = 6, HTTP_CLIENT_MAX = 64 };

struct http_header_at { /* one header in the head block */
    uint32_t name_at, name_len, value_at, value_len;
};

/* Names a request that has been parked. Any number of copies, on any thread; all zero names
 * none. */
struct http_ticket {
    struct http_loop *http; /* const: where it is resumed */
    struct handle handle;
};

/* What the parker wants to hear of. Callbacks may be NULL. */
struct http_watch {
    void *owner;
    /* The client hung up: the ticket is dead already, the request is out of reach. Comes at most
     * once, never from inside a call that was given the request. */
    void (*on_gone)(void *owner);
    /* Streaming: all written bytes have left. */
    void (*on_drained)(struct http_request *req, void *owner);
    /* Of a body that is pulled: more has come, or its end, or it has broken off, which ends the
     * request. http_body_peek() tells. */
    void (*on_body)(struct http_request *req, void *owner);
};

/* NOTHING --http_stream_begin--> GOING_ON --http_stream_end--> FINAL
 *    \--http_respond--> FINAL       \--http_stream_abort, or the client leaves--> BROKEN */
enum http_sending { HTTP_SEND_NOTHING, HTTP_SEND_GOING_ON, HTTP_SEND_FINAL, HTTP_SEND_BROKEN };
enum http_body_state { HTTP_BODY_COMING, HTTP_BODY_WHOLE, HTTP_BODY_BROKEN };
enum http_body_fault {
    HTTP_BODY_SOUND,
    HTTP_BODY_MALFORMED,
    HTTP_BODY_TOO_LARGE,
    HTTP_BODY_INFLATES, /* too many times its size */
    HTTP_BODY_CORRUPT,  /* no gzip */
    HTTP_BODY_TOO_SLOW,
    HTTP_BODY_NO_ROOM,
};

/* A body that has left its request, with its charge. */
struct http_body {
    struct held_buf bytes;
};

/* Whom a request is from, as a room above has found out: kept with the request, so that it is found
 * out once. Its own in the beginning of what that room keeps. */
struct http_asker {
    void (*free)(struct http_asker *a);
};

struct http_request {
    /* const once the handler has it */
    struct loop *loop;
    const struct http_site *site;
    const struct http_route *route; /* NULL while a refusal of our own is sent */
    /* HEAD too reaches a GET route; its body is not sent */
    enum http_method method;
    /* decoded, without the base path, starts with '/' */
    struct slice path;
    struct slice query;                   /* raw, without '?' */
    struct slice body;                    /* decoded: chunks joined, gzip inflated */
    struct slice params[HTTP_MAX_PARAMS]; /* in the order of the pattern */
    bool is_upgrade;                      /* an upgrade route, and asked for a WebSocket */
    /* the site's `allow` has found a token that is good */
    bool is_verified;
    /* owned; NULL: nobody has looked (peer/asker.h) */
    struct http_asker *asker;
    /* a cookie with a token was passed over (http_request_token) */
    bool has_foreign_cookie;
    /* the room's own */
    struct http_conn *conn;  /* NULL once it is over */
    struct handle parked;    /* generation 0: it is not */
    struct http_watch watch; /* of who has parked it */
    struct held_buf head, path_text, body_bytes, token;
    struct http_header_at *headers;
    size_t n_headers, headers_room;
    enum http_body_state body_state;
    enum http_body_fault body_fault;
    /* of the body as it comes: as announced, or so far */
    size_t n_body_bytes;
    /* of a body that is pulled: what is read of body_bytes, and what has been unpacked of them */
    size_t n_body_read, n_plain_read, n_plain;
    struct held_buf plain;
    struct http_gunzip *gunzip; /* owned */
    /* Holds a reference: pays for the body and the answer. The connection's, or, when a trusted
     * proxy has said whose the request is, or it shows a token, a leaf of that address's; of the
     * door, see http_request_pay. */
    struct account *account;
    struct http_payer *payer;  /* of the latter; else NULL */
    enum http_sending sending; /* of the answer */
    /* of a streamed answer whose length was told (is_sized) */
    uint64_t n_unsent;
    uint64_t started_ms, n_bytes_out;
    unsigned status; /* 0 = not answered */
    /* for the log, a literal: the limit or rule; NULL: nobody said; empty: the log knows */
    const char *refused_by;
    /* for the log; nothing until http_request_note_user */
    struct held_buf refused_user;
    bool is_http10, wants_close, is_chunked, is_sized, is_pulled, is_length_told;
    char client[HTTP_CLIENT_MAX];
};

/* The first header of that name (any case), blanks trimmed; false when absent. */
bool http_request_header(const struct http_request *req, const char *name, struct slice *ret_value);
/* Header i of n_headers, as sent. */
void http_request_header_at(const struct http_request *req, size_t i, struct slice *ret_name,
                            struct slice *ret_value);
/* The text that stood at `{name}` of the route; empty when the pattern has none. */
struct slice http_request_param(const struct http_request *req, const char *name);
/* Whether its cookies say anything about who sends it: they do for what is sent from here, and,
 * when the route only reads (HTTP_ROUTE_ACTS), by following a link from another site. */
bool http_request_cookies_count(const struct http_request *req);
/* Walks the cookies in the order they are sent; there are none when they do not count. Valid as
 * long as the request. */
struct http_cookies {
    size_t i;          /* the next header line */
    struct slice rest; /* of the line before it */
};
struct http_cookies http_request_cookies(const struct http_request *req);
bool http_cookie_next(const struct http_request *req, struct http_cookies *at,
                      struct slice *ret_name, struct slice *ret_value);
/* The token a client presented (workspaces 3.10): in a header or cookie the operator has named, or
 * local accounts use; else Authorization (Bearer, Basic password, bare); else cookie access_token.
 * A cookie that does not count is passed over. False: none. Lives as long as the request. */
bool http_request_token(struct http_request *req, struct slice *ret_token);
/* For the log, of a request that is refused: the id of whose it is, where that is known. Without
 * room it is left out. */
void http_request_note_user(struct http_request *req, const char *user_id);
/* Address of the client without port: of the peer, or what a trusted proxy says it is. "" when
 * unknown. */
const char *http_request_client(struct http_request *req);
/* What is counted for that address: of IPv6 the /64 ("2001:db8::/64"). */
void http_request_network(struct http_request *req, char out[HTTP_CLIENT_MAX]);
/* Whom the client is when a trusted proxy names somebody who is none itself. False: the peer speaks
 * for itself, or for nobody known. */
bool http_request_named_client(const struct http_request *req, struct in6_addr *ret);
/* Whether the client came by https: said by a trusted proxy, the last of them where there are
 * several. */
bool http_request_is_https(const struct http_request *req);
/* Before the handler returns without having ended the request. May be called again, by whoever
 * was given the request again: the last watch counts, the ticket stays the same. */
struct http_ticket http_request_park(struct http_request *req, const struct http_watch *watch);
/* NULL: the client has gone, or the request was ended by another way. Valid until it is ended or
 * the caller returns to the loop. Loop thread of the ticket. */
struct http_request *http_request_resume(struct http_ticket ticket);

/* The body, for who works on it on another thread or when the request has ended; the request has
 * none afterwards. */
struct http_body http_request_take_body(struct http_request *req);
struct slice http_body_slice(const struct http_body *body);
/* As a blob that this account pays for from now on. NULL: it refuses; the body is as before. */
MUST_CHECK struct blob *http_body_take(struct http_body *body, struct account *account);
void http_body_deinit(struct http_body *body); /* any thread; safe twice */

/* The room's own. */
/* takes its own reference */
struct http_request *http_request_new(struct account *account);
/* The head is complete and judged: who pays from here on. Strangers and who is known pay below
 * accounts of their own; what is about health, and an upgrade while strangers have filled theirs,
 * is paid for by the door. */
void http_request_pay(struct http_request *req);
struct in6_addr;
/* as a proxy */
bool http_site_trusts(const struct http_site *site, const struct in6_addr *address);
/* Nobody finds it any more: what was parked is not. Leaves its watch. */
void http_request_unpark(struct http_request *req);
void http_request_end(struct http_request *req); /* tells on_done and frees */
/* Path and query of the target. False: no memory. */
MUST_CHECK bool http_request_settle(struct http_request *req, struct slice target);
enum { HTTP_BODY_OK, HTTP_BODY_NO_MEMORY };
MUST_CHECK int http_request_add_body(struct http_request *req, struct slice bytes);
/* Takes the bytes over. */
void http_request_replace_body(struct http_request *req, struct held_buf *body);
