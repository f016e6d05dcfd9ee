/* body: bytes are copied once, from the loop's scratch into the request's own buffer, and read out
 * of there. What a puller has read is dropped when it is half of the buffer, so nothing is moved
 * more than once. */
#include "http/body.h"

#include "base/account.h"
#include "config/config.h"
#include "http/http_conn.h"
#include "http/gzip.h"
#include "http/response.h"
#include "http/routes.h"
#include "loop/loop.h"

enum {
    INFLATE_FREE_BYTES = 1024 * 1024, /* so much may come of few bytes */
    UNPACK_BYTES = 64 * 1024,         /* at once */
};

/* ---- how much there may be ---- */

static bool is_held_to_less(const struct http_request *req)
{
    return !req->is_verified && req->site->caps.anonymous_body_bytes;
}

static size_t body_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t http_body_cap(const struct http_request *req)
{
    const struct http_caps *caps = &req->site->caps;
    size_t cap =
        req->route && req->route->max_body_bytes ? req->route->max_body_bytes : caps->body_bytes;

    return is_held_to_less(req) ? body_smaller(caps->anonymous_body_bytes, cap) : cap;
}

size_t http_body_plain_cap(const struct http_request *req)
{
    unsigned times = req->is_verified ? 0 : req->site->caps.anonymous_inflation;
    size_t cap = http_body_cap(req), by_size = req->n_body_bytes * times;

    if (!times)
        return cap;
    return body_smaller(cap, by_size > INFLATE_FREE_BYTES ? by_size : INFLATE_FREE_BYTES);
}

/* ---- refusals ---- */

static const char *body_rule(const struct http_request *req)
{
    size_t cap = http_body_cap(req);

    if (is_held_to_less(req) && cap == req->site->caps.anonymous_body_bytes)
        return config_names.max_anonymous_body_bytes;
    return cap == req->site->caps.body_bytes ? config_names.max_body_bytes : "body-of-this-path";
}

void http_body_too_large(struct http_request *req, const char *rule)
{
    SCRATCH_BUF(text, 0);

    buf_add_text(&text, "Request body too large");
    if (req->site && is_held_to_less(req))
        buf_add_fmt(&text,
                    ": without a token of this server it may have %zu bytes when it is unpacked, "
                    "and become at most %u times "
                    "its size",
                    http_body_cap(req), req->site->caps.anonymous_inflation);
    req->refused_by = rule ? rule : body_rule(req);
    http_respond_error(req, 413, HTTP_F1, buf_slice(&text));
}

void http_body_refuse_for_room(struct http_request *req, const struct account *payer)
{
    struct account_refusal why = account_refusal(payer);

    http_respond_no_room(req, &why, "There is no room for the request");
}

void http_body_refuse(struct http_request *req)
{
    if (req->sending == HTTP_SEND_GOING_ON) {
        http_stream_abort(req);
        return;
    }
    switch (req->body_fault) {
    case HTTP_BODY_TOO_LARGE:
        http_body_too_large(req, NULL);
        return;
    case HTTP_BODY_INFLATES:
        http_body_too_large(req, config_names.max_anonymous_inflation);
        return;
    case HTTP_BODY_NO_ROOM:
        http_body_refuse_for_room(req, req->account);
        return;
    case HTTP_BODY_TOO_SLOW:
        req->refused_by = config_names.min_body_rate;
        http_respond_text(req, 408, "Request Timeout: the body of the request came too slowly.");
        return;
    case HTTP_BODY_CORRUPT:
        http_respond_error(req, 400, HTTP_F1, SLICE_LIT("Invalid request body: corrupt gzip data"));
        return;
    default:
        req->refused_by = "malformed";
        http_respond_text(req, 400, "Invalid HTTP request received.");
    }
}

/* ---- as it comes ---- */

bool http_body_is_packed(const struct http_request *req)
{
    struct slice coding;

    return !(req->route->flags & HTTP_ROUTE_AS_SENT) &&
           http_request_header(req, "content-encoding", &coding) && slice_is_nocase(coding, "gzip");
}

bool http_body_pull(struct http_request *req)
{
    req->is_pulled = true;
    if (!http_body_is_packed(req))
        return true;
    held_buf_init(&req->plain, 0, req->account);
    req->gunzip = http_gunzip_new(req->account);
    if (!req->gunzip) {
        req->body_state = HTTP_BODY_BROKEN;
        req->body_fault = HTTP_BODY_NO_ROOM;
    }
    return req->gunzip != NULL;
}

static size_t body_n_unread(const struct http_request *req)
{
    return req->body_bytes.b.len - req->n_body_read;
}

bool http_body_is_full(const struct http_request *req)
{
    return req->is_pulled && body_n_unread(req) >= HTTP_BODY_WINDOW;
}

void http_body_come(struct http_request *req)
{
    if (req->watch.on_body)
        req->watch.on_body(req, req->watch.owner);
}

void http_body_end(struct http_request *req, enum http_body_fault fault)
{
    if (req->body_state == HTTP_BODY_COMING) {
        req->body_state = fault ? HTTP_BODY_BROKEN : HTTP_BODY_WHOLE;
        req->body_fault = fault;
    }
    http_body_come(req);
}

/* ---- pulling ---- */

static void drop_front(struct http_request *req, size_t n_bytes)
{
    ASSERT(n_bytes <= body_n_unread(req));
    req->n_body_read += n_bytes;
    buf_drop_read(&req->body_bytes.b, &req->n_body_read);
    if (req->body_state == HTTP_BODY_COMING && body_n_unread(req) <= HTTP_BODY_WINDOW / 2)
        http_conn_resume(req);
}

static void break_off(struct http_request *req, enum http_body_fault fault)
{
    req->body_state = HTTP_BODY_BROKEN;
    req->body_fault = fault;
}

/* Until there is something to read, or nothing left to unpack. */
static void body_unpack(struct http_request *req)
{
    bool is_more = true;

    buf_clear(&req->plain.b);
    req->n_plain_read = 0;
    while (is_more && !req->plain.b.len && req->body_state != HTTP_BODY_BROKEN) {
        size_t n_used;
        struct slice packed = slice_from(buf_slice(&req->body_bytes.b), req->n_body_read);
        int r = http_gunzip_some(req->gunzip, packed, UNPACK_BYTES, &req->plain.b, &n_used);
        req->n_plain += req->plain.b.len;
        drop_front(req, n_used);
        is_more = n_used || req->plain.b.len;
        if (r == HTTP_GZIP_NO_MEMORY)
            break_off(req, HTTP_BODY_NO_ROOM);
        else if (r == HTTP_GZIP_CORRUPT)
            break_off(req, HTTP_BODY_CORRUPT);
        else if (req->n_plain > http_body_plain_cap(req))
            break_off(req,
                      req->n_plain > http_body_cap(req) ? HTTP_BODY_TOO_LARGE : HTTP_BODY_INFLATES);
        else if (!is_more && req->body_state == HTTP_BODY_WHOLE && r != HTTP_GZIP_OK)
            break_off(req, HTTP_BODY_CORRUPT);
    }
}

enum http_body_state http_body_peek(struct http_request *req, struct slice *ret)
{
    LOOP_ASSERT(req->loop);
    ASSERT(req->is_pulled);
    *ret = (struct slice){NULL, 0};
    if (req->gunzip && req->n_plain_read == req->plain.b.len)
        body_unpack(req);
    if (req->body_state == HTTP_BODY_BROKEN)
        return HTTP_BODY_BROKEN;
    if (!req->gunzip) {
        *ret = slice_from(buf_slice(&req->body_bytes.b), req->n_body_read);
        return req->body_state;
    }
    *ret = slice_from(buf_slice(&req->plain.b), req->n_plain_read);
    return ret->len ? HTTP_BODY_COMING : req->body_state;
}

void http_body_read(struct http_request *req, size_t n_bytes)
{
    LOOP_ASSERT(req->loop);
    if (!req->gunzip) {
        drop_front(req, n_bytes);
        return;
    }
    ASSERT(n_bytes <= req->plain.b.len - req->n_plain_read);
    req->n_plain_read += n_bytes;
}
