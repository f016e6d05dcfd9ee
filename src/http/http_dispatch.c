/* http_dispatch: judged when the head is known, acted on then, or, when it is refused, after a
 * short body. The order of the order is: rate limit, then preflight, then the table. */
#include "http/http_dispatch.h"

#include <string.h>

#include "config/config.h"
#include "http/body.h"
#include "http/collect.h"
#include "http/conn_state.h"
#include "http/cors.h"
#include "http/location.h"
#include "http/response.h"
#include "http/routes.h"
#include "loop/loop.h"
#include "net/stream.h"

static bool strip_base_path(struct http_request *req, const char *base_path)
{
    size_t len = base_path ? strlen(base_path) : 0;

    if (!len)
        return true;
    if (!slice_starts(req->path, base_path) || (req->path.len > len && req->path.ptr[len] != '/'))
        return false;
    req->path = slice_from(req->path, len);
    return true;
}

/* What limits all requests, then what limits this route. */
static bool is_allowed(struct http_request *req, unsigned *ret_retry_after_s)
{
    const struct http_site *site = req->site;
    const struct http_route *route = req->route;

    if (route && (route->flags & (HTTP_ROUTE_UNLIMITED | HTTP_ROUTE_UPGRADE)))
        return true;
    return (!site->allow || site->allow(req, ret_retry_after_s, site->arg)) &&
           (!route || !route->allow || route->allow(req, ret_retry_after_s, route->arg));
}

struct http_verdict http_dispatch_judge(struct http_request *req, uint64_t body_bytes)
{
    const struct http_site *site = req->site;
    unsigned allowed = 0, retry_after_s = 1;
    bool is_inside = strip_base_path(req, site->base_path);
    int found = is_inside && req->path.len ? http_routes_match(&site->routes, req, &allowed)
                                           : HTTP_ROUTE_NO_PATH;
    bool is_raw = req->route && (req->route->flags & HTTP_ROUTE_RAW);

    bool is_reserved =
        site->is_reserved || (req->route && (req->route->flags & HTTP_ROUTE_RESERVED));

    int r = is_reserved ? HTTP_ADMIT_OK : http_admit_ask(req);
    if (r != HTTP_ADMIT_OK)
        return (struct http_verdict){
            r == HTTP_ADMIT_OVER ? HTTP_ANSWER_OVER_SHARE : HTTP_ANSWER_FULL, HTTP_RETRY_FULL_S};
    if (!is_allowed(req, &retry_after_s))
        return (struct http_verdict){HTTP_ANSWER_LIMITED, retry_after_s};
    if (req->conn)
        req->conn->stream->is_known = site->is_reserved || req->is_verified;
    if (!is_raw && http_cors_is_preflight(req))
        return (struct http_verdict){HTTP_ANSWER_PREFLIGHT, 0};
    if (is_inside && !req->path.len)
        return (struct http_verdict){HTTP_ANSWER_BASE_PATH, 0};
    if (found == HTTP_ROUTE_NO_METHOD)
        return (struct http_verdict){HTTP_ANSWER_NOT_ALLOWED, allowed};
    if (found == HTTP_ROUTE_NO_PATH)
        return (struct http_verdict){HTTP_ANSWER_NOT_FOUND, 0};
    if (body_bytes != UINT64_MAX && body_bytes > http_body_cap(req))
        return (struct http_verdict){HTTP_ANSWER_TOO_LARGE, 0};
    return (struct http_verdict){HTTP_SERVE, 0};
}

static void answer_not_allowed(struct http_request *req, unsigned allowed)
{
    static const struct {
        enum http_method method;
        const char *name;
    } names[] = {{HTTP_M_GET, "GET"},     {HTTP_M_POST, "POST"},     {HTTP_M_PUT, "PUT"},
                 {HTTP_M_PATCH, "PATCH"}, {HTTP_M_DELETE, "DELETE"}, {HTTP_M_OPTIONS, "OPTIONS"}};
    SCRATCH_BUF(list, 0);
    SCRATCH_BUF(extra, 0);

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!(allowed & names[i].method))
            continue;
        buf_add_text(&list, list.len ? ", " : "");
        buf_add_text(&list, names[i].name);
    }
    http_header_add(&extra, "allow", buf_slice(&list));
    http_respond(req, 405, "application/json", SLICE_LIT("{\"detail\":\"Method Not Allowed\"}"),
                 buf_slice(&extra));
}

static void answer_later(struct http_request *req, unsigned status, unsigned retry_after_s,
                         struct slice json)
{
    SCRATCH_BUF(extra, 0);

    buf_add_fmt(&extra, "retry-after: %u\r\n", retry_after_s);
    http_respond(req, status, "application/json", json, buf_slice(&extra));
}

static void answer_preflight(struct http_request *req)
{
    SCRATCH_BUF(extra, 0);
    SCRATCH_BUF(text, 0);
    bool is_allowed = http_cors_preflight(req, &text, &extra);

    http_respond(req, is_allowed ? 200 : 400, "text/plain; charset=utf-8", buf_slice(&text),
                 buf_slice(&extra));
}

static void redirect_to_base(struct http_request *req)
{
    struct location to;

    location_here(&to, req);
    location_add_slash(&to);
    http_respond_redirect(req, 307, &to);
}

void http_dispatch_run(struct http_request *req, struct http_verdict verdict)
{
    switch (verdict.kind) {
    case HTTP_SERVE:
        http_collect(req);
        return;
    case HTTP_ANSWER_NOT_FOUND:
        http_respond_error(req, 404, HTTP_F2, SLICE_LIT("Not Found"));
        return;
    case HTTP_ANSWER_NOT_ALLOWED:
        answer_not_allowed(req, verdict.detail);
        return;
    case HTTP_ANSWER_LIMITED:
        req->refused_by = req->is_verified ? config_names.http_authenticated_rate_limit
                                           : config_names.http_rate_limit;
        /* what it has sent on without waiting would each be refused */
        req->wants_close = true;
        loop_count(req->loop, METRIC_HTTP_LIMITED, 1);
        answer_later(req, 429, verdict.detail,
                     SLICE_LIT("{\"detail\":\"Rate limit exceeded. Please slow down.\"}"));
        return;
    case HTTP_ANSWER_FULL:
        req->refused_by = config_names.max_connections;
        loop_count(req->loop, METRIC_HTTP_FULL, 1);
        answer_later(req, 503, verdict.detail,
                     SLICE_LIT("{\"detail\":\"All connections of the server are taken\"}"));
        return;
    case HTTP_ANSWER_OVER_SHARE:
        req->refused_by = config_names.address_share;
        loop_count(req->loop, METRIC_HTTP_OVER_SHARE, 1);
        answer_later(
            req, 429, verdict.detail,
            SLICE_LIT("{\"detail\":\"Your address has its share of the server's connections\"}"));
        return;
    case HTTP_ANSWER_TOO_LARGE:
        http_body_too_large(req, NULL);
        return;
    case HTTP_ANSWER_PREFLIGHT:
        answer_preflight(req);
        return;
    case HTTP_ANSWER_BASE_PATH:
        redirect_to_base(req);
        return;
    }
}
