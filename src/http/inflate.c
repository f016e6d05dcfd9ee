/* inflate: a few kilobytes of gzip may hold a hundred megabytes, so only small bodies are
 * inflated in place; the rest goes to a worker. While it works it is the holder of the request:
 * the client may go, the request stays. */
#include "http/inflate.h"

#include "base/memory.h"
#include "http/gzip.h"
#include "http/response.h"
#include "http/routes.h"
#include "loop/offload.h"

enum { IN_PLACE_MAX = 8 * 1024 };

struct inflating {
    struct job job;
    struct http_request *req;
    size_t cap_bytes;
    struct buf plain;
    int outcome;
    void (*then)(struct http_request *req);
};

static void settle(struct http_request *req, int outcome, struct buf *plain,
                   void (*then)(struct http_request *req))
{
    if (outcome == HTTP_GZIP_OK && http_request_replace_body(req, plain) != HTTP_BODY_OK)
        outcome = HTTP_GZIP_NO_MEMORY;
    buf_deinit(plain);
    switch (outcome) {
    case HTTP_GZIP_OK:
        then(req);
        return;
    case HTTP_GZIP_CORRUPT:
        http_respond_error(req, 400, HTTP_F1, SLICE_LIT("Invalid request body: corrupt gzip data"));
        return;
    case HTTP_GZIP_TOO_LARGE:
        http_respond_error(req, 413, HTTP_F1, SLICE_LIT("Request body too large"));
        return;
    default:
        http_respond_error(req, 503, HTTP_F1, SLICE_LIT("Server is out of memory"));
    }
}

static void work(struct job *job)
{
    struct inflating *w = CONTAINER_OF(job, struct inflating, job);

    w->outcome = http_gunzip(w->req->body, w->cap_bytes, &w->plain);
}

static void done(struct job *job)
{
    struct inflating *w = CONTAINER_OF(job, struct inflating, job);

    if (w->req->conn) {
        settle(w->req, w->outcome, &w->plain, w->then);
    } else {
        buf_deinit(&w->plain);
        http_request_drop(w->req);
    }
    mem_free(w);
}

void http_inflate_then(struct http_request *req, size_t cap_bytes,
                       void (*then)(struct http_request *req))
{
    struct slice coding;

    if ((req->route->flags & HTTP_ROUTE_AS_SENT) || !req->body.len ||
        !http_request_header(req, "content-encoding", &coding) ||
        !slice_is_nocase(coding, "gzip")) {
        then(req);
        return;
    }
    if (req->body.len > IN_PLACE_MAX) {
        struct inflating *w = MEM_NEW(struct inflating);
        w->req = req;
        w->cap_bytes = cap_bytes;
        w->then = then;
        offload(req->loop, &w->job, work, done);
        return;
    }
    struct buf plain;
    buf_init(&plain, 0);
    settle(req, http_gunzip(req->body, cap_bytes, &plain), &plain, then);
}
