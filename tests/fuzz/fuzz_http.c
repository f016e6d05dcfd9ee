/* Any bytes as what a client sends: cut into pieces of any length they mean the same as in one
 * piece, and what a handler would see keeps its promises. The first byte of the input is the
 * length of the pieces. */
#include <string.h>

#include "base/memory.h"
#include "fuzz/fuzz.h"
#include "harness/payer.h"
#include "http/gzip.h"
#include "http/parse.h"
#include "http/routes.h"

enum { HEAD_MAX = 2048, HEADERS_MAX = 16, BODY_MAX = 512, REQUESTS_MAX = 50 };

static void check_request(struct http_request *req)
{
    static const struct http_route table[] = {
        {.methods = HTTP_M_GET, .pattern = "/ws", .flags = HTTP_ROUTE_UPGRADE},
        {.methods = HTTP_M_GET | HTTP_M_POST, .pattern = "/{ws}/services/{id}/{key}"},
        {.methods = HTTP_M_GET, .pattern = "/{ws}/apps/{rest:path}"},
    };
    static const struct http_routes routes = {table, ARRAY_LEN(table)};
    unsigned allowed;
    struct slice value;
    struct buf plain;

    ASSERT(req->n_headers <= HEADERS_MAX && req->head.b.len <= HEAD_MAX &&
           req->body.len <= BODY_MAX);
    ASSERT(slice_is_utf8(req->path));
    ASSERT(req->is_http10 || http_request_header(req, "host", &value));
    if (http_request_token(req, &value))
        ASSERT(memchr(value.ptr, '\n', value.len) == NULL || req->token.b.len);
    if (http_routes_match(&routes, req, &allowed) == HTTP_ROUTE_FOUND && req->route == &table[1])
        ASSERT(req->params[2].len && !slice_has_byte(req->params[2], '/'));
    if (http_request_header(req, "accept-encoding", &value))
        (void)http_gzip_is_accepted(value);
    buf_init(&plain, 0);
    int outcome = http_gunzip(req->body, 4096, &plain);
    ASSERT(outcome != HTTP_GZIP_OK || plain.len <= 4096);
    buf_deinit(&plain);
}

static void describe(struct http_request *req, int outcome, struct buf *out)
{
    buf_add_fmt(out, "%d %d %d %zu\n", outcome, req->method, req->wants_close, req->n_headers);
    buf_add_slice(out, req->path);
    buf_add_slice(out, req->query);
    buf_add_slice(out, req->body);
    for (size_t i = 0; i < req->n_headers; i++) {
        struct slice name, value;
        http_request_header_at(req, i, &name, &value);
        buf_add_slice(out, name);
        buf_add_slice(out, value);
    }
}

/* Reads all; what was found goes to `out` in words. Which cap refuses a head depends on the
 * pieces: all refusals read the same. */
static void read_all(struct slice in, size_t step, struct buf *out)
{
    struct http_parser *p =
        http_parser_new((struct http_parse_caps){HEAD_MAX, HEADERS_MAX}, payer());
    int outcome = HTTP_PARSE_MORE;
    bool is_closing = false;

    for (unsigned n = 0;
         n < REQUESTS_MAX && !is_closing && (in.len || outcome == HTTP_PARSE_HEAD);) {
        size_t used = 0, len = in.len < step ? in.len : step;
        outcome = http_parser_feed(p, in.ptr, len, &used);
        if (outcome > HTTP_PARSE_UPGRADE)
            break;
        ASSERT(used <= len);
        in = slice_from(in, used);
        if (outcome == HTTP_PARSE_HEAD)
            http_parser_expect_body(p, BODY_MAX, true);
        if (outcome != HTTP_PARSE_DONE && outcome != HTTP_PARSE_UPGRADE)
            continue;
        struct http_request *req = http_parser_take(p);
        describe(req, outcome, out);
        check_request(req);
        is_closing = req->wants_close || outcome == HTTP_PARSE_UPGRADE;
        http_request_end(req);
        n++;
    }
    if (outcome > HTTP_PARSE_UPGRADE)
        buf_add_text(out, "refused");
    http_parser_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct buf whole, pieces;

    if (n_bytes < 2 || n_bytes > HEAD_MAX)
        return 0;
    struct slice in = slice_make(bytes + 1, n_bytes - 1);
    buf_init(&whole, 0);
    buf_init(&pieces, 0);
    read_all(in, in.len, &whole);
    read_all(in, 1 + bytes[0], &pieces);
    ASSERT(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
    buf_deinit(&whole);
    buf_deinit(&pieces);
    return 0;
}
