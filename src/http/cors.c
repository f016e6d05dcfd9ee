/* cors: credentials are always allowed, so an allowed origin is echoed and never answered with a
 * star. */
#include "http/cors.h"

#include "config/config.h"
#include "http/http_conn.h"
#include "http/header.h"
#include "loop/loop.h"

static const char exposed[] =
    "Inference-Header-Content-Length, Accept-Encoding, Range, Origin, Content-Type";
static const char methods[] = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";
static const char *const allowed_headers[] = {
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Access-Control-Allow-Headers",
    "Access-Control-Request-Headers",
    "Access-Control-Request-Method",
    "Authorization",
    "Content-Encoding",
    "Content-Language",
    "Content-Type",
    "Inference-Header-Content-Length",
    "Last-Event-ID",
    "Mcp-Protocol-Version",
    "Mcp-Session-Id",
    "Origin",
    "Range",
    "X-Local-Auth",
    "X-Requested-With",
};

static bool origin_is_allowed(const struct http_request *req, struct slice origin)
{
    const struct config_list *list = req->site->allow_origins;

    if (!list || !list->n_items)
        return true;
    for (size_t i = 0; i < list->n_items; i++)
        if (slice_is(slice_of(list->items[i]), "*") || slice_is(origin, list->items[i]))
            return true;
    return false;
}

/* Takes the next piece of a comma list, trimmed; false at the end. */
static bool next_piece(struct slice *rest, struct slice *ret_piece)
{
    if (!rest->ptr)
        return false;
    if (!slice_cut(*rest, ',', ret_piece, rest)) {
        *ret_piece = *rest;
        *rest = (struct slice){NULL, 0};
    }
    *ret_piece = slice_trim(*ret_piece);
    return true;
}

/* Headers that may hold a token by the operator's word. */
static const struct config_list *token_headers(const struct http_request *req)
{
    static const struct config_list none = {0};

    const struct config *c = req->loop ? loop_config(req->loop) : NULL;

    return c ? &c->auth_token_headers : &none;
}

static bool header_is_allowed(const struct http_request *req, struct slice name)
{
    const struct config_list *more = token_headers(req);
    bool found = false;

    for (size_t i = 0; i < ARRAY_LEN(allowed_headers) && !found; i++)
        found = slice_is_nocase(name, allowed_headers[i]);
    for (size_t i = 0; i < more->n_items && !found; i++)
        found = slice_is_nocase(name, more->items[i]);
    return found;
}

static bool headers_are_allowed(const struct http_request *req, struct slice wanted)
{
    struct slice piece;

    while (next_piece(&wanted, &piece)) {
        if (!header_is_allowed(req, piece))
            return false;
    }
    return true;
}

static bool method_is_allowed(struct slice method)
{
    struct slice rest = SLICE_LIT(methods), piece;

    while (next_piece(&rest, &piece))
        if (slice_eq(piece, method))
            return true;
    return false;
}

bool http_cors_is_preflight(const struct http_request *req)
{
    struct slice ignored;

    return req->method == HTTP_M_OPTIONS && http_request_header(req, "origin", &ignored) &&
           http_request_header(req, "access-control-request-method", &ignored);
}

static void add_allowed_headers(const struct http_request *req, struct buf *out)
{
    const struct config_list *more = token_headers(req);

    buf_add_text(out, "access-control-allow-headers: ");
    for (size_t i = 0; i < ARRAY_LEN(allowed_headers); i++) {
        buf_add_text(out, i ? ", " : "");
        buf_add_text(out, allowed_headers[i]);
    }
    for (size_t i = 0; i < more->n_items; i++)
        buf_add_fmt(out, ", %s", more->items[i]);
    buf_add_text(out, "\r\n");
}

bool http_cors_preflight(const struct http_request *req, struct buf *text, struct buf *extra)
{
    struct slice method = {NULL, 0}, headers = {NULL, 0}, origin = {NULL, 0};
    const char *failed[3];
    size_t n_failed = 0;

    if (http_request_header(req, "origin", &origin) && !origin_is_allowed(req, origin))
        failed[n_failed++] = "origin";
    if (http_request_header(req, "access-control-request-method", &method) &&
        !method_is_allowed(method))
        failed[n_failed++] = "method";
    if (http_request_header(req, "access-control-request-headers", &headers) &&
        !headers_are_allowed(req, headers))
        failed[n_failed++] = "headers";
    http_header_add(extra, "access-control-allow-methods", SLICE_LIT(methods));
    http_header_add(extra, "access-control-max-age", SLICE_LIT("600"));
    add_allowed_headers(req, extra);
    buf_add_text(text, n_failed ? "Disallowed CORS " : "OK");
    for (size_t i = 0; i < n_failed; i++) {
        buf_add_text(text, i ? ", " : "");
        buf_add_text(text, failed[i]);
    }
    return !n_failed;
}

bool http_cors_decorate(const struct http_request *req, struct buf *out)
{
    struct slice origin;

    if (!req->site || (req->route && (req->route->flags & HTTP_ROUTE_RAW)) ||
        !http_request_header(req, "origin", &origin))
        return false;
    http_header_add(out, "access-control-allow-credentials", SLICE_LIT("true"));
    bool is_preflight = http_cors_is_preflight(req);
    if (!is_preflight)
        http_header_add(out, "access-control-expose-headers", SLICE_LIT(exposed));
    if (!origin_is_allowed(req, origin))
        return is_preflight;
    http_header_add(out, "access-control-allow-origin", origin);
    return true;
}
