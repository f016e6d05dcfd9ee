/* response: answering a request. Date, Server, Content-Length, CORS
 * headers, gzip and HEAD are done here. Loop thread of the request. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "http/header.h"

struct account_refusal;
struct blob;
struct http_request;
struct location;

enum http_error_family { HTTP_F1, HTTP_F2, HTTP_F3, HTTP_F4 };

/* Answers and ends the request: `req` is gone afterwards. content_type NULL: none is sent. The
 * body is copied. extra: further header lines made by http_header_add, or empty. */
void http_respond(struct http_request *req, unsigned status, const char *content_type,
                  struct slice body, struct slice extra);
/* The same, but takes the body over: a long one is not copied. */
void http_respond_owned(struct http_request *req, unsigned status, const char *content_type,
                        struct buf *body, struct slice extra);
/* Ends the request without an answer: the connection is closed. */
void http_request_drop(struct http_request *req);
/* text/plain; charset=utf-8 */
void http_respond_text(struct http_request *req, unsigned status, const char *text);
void http_respond_error(struct http_request *req, unsigned status, enum http_error_family family,
                        struct slice detail);
/* 503: what the request takes was refused to whoever pays for it. what: the sentence, to which the
 * option is added. */
void http_respond_no_room(struct http_request *req, const struct account_refusal *why,
                          const char *what);
/* Takes the location over. */
void http_respond_redirect(struct http_request *req, unsigned status, struct location *to);
/* A response whose length is not known: chunked, or ended by closing for HTTP/1.0. What is
 * written in a turn leaves at its end. After http_stream_end the request is gone. */
void http_stream_begin(struct http_request *req, unsigned status, const char *content_type,
                       struct slice extra);
/* The same with a length that is told: no more is written, and ended with less it is aborted. */
struct http_head {
    unsigned status;
    const char *content_type;
    struct slice extra;
    uint64_t n_bytes;
};
void http_stream_begin_sized(struct http_request *req, const struct http_head *head);
/* A client whose machine acknowledges nothing for so long is gone (net/stream.h). */
void http_stream_timeout(struct http_request *req, uint64_t ms);
/* Returns the bytes that wait for the client. Above a mark of its own choice the writer stops until
 * on_drained, which comes when nothing waits here: the kernel still has what keeps the client busy.
 * 0 when the connection is about to be cut; nothing is kept then. The bytes are copied, once. */
size_t http_stream_write(struct http_request *req, struct slice bytes);
/* The same of several parts. tail: lies in blob and is not copied; or empty, with no blob. */
enum { HTTP_PIECE_PARTS = 3 };
struct http_piece {
    struct slice parts[HTTP_PIECE_PARTS];
    struct slice tail;
    struct blob *blob;
};
size_t http_stream_push(struct http_request *req, const struct http_piece *piece);
/* the same, without writing */
size_t http_stream_waiting(const struct http_request *req);
/* False: whatever is written is thrown away, since HEAD was asked for or the connection is about to
 * be cut. */
bool http_stream_is_taken(const struct http_request *req);
void http_stream_end(struct http_request *req);
/* Ends a streamed response that failed half-way: the connection is cut, so that the client sees
 * that the body is not whole. */
void http_stream_abort(struct http_request *req);
