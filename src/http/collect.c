/* collect: the reader of bodies for routes that want them whole: it lets them come, up to the cap,
 * and has them unpacked when they have.
 *
 * A few kilobytes of gzip may hold a hundred megabytes, so only what stays small is inflated in
 * place; the rest goes to a worker, which has taken the body: the client may go, and the request
 * with it. Who shows no token may have far less unpacked, and of no such extremes. */
#include "http/collect.h"

#include "base/account.h"
#include "base/memory.h"
#include "config/config.h"
#include "http/body.h"
#include "http/conn_state.h"
#include "http/gzip.h"
#include "http/response.h"
#include "http/routes.h"
#include "loop/offload.h"

enum {
    IN_PLACE_MAX = 8 * 1024,        /* bytes of gzip, */
    IN_PLACE_PLAIN_MAX = 64 * 1024, /* and of what they hold */
};

struct inflating {
    struct job job;
    struct http_ticket ticket;
    struct http_body packed;
    size_t cap_bytes;
    struct held_buf plain; /* not of the leaf, which a worker must not charge */
    int outcome;
};

static void collect_serve(struct http_request *req)
{
    const struct http_conn *c = req->conn; /* freed in a later turn at the earliest */

    req->route->on_request(req, req->route->arg);
    ASSERT(c->state != CONN_PENDING || (c->req && c->req->parked.generation));
}

/* cap_bytes: what it was held to. */
static void collect_settle(struct http_request *req, int outcome, struct held_buf *plain,
                           size_t cap_bytes)
{
    if (outcome != HTTP_GZIP_OK && outcome != HTTP_GZIP_CORRUPT && outcome != HTTP_GZIP_TOO_LARGE) {
        http_body_refuse_for_room(req, plain->b.account);
        held_buf_deinit(plain);
        return;
    }
    if (outcome == HTTP_GZIP_OK)
        http_request_replace_body(req, plain);
    held_buf_deinit(plain);
    switch (outcome) {
    case HTTP_GZIP_OK:
        collect_serve(req);
        return;
    case HTTP_GZIP_CORRUPT:
        req->body_fault = HTTP_BODY_CORRUPT;
        break;
    case HTTP_GZIP_TOO_LARGE:
        req->body_fault = cap_bytes < http_body_cap(req) ? HTTP_BODY_INFLATES : HTTP_BODY_TOO_LARGE;
        break;
    default:
        break;
    }
    http_body_refuse(req);
}

static void collect_work(struct job *job)
{
    struct inflating *w = CONTAINER_OF(job, struct inflating, job);

    w->outcome = http_gunzip(http_body_slice(&w->packed), w->cap_bytes, &w->plain.b);
}

static void collect_done(struct job *job)
{
    struct inflating *w = CONTAINER_OF(job, struct inflating, job);
    struct http_request *req = http_request_resume(w->ticket);

    http_body_deinit(&w->packed);
    if (req) {
        http_request_unpark(req); /* whoever gets it now ends it or parks it for themselves */
        collect_settle(req, w->outcome, &w->plain, w->cap_bytes);
    } else {
        held_buf_deinit(&w->plain);
    }
    mem_free(w);
}

static size_t collect_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void inflate_on_worker(struct http_request *req)
{
    struct inflating *w = MEM_NEW(struct inflating);

    w->cap_bytes = http_body_plain_cap(req);
    w->packed = http_request_take_body(req);
    held_buf_init(&w->plain, 0, account_shared(req->account));
    w->ticket = http_request_park(req, &(struct http_watch){0});
    w->job = (struct job){.class = OFFLOAD_BULK,
                          .is_stranger = !req->is_verified,
                          .work = collect_work,
                          .done = collect_done};
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
static bool inflate_in_place(struct http_request *req)
{
    size_t cap = http_body_plain_cap(req);
    struct held_buf plain;

    if (req->body.len > IN_PLACE_MAX)
        return false;
    held_buf_init(&plain, 0, req->account);
    int outcome = http_gunzip(req->body, collect_smaller(cap, IN_PLACE_PLAIN_MAX), &plain.b);
    if (outcome == HTTP_GZIP_TOO_LARGE && cap > IN_PLACE_PLAIN_MAX) {
        held_buf_deinit(&plain);
        return false;
    }
    collect_settle(req, outcome, &plain, cap);
    return true;
}

static void collect_go_on(struct http_request *req)
{
    if (!req->body.len || !http_body_is_packed(req))
        collect_serve(req);
    else if (!inflate_in_place(req))
        inflate_on_worker(req);
}

static void collect_on_body(struct http_request *req, void *owner)
{
    (void)owner;
    if (req->body_state == HTTP_BODY_COMING)
        return;
    req->watch = (struct http_watch){0};
    if (req->body_state == HTTP_BODY_WHOLE)
        collect_go_on(req);
    else
        http_body_refuse(req);
}

void http_collect(struct http_request *req)
{
    bool pulls = req->route->flags & HTTP_ROUTE_PULLED;

    if (pulls && !http_body_pull(req))
        http_body_refuse(req);
    else if (pulls)
        collect_serve(req);
    else if (req->body_state == HTTP_BODY_COMING)
        req->watch = (struct http_watch){.on_body = collect_on_body};
    else
        collect_go_on(req);
}
