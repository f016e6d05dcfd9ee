/* routes: the table is walked in order. It has tens of rows and most rows differ in their first
 * literal segment, so a walk costs less than what would replace it. Any thread. */
#include "http/routes.h"

static bool match_rest(const char *pattern, struct slice path, struct slice params[HTTP_MAX_PARAMS])
{
    unsigned n = 0;

    while (*pattern) {
        if (*pattern != '{') {
            if (!path.len || *path.ptr != *pattern)
                return false;
            path = slice_from(path, 1);
            pattern++;
            continue;
        }
        const char *end = strchr(pattern, '}');
        ASSERT(end && n < HTTP_MAX_PARAMS);
        bool takes_all = end - pattern > 5 && memcmp(end - 5, ":path", 5) == 0;
        const char *slash = path.len && !takes_all ? memchr(path.ptr, '/', path.len) : NULL;
        size_t len = slash ? (size_t)(slash - path.ptr) : path.len;
        if (!len && !takes_all)
            return false;
        params[n++] = slice_to(path, len);
        path = slice_from(path, len);
        pattern = end + 1;
    }
    return path.len == 0;
}

bool http_pattern_match(const char *pattern, struct slice path,
                        struct slice params[HTTP_MAX_PARAMS])
{
    memset(params, 0, HTTP_MAX_PARAMS * sizeof(*params));
    return match_rest(pattern, path, params);
}

int http_routes_match(const struct http_routes *routes, struct http_request *req,
                      unsigned *ret_allowed)
{
    unsigned allowed = 0;

    for (size_t i = 0; i < routes->n_routes; i++) {
        const struct http_route *route = &routes->routes[i];
        unsigned methods = route->methods | (route->methods & HTTP_M_GET ? HTTP_M_HEAD : 0u);
        if ((route->flags & HTTP_ROUTE_UPGRADE) && !req->is_upgrade)
            continue;
        if (!http_pattern_match(route->pattern, req->path, req->params))
            continue;
        if (methods & req->method) {
            req->route = route;
            return HTTP_ROUTE_FOUND;
        }
        allowed |= route->methods;
    }
    *ret_allowed = allowed;
    return allowed ? HTTP_ROUTE_NO_METHOD : HTTP_ROUTE_NO_PATH;
}
