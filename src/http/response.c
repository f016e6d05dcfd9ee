/* response: one message per answer, head and body together, so that the common answer is one
 * write. Names of headers are lower case, as the original sends them. */
#include "http/response.h"

#include <stdio.h>
#include <string.h>

#include "base/account.h"
#include "base/blob.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/msg.h"
#include "http/condition.h"
#include "http/http_conn.h"
#include "http/cors.h"
#include "http/gzip.h"
#include "http/location.h"
#include "http/request.h"
#include "loop/loop.h"
#include "loop/offload.h"
#include "wire/json.h"

enum {
    GZIP_MIN_BYTES = 1000,
    GZIP_MAX_BYTES = 1024 * 1024,
    /* a longer body is sent without a copy, and compressed beside the loop */
    COPIED_MOST = 32 * 1024,
    /* a writer that heeds no pressure is cut off here */
    STREAM_WAITING_MAX = 64 * 1024 * 1024,
};

static const char *response_reason_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Request Entity Too Large"},
        {415, "Unsupported Media Type"},
        {416, "Requested Range Not Satisfiable"},
        {422, "Unprocessable Entity"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };

    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "";
}

static void response_add_date(struct buf *out)
{
    char date[HTTP_DATE_MAX];

    http_date(clock_wall_ms() / 1000, date);
    buf_add_fmt(out, "date: %s\r\n", date);
}

struct answer {
    unsigned status;
    const char *content_type;
    struct slice extra;
    bool has_length, is_gzip, varies_by_encoding;
    size_t length;
};

static void add_vary(struct buf *out, bool by_encoding, bool by_origin)
{
    if (by_encoding || by_origin)
        buf_add_fmt(out, "vary: %s%s%s\r\n", by_encoding ? "Accept-Encoding" : "",
                    by_encoding && by_origin ? ", " : "", by_origin ? "Origin" : "");
}

/* A function may have answered with a token, a code or a presigned address, and nobody here can
 * tell. */
static void add_caching(const struct http_request *req, struct slice extra, struct buf *out)
{
    bool is_shareable = req->route && (req->route->flags & HTTP_ROUTE_SHAREABLE);

    if (!is_shareable && !http_header_has(extra, "cache-control"))
        buf_add_text(out, "cache-control: no-store\r\n");
}

static void response_add_head(struct http_request *req, const struct answer *a, struct buf *out)
{
    buf_add_fmt(out, "HTTP/1.1 %u %s\r\n", a->status, response_reason_of(a->status));
    response_add_date(out);
    buf_add_text(out, "server: hyphad\r\n");
    if (a->has_length)
        buf_add_fmt(out, "content-length: %zu\r\n", a->length);
    if (a->content_type)
        http_header_add(out, "content-type", slice_of(a->content_type));
    if (a->is_gzip)
        buf_add_text(out, "content-encoding: gzip\r\n");
    buf_add_slice(out, a->extra);
    bool by_origin = a->status != 429 && http_cors_decorate(req, out);
    add_vary(out, a->varies_by_encoding, by_origin);
    add_caching(req, a->extra, out);
    if (req->is_chunked)
        buf_add_text(out, "transfer-encoding: chunked\r\n");
    if (req->wants_close)
        buf_add_text(out, "connection: close\r\n");
    buf_add_text(out, "\r\n");
}

/* Copies into a message and hands it to the connection. False: the account has no room for it. */
static bool send_two(struct http_request *req, struct slice first, struct slice second,
                     struct account *payer)
{
    struct msg *m = msg_try_new(first.len + second.len, payer);

    if (!m)
        return false;
    memcpy(msg_head(m), first.ptr, first.len);
    if (second.len)
        memcpy(msg_head(m) + first.len, second.ptr, second.len);
    req->n_bytes_out += first.len + second.len;
    http_conn_send(req, m);
    return true;
}

/* There was no room for the answer. Whoever has taken all it was sent is told so, at the server's
 * cost: that is one such answer for a connection. Whoever leaves bytes lying is cut. */
static void response_refuse_for_room(struct http_request *req)
{
    static const char before[] = "{\"success\":false,\"detail\":\"", after[] = "\"}";
    struct account_refusal why = account_refusal(req->account);
    char room[ACCOUNT_REFUSAL_MAX];
    const char *text = account_refusal_text(&why, "No room for the answer", room);
    SCRATCH_BUF(head, 256);
    SCRATCH_BUF(body, 256);

    loop_count(req->loop, METRIC_CHARGES_REFUSED, 1);
    req->status = 503;
    req->refused_by = account_refusal_rule(&why);
    req->wants_close = true;
    buf_add_fmt(&body, "%s%s%s", before, text, after);
    buf_add_fmt(
        &head,
        "HTTP/1.1 503 Service Unavailable\r\nserver: hyphad\r\ncontent-type: application/json\r\n"
        "content-length: %zu\r\nretry-after: 1\r\nconnection: close\r\n\r\n",
        body.len);
    if (head.is_failed || body.is_failed || http_conn_waiting(req) ||
        !send_two(req, buf_slice(&head), buf_slice(&body), req->loop->own))
        http_conn_send(req, NULL);
}

/* Whether the body is to be sent as gzip; sets what else follows from its type. */
static bool wants_gzip(const struct http_request *req, struct answer *a, size_t n_bytes)
{
    struct slice accepted;

    if ((req->route && (req->route->flags & HTTP_ROUTE_RAW)) || !a->content_type ||
        n_bytes < GZIP_MIN_BYTES || !http_gzip_suits(a->content_type) ||
        http_header_has(a->extra, "content-encoding"))
        return false;
    a->varies_by_encoding = true;
    return n_bytes <= GZIP_MAX_BYTES && http_request_header(req, "accept-encoding", &accepted) &&
           http_gzip_is_accepted(accepted);
}

static bool begin_answer(struct http_request *req, struct answer *a, size_t n_bytes,
                         struct buf *ret_head)
{
    buf_init(ret_head, 0);
    a->has_length = a->status >= 200 && a->status != 204 && a->status != 304;
    a->length = n_bytes;
    response_add_head(req, a, ret_head);
    return !ret_head->is_failed;
}

static bool has_body(const struct http_request *req, const struct answer *a)
{
    return a->has_length && req->method != HTTP_M_HEAD;
}

static void send_answer(struct http_request *req, struct answer *a, struct slice body)
{
    struct buf head;

    if (!begin_answer(req, a, body.len, &head) ||
        !send_two(req, buf_slice(&head), has_body(req, a) ? body : (struct slice){NULL, 0},
                  req->account))
        response_refuse_for_room(req);
    buf_deinit(&head);
    req->sending = HTTP_SEND_FINAL;
    http_conn_answered(req);
}

/* Without a copy of the body, which is in a blob. */
static void send_answer_blob(struct http_request *req, struct answer *a, struct blob *body)
{
    struct msg *m = NULL;
    struct buf head;

    if (begin_answer(req, a, body->len, &head))
        m = msg_try_new(head.len, req->account);
    if (m) {
        memcpy(msg_head(m), head.ptr, head.len);
        if (has_body(req, a))
            msg_set_tail(m, body, slice_make(body->data, body->len));
        req->n_bytes_out += msg_len(m);
        http_conn_send(req, m);
    } else {
        response_refuse_for_room(req);
    }
    buf_deinit(&head);
    req->sending = HTTP_SEND_FINAL;
    http_conn_answered(req);
}

/* ---- compressing beside the loop ---- */

struct packing {
    struct job job;
    struct http_ticket ticket;
    struct answer answer;
    char *content_type;    /* owned */
    struct held_buf extra; /* not of the leaf, which a worker must not charge */
    struct blob *plain;
    struct held_buf packed;
};

static void packing_free(struct packing *p)
{
    mem_free(p->content_type);
    held_buf_deinit(&p->extra);
    held_buf_deinit(&p->packed);
    blob_unref(p->plain);
    mem_free(p);
}

static void packing_work(struct job *job)
{
    struct packing *p = CONTAINER_OF(job, struct packing, job);

    p->answer.is_gzip = http_gzip(slice_make(p->plain->data, p->plain->len), &p->packed.b);
}

static void packing_done(struct job *job)
{
    struct packing *p = CONTAINER_OF(job, struct packing, job);
    struct http_request *req = http_request_resume(p->ticket);
    struct blob *packed = NULL;

    if (req) {
        http_request_unpark(req);
        packed = p->answer.is_gzip ? blob_try_adopt(&p->packed.b, req->account) : NULL;
        p->answer.is_gzip = packed != NULL;
        send_answer_blob(req, &p->answer, packed ? packed : p->plain);
    }
    blob_unref(packed);
    packing_free(p);
}

/* False: nobody can do it; the body may be sent as it is. */
static bool pack_beside(struct http_request *req, const struct answer *a, struct blob *body)
{
    struct packing *p = MEM_NEW(struct packing);

    p->job = (struct job){.class = OFFLOAD_BULK,
                          .is_stranger = !req->is_verified,
                          .work = packing_work,
                          .done = packing_done};
    p->ticket = http_request_park(req, &(struct http_watch){0});
    p->answer = *a;
    p->content_type = mem_copy(a->content_type, strlen(a->content_type));
    p->answer.content_type = p->content_type;
    held_buf_init(&p->extra, 0, account_shared(req->account));
    buf_add_slice(&p->extra.b, a->extra);
    p->answer.extra = buf_slice(&p->extra.b);
    held_buf_init(&p->packed, 0, account_shared(req->account));
    p->plain = blob_ref(body);
    if (!p->extra.b.is_failed && offload(req->loop, &p->job) == OFFLOAD_OK)
        return true;
    http_request_unpark(req);
    packing_free(p);
    return false;
}

void http_respond_owned(struct http_request *req, unsigned status, const char *content_type,
                        struct buf *body, struct slice extra)
{
    struct answer a = {.status = status, .content_type = content_type, .extra = extra};
    struct blob *blob;

    if (body->len <= COPIED_MOST) {
        http_respond(req, status, content_type, buf_slice(body), extra);
        buf_deinit(body);
        return;
    }
    LOOP_ASSERT(req->loop);
    ASSERT(req->sending == HTTP_SEND_NOTHING);
    req->status = status;
    bool is_packed = wants_gzip(req, &a, body->len);
    blob = blob_try_adopt(body, req->account);
    if (!blob) {
        buf_deinit(body);
        response_refuse_for_room(req);
        http_conn_answered(req);
    } else if (!is_packed || !pack_beside(req, &a, blob)) {
        send_answer_blob(req, &a, blob);
    }
    blob_unref(blob);
}

void http_respond(struct http_request *req, unsigned status, const char *content_type,
                  struct slice body, struct slice extra)
{
    struct answer a = {.status = status, .content_type = content_type, .extra = extra};
    SCRATCH_BUF(bytes, 0);

    LOOP_ASSERT(req->loop);
    ASSERT(req->sending == HTTP_SEND_NOTHING);
    req->status = status;
    bool is_packed = wants_gzip(req, &a, body.len), is_long = body.len > COPIED_MOST;
    if (is_packed && is_long) {
        buf_add_slice(&bytes, body);
        if (!bytes.is_failed) {
            http_respond_owned(req, status, content_type, &bytes, extra);
            return;
        }
    }
    a.is_gzip = is_packed && !is_long && http_gzip(body, &bytes);
    send_answer(req, &a, a.is_gzip ? buf_slice(&bytes) : body);
}

void http_respond_text(struct http_request *req, unsigned status, const char *text)
{
    http_respond(req, status, "text/plain; charset=utf-8", slice_of(text), (struct slice){NULL, 0});
}

void http_respond_error(struct http_request *req, unsigned status, enum http_error_family family,
                        struct slice detail)
{
    static const char *const opening[] = {[HTTP_F1] = "{\"success\":false,\"detail\":",
                                          [HTTP_F2] = "{\"detail\":",
                                          [HTTP_F4] = "{\"error\": "};
    SCRATCH_BUF(text, 0);

    if (family == HTTP_F3) {
        http_respond(req, status, "text/plain", detail, (struct slice){NULL, 0});
        return;
    }
    buf_add_text(&text, opening[family]);
    json_add_text(&text, detail);
    buf_add_byte(&text, '}');
    http_respond(req, status, "application/json", buf_slice(&text), (struct slice){NULL, 0});
}

void http_respond_no_room(struct http_request *req, const struct account_refusal *why,
                          const char *what)
{
    char room[ACCOUNT_REFUSAL_MAX];

    loop_count(req->loop, METRIC_CHARGES_REFUSED, 1);
    req->refused_by = account_refusal_rule(why);
    http_respond_error(req, 503, HTTP_F1, slice_of(account_refusal_text(why, what, room)));
}

void http_respond_redirect(struct http_request *req, unsigned status, struct location *to)
{
    SCRATCH_BUF(extra, 0);

    http_header_add(&extra, "location", buf_slice(&to->text));
    if (to->text.is_failed || extra.is_failed)
        http_request_drop(req);
    else
        http_respond(req, status, NULL, (struct slice){NULL, 0}, buf_slice(&extra));
    buf_deinit(&to->text);
}

/* Put together in the message that carries it, which is the one copy; the tail is not copied. A
 * piece that there is no room for cannot be left out: the response ends there. */
static void response_push(struct http_request *req, const struct slice *parts, size_t n_parts,
                          const struct http_piece *of)
{
    size_t n_bytes = 0;

    for (size_t i = 0; i < n_parts; i++)
        n_bytes += parts[i].len;
    struct msg *m = msg_try_new(n_bytes, req->account);
    if (!m) {
        loop_count(req->loop, METRIC_CHARGES_REFUSED, 1);
        http_conn_send(req, NULL);
        return;
    }
    char *at = msg_head(m);
    for (size_t i = 0; i < n_parts; i++) {
        if (parts[i].len)
            memcpy(at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
    if (of && of->tail.len)
        msg_set_tail(m, of->blob, of->tail);
    req->n_bytes_out += msg_len(m);
    http_conn_send(req, m);
}

static void stream_begin(struct http_request *req, const struct answer *a)
{
    SCRATCH_BUF(head, 0);

    LOOP_ASSERT(req->loop);
    ASSERT(req->sending == HTTP_SEND_NOTHING);
    req->status = a->status;
    req->sending = HTTP_SEND_GOING_ON;
    req->is_chunked = !req->is_http10 && !a->has_length;
    req->is_sized = a->has_length;
    req->n_unsent = a->length;
    response_add_head(req, a, &head);
    if (head.is_failed)
        http_conn_send(req, NULL);
    else
        response_push(req, &(struct slice){head.ptr, head.len}, 1, NULL);
}

void http_stream_begin(struct http_request *req, unsigned status, const char *content_type,
                       struct slice extra)
{
    stream_begin(req,
                 &(struct answer){.status = status, .content_type = content_type, .extra = extra});
}

void http_stream_begin_sized(struct http_request *req, const struct http_head *head)
{
    stream_begin(req, &(struct answer){.status = head->status,
                                       .content_type = head->content_type,
                                       .extra = head->extra,
                                       .has_length = true,
                                       .length = head->n_bytes});
}

void http_stream_timeout(struct http_request *req, uint64_t ms)
{
    LOOP_ASSERT(req->loop);
    http_conn_set_timeout(req, ms);
}

size_t http_stream_write(struct http_request *req, struct slice bytes)
{
    return http_stream_push(req, &(struct http_piece){.parts = {bytes}});
}

/* Behind the size of a chunk. */
static void push_framed(struct http_request *req, const struct http_piece *piece, size_t n_bytes)
{
    enum { N = HTTP_PIECE_PARTS };
    struct slice parts[N + 2] = {{NULL, 0}};
    char size[24];

    parts[0] = slice_make(size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", n_bytes));
    for (size_t i = 0; i < N; i++)
        parts[1 + i] = piece->parts[i];
    if (!piece->tail.len)
        parts[N + 1] = SLICE_LIT("\r\n");
    response_push(req, parts, N + 2, piece);
    if (piece->tail.len)
        response_push(req, &SLICE_LIT("\r\n"), 1, NULL);
}

size_t http_stream_push(struct http_request *req, const struct http_piece *piece)
{
    size_t n_bytes = piece->tail.len;

    LOOP_ASSERT(req->loop);
    ASSERT(req->sending == HTTP_SEND_GOING_ON);
    for (size_t i = 0; i < HTTP_PIECE_PARTS; i++)
        n_bytes += piece->parts[i].len;
    if (!n_bytes || req->method == HTTP_M_HEAD)
        return http_conn_waiting(req);
    if (http_conn_waiting(req) > STREAM_WAITING_MAX) {
        http_conn_send(req, NULL);
        return 0;
    }
    ASSERT(!req->is_sized || n_bytes <= req->n_unsent);
    req->n_unsent -= req->is_sized ? n_bytes : 0;
    if (req->is_chunked)
        push_framed(req, piece, n_bytes);
    else
        response_push(req, piece->parts, HTTP_PIECE_PARTS, piece);
    return http_conn_waiting(req);
}

size_t http_stream_waiting(const struct http_request *req)
{
    return req->conn ? http_conn_waiting(req) : 0;
}

bool http_stream_is_taken(const struct http_request *req)
{
    return req->method != HTTP_M_HEAD && req->conn && !http_conn_is_cut(req);
}

void http_stream_end(struct http_request *req)
{
    LOOP_ASSERT(req->loop);
    ASSERT(req->sending == HTTP_SEND_GOING_ON);
    /* shorter than was told: it is not whole */
    if (req->is_sized && req->n_unsent && req->method != HTTP_M_HEAD) {
        http_stream_abort(req);
        return;
    }
    if (req->is_chunked && req->method != HTTP_M_HEAD)
        response_push(req, &SLICE_LIT("0\r\n\r\n"), 1, NULL);
    req->sending = http_conn_is_cut(req) ? HTTP_SEND_BROKEN : HTTP_SEND_FINAL;
    http_conn_answered(req);
}

void http_stream_abort(struct http_request *req)
{
    http_request_drop(req);
}

void http_request_drop(struct http_request *req)
{
    LOOP_ASSERT(req->loop);
    http_conn_cut(req);
}
