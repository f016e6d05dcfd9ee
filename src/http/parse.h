/* parse: bytes to requests; the only user of llhttp. Pure: no socket, no timer. Strict: nothing
 * that two servers could read differently gets through. Loop-owned. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"

struct account;
struct http_parser;
struct http_request;

enum {
    HTTP_PARSE_MORE, /* all bytes are used */
    HTTP_PARSE_HEAD, /* a head is complete: decide about it, then feed on */
    HTTP_PARSE_DONE, /* the request is complete */
    /* the request is complete and what follows is another protocol: feed no more */
    HTTP_PARSE_UPGRADE,
    HTTP_PARSE_MALFORMED,      /* 400; every error is final */
    HTTP_PARSE_HEAD_TOO_LARGE, /* 431 */
    HTTP_PARSE_BODY_TOO_LARGE, /* 413 */
    HTTP_PARSE_NO_MEMORY,      /* 503 */
};

struct http_parse_caps {
    size_t head_bytes;
    unsigned n_headers;
};

/* account: pays for the requests; outlives the parser. */
NONNULL(2)
struct http_parser *http_parser_new(struct http_parse_caps caps, struct account *account);
/* takes NULL; returns NULL; frees an unfinished request */
struct http_parser *http_parser_free(struct http_parser *p);
/* Feeds bytes; stops at the first outcome other than MORE. *ret_used: how many were used. */
MUST_CHECK int http_parser_feed(struct http_parser *p, const char *bytes, size_t n_bytes,
                                size_t *ret_used);
/* The request being read; NULL between requests. Borrowed. */
struct http_request *http_parser_request(struct http_parser *p);
/* After DONE, UPGRADE or an error: the request is the caller's; the parser is ready for the
 * next. NULL: none had begun. */
struct http_request *http_parser_take(struct http_parser *p);
/* After HEAD: what becomes of the body. */
void http_parser_expect_body(struct http_parser *p, size_t cap_bytes, bool keep);
void http_parser_ignore_upgrade(struct http_parser *p);
#define HTTP_BODY_UNKNOWN UINT64_MAX
/* after HEAD: as announced; UNKNOWN when chunked */
uint64_t http_parser_body_bytes(const struct http_parser *p);
