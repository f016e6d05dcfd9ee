/* inflate: a few kilobytes of gzip may hold a hundred megabytes, so only what stays small is
 * inflated in place; the rest goes to a worker, which has taken the body: the client may go, and
 * the request with it. Who shows no token may have far less unpacked, and of no such extremes. */
#include "http/inflate.h"

#include "base/account.h"
#include "base/memory.h"
#include "config/config.h"
#include "http/conn.h"
#include "http/dispatch.h"
#include "http/gzip.h"
#include "http/response.h"
#include "http/routes.h"
#include "loop/offload.h"

enum {
    IN_PLACE_MAX = 8 * 1024,            /* bytes of gzip, */
    IN_PLACE_PLAIN_MAX = 64 * 1024,     /* and of what they hold */
    INFLATE_FREE_BYTES = 1024 * 1024,   /* so much may come of few bytes */
};

struct inflating {
    struct job job;
    struct http_ticket ticket;
    struct http_body packed;
    size_t cap_bytes;
    struct held_buf plain; /* not of the leaf, which a worker must not charge */
    int outcome;
    void (*then)(struct http_request *req);
};

/* cap_bytes: what it was held to. */
static void settle(struct http_request *req, int outcome, struct held_buf *plain, size_t cap_bytes,
                   void (*then)(struct http_request *req))
{
    if (outcome == HTTP_GZIP_OK)
        http_request_replace_body(req, plain);
    held_buf_deinit(plain);
    switch (outcome) {
    case HTTP_GZIP_OK:
        then(req);
        return;
    case HTTP_GZIP_CORRUPT:
        http_respond_error(req, 400, HTTP_F1, SLICE_LIT("Invalid request body: corrupt gzip data"));
        return;
    case HTTP_GZIP_TOO_LARGE:
        http_dispatch_too_large(req, cap_bytes < http_dispatch_body_cap(req) ? config_names.max_anonymous_inflation : NULL);
        return;
    default:
        req->refused_by = "memory";
        http_respond_error(req, 503, HTTP_F1, SLICE_LIT("Server is out of memory"));
    }
}

static void work(struct job *job)
{
    struct inflating *w = CONTAINER_OF(job, struct inflating, job);

    w->outcome = http_gunzip(http_body_slice(&w->packed), w->cap_bytes, &w->plain.b);
}

static void done(struct job *job)
{
    struct inflating *w = CONTAINER_OF(job, struct inflating, job);
    struct http_request *req = http_request_resume(w->ticket);

    http_body_deinit(&w->packed);
    if (req) {
        http_request_unpark(req); /* whoever gets it now ends it or parks it for themselves */
        settle(req, w->outcome, &w->plain, w->cap_bytes, w->then);
    } else {
        held_buf_deinit(&w->plain);
    }
    mem_free(w);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What may come of the body. */
static size_t plain_cap(const struct http_request *req)
{
    unsigned times = req->is_verified ? 0 : req->site->caps.anonymous_inflation;
    size_t cap = http_dispatch_body_cap(req), by_size = req->body.len * times;

    if (!times)
        return cap;
    return smaller(cap, by_size > INFLATE_FREE_BYTES ? by_size : INFLATE_FREE_BYTES);
}

static void inflate_on_worker(struct http_request *req, void (*then)(struct http_request *req))
{
    struct inflating *w = MEM_NEW(struct inflating);

    w->cap_bytes = plain_cap(req);
    w->packed = http_request_take_body(req);
    held_buf_init(&w->plain, 0, account_shared(req->account));
    w->then = then;
    w->ticket = http_request_park(req, &(struct http_watch){0});
    w->job = (struct job){.class = OFFLOAD_BULK, .is_stranger = !req->is_verified, .work = work, .done = done};
    if (offload(req->loop, &w->job) == OFFLOAD_OK)
        return;
    http_body_deinit(&w->packed);
    held_buf_deinit(&w->plain);
    mem_free(w);
    http_request_unpark(req);
    req->refused_by = config_names.bulk_queue;
    http_respond_error(req, 503, HTTP_F1,
                       SLICE_LIT("Too many bodies are being unpacked, please retry"));
}

/* False: it becomes too much for this thread. */
static bool inflate_in_place(struct http_request *req, void (*then)(struct http_request *req))
{
    size_t cap = plain_cap(req);
    struct held_buf plain;

    if (req->body.len > IN_PLACE_MAX)
        return false;
    held_buf_init(&plain, 0, req->account);
    int outcome = http_gunzip(req->body, smaller(cap, IN_PLACE_PLAIN_MAX), &plain.b);
    if (outcome == HTTP_GZIP_TOO_LARGE && cap > IN_PLACE_PLAIN_MAX) {
        held_buf_deinit(&plain);
        return false;
    }
    settle(req, outcome, &plain, cap, then);
    return true;
}

void http_inflate_then(struct http_request *req, void (*then)(struct http_request *req))
{
    struct slice coding;

    if ((req->route->flags & HTTP_ROUTE_AS_SENT) || !req->body.len ||
        !http_request_header(req, "content-encoding", &coding) || !slice_is_nocase(coding, "gzip"))
        then(req);
    else if (!inflate_in_place(req, then))
        inflate_on_worker(req, then);
}
