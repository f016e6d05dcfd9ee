/* routes: which handler answers which path. A table that is const after start;
 * pure but for the handlers. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"
#include "http/request.h"

enum http_route_flags {
    /* matches only requests with `Upgrade: websocket`; the handler may take the stream */
    HTTP_ROUTE_UPGRADE = 1,
    /* none of what stands around routes: no CORS, no compression; gets OPTIONS too if in the
     * mask */
    HTTP_ROUTE_RAW = 2,
    HTTP_ROUTE_UNLIMITED = 4, /* never refused with 429 */
    HTTP_ROUTE_AS_SENT = 8,   /* the request body is not gunzipped */
    HTTP_ROUTE_RESERVED = 16, /* served in the reserve too, when no place is left */
    /* Files that are the same for everybody: browsers and proxies may keep them. Whatever else is
     * answered may hold a secret, and says that nobody may, unless its handler says something else
     * (`Cache-Control`). */
    HTTP_ROUTE_SHAREABLE = 32,
    /* A GET may change things too: who follows a link from another site is not taken for who they
     * are by a cookie. */
    HTTP_ROUTE_ACTS = 64,
    HTTP_ROUTE_FALLBACK = 128, /* of a feature: stands behind the rows of all others */
    /* Has its request when the head is complete, and reads the body as it comes (http/body.h). */
    HTTP_ROUTE_PULLED = 256,
};

struct http_route {
    unsigned methods; /* of enum http_method; GET answers HEAD too */
    /* Segments `{name}` match one non-empty segment; a last `{name:path}` the rest, slashes and
     * nothing included. */
    const char *pattern; /* without the base path */
    void (*on_request)(struct http_request *req, void *arg);
    void *arg;
    unsigned flags;
    size_t max_body_bytes; /* 0 = the site's cap */
    /* What limits this route beside what limits all of them; NULL = nothing. False: 429,
     * *ret_retry_after_s is set. arg: as above. */
    bool (*allow)(struct http_request *req, unsigned *ret_retry_after_s, void *arg);
};

struct http_routes {
    const struct http_route *routes; /* the first match wins */
    size_t n_routes;
};

enum {
    HTTP_ROUTE_FOUND,
    HTTP_ROUTE_NO_PATH, /* 404 F2 */
    /* 405 F2; *ret_allowed has the methods of all routes with that path */
    HTTP_ROUTE_NO_METHOD,
};

/* Sets req->route and req->params from req->path and req->method. */
int http_routes_match(const struct http_routes *routes, struct http_request *req,
                      unsigned *ret_allowed);
bool http_pattern_match(const char *pattern, struct slice path,
                        struct slice params[HTTP_MAX_PARAMS]);
