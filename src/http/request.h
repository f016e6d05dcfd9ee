/* request: one parsed HTTP request, whole: its body has arrived before the handler sees it (http.md
 * 1).
 *
 * A handler is given a request and ends it exactly once, in the same call or many turns later:
 * http_respond(), http_stream_end(), http_request_drop() or http_upgrade_take(). Until then the
 * request and every slice of it stay valid, even when the client has gone: then on_gone is
 * called (at most once) and what is answered afterwards goes nowhere. Loop-owned: the
 * connection's loop thread only. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

struct account;
struct http_conn;
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

struct http_header_at {         /* one header in the head block */
    uint32_t name_at, name_len, value_at, value_len;
};

struct http_request {
    /* const once the handler has it */
    struct loop *loop;
    const struct http_site *site;
    const struct http_route *route;         /* NULL while a refusal of our own is sent */
    enum http_method method;                /* HEAD too reaches a GET route; its body is not sent */
    struct slice path;                      /* decoded, without the base path, starts with '/' */
    struct slice query;                     /* raw, without '?' */
    struct slice body;                      /* decoded: chunks joined, gzip inflated */
    struct slice params[HTTP_MAX_PARAMS];   /* in the order of the pattern */
    bool is_upgrade;                        /* an upgrade route, and asked for a WebSocket */
    /* the handler's own */
    void *owner;
    /* The client hung up first. May end the request. May be NULL. */
    void (*on_gone)(struct http_request *req);
    /* Streaming: all written bytes have left. May be NULL. */
    void (*on_drained)(struct http_request *req);
    /* the room's own */
    struct http_conn *conn;                 /* NULL once the client has gone */
    struct buf head, path_text, body_bytes, token;
    struct http_header_at *headers;
    size_t n_headers, headers_room;
    struct account *account;                /* pays for the body, or NULL */
    size_t charged_bytes;
    uint64_t started_ms, n_bytes_out;
    unsigned status;                        /* 0 = not answered */
    bool is_http10, wants_close, is_streaming, is_chunked;
    char client[HTTP_CLIENT_MAX];
};

/* The first header of that name (any case), blanks trimmed; false when absent. */
bool http_request_header(const struct http_request *req, const char *name,
                         struct slice *ret_value);
/* Header i of n_headers, as sent. */
void http_request_header_at(const struct http_request *req, size_t i, struct slice *ret_name,
                            struct slice *ret_value);
/* The text that stood at `{name}` of the route; empty when the pattern has none. */
struct slice http_request_param(const struct http_request *req, const char *name);
/* A cookie's value; false when absent. */
bool http_request_cookie(const struct http_request *req, const char *name,
                         struct slice *ret_value);
/* The token a client presented (workspaces 3.10): in a header or cookie the operator has named, or
 * local accounts use; else Authorization (Bearer, Basic password, bare); else cookie access_token.
 * False: none. Lives as long as the request. */
bool http_request_token(struct http_request *req, struct slice *ret_token);
/* Address of the client without port: of the peer, or what a trusted proxy says it is (http.md
 * 1.8). "" when unknown. */
const char *http_request_client(struct http_request *req);
/* Whether the client came by https: said by a trusted proxy. */
bool http_request_is_https(struct http_request *req);
/* Ends the request without an answer: the connection is closed. */
void http_request_drop(struct http_request *req);

/* The room's own. */
struct http_request *http_request_new(void);
void http_request_end(struct http_request *req);                /* tells on_done and frees */
/* Path and query of the target. False: no memory. */
MUST_CHECK bool http_request_settle(struct http_request *req, struct slice target);
enum { HTTP_BODY_OK, HTTP_BODY_NO_MEMORY };
MUST_CHECK int http_request_add_body(struct http_request *req, struct slice bytes);
/* Takes the bytes over when OK. */
MUST_CHECK int http_request_replace_body(struct http_request *req, struct buf *body);
