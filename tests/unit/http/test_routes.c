#include "http/routes.h"

#include "harness/check.h"

static bool matches(const char *pattern, const char *path, const char *first, const char *second)
{
    struct slice params[HTTP_MAX_PARAMS];

    if (!http_pattern_match(pattern, slice_of(path), params))
        return false;
    CHECK(slice_is(params[0], first));
    CHECK(slice_is(params[1], second));
    return true;
}

CASE(patterns)
{
    CHECK(matches("/", "/", "", ""));
    CHECK(!matches("/", "/x", "", ""));
    CHECK(!matches("/x", "/", "", ""));
    CHECK(matches("/{ws}/services/{id}", "/w-1/services/a:b", "w-1", "a:b"));
    CHECK(!matches("/{ws}/services/{id}", "/w-1/services/", "", ""));
    CHECK(!matches("/{ws}/services/{id}", "/w-1/services/a/b", "", ""));
    CHECK(!matches("/{ws}/services/{id}", "//services/a", "", ""));
    CHECK(matches("/{ws}/services/", "/w/services/", "w", ""));
    CHECK(!matches("/{ws}/services/", "/w/services", "", ""));
    CHECK(matches("/{ws}/apps/{rest:path}", "/w/apps/a/b/", "w", "a/b/"));
    CHECK(matches("/{ws}/apps/{rest:path}", "/w/apps/", "w", ""));
    CHECK(!matches("/{ws}/apps/{rest:path}", "/w/apps", "", ""));
    CHECK(matches("/{rest:path}", "/", "", ""));
    CHECK(matches("/a/{id}.json", "/a/b.json", "b.json", "") == false);
}

CASE(the_first_route_wins_and_methods_add_up)
{
    static const struct http_route table[] = {
        {.methods = HTTP_M_GET, .pattern = "/ws", .flags = HTTP_ROUTE_UPGRADE},
        {.methods = HTTP_M_GET, .pattern = "/{a}/x"},
        {.methods = HTTP_M_POST, .pattern = "/{b}/x"},
        {.methods = HTTP_M_GET, .pattern = "/fixed/x"},
    };
    static const struct http_routes routes = {table, 4};
    struct http_request req = {.method = HTTP_M_HEAD, .path = SLICE_LIT("/fixed/x")};
    unsigned allowed = 0;

    CHECK_INT(http_routes_match(&routes, &req, &allowed), HTTP_ROUTE_FOUND);
    CHECK(req.route == &table[1]);
    CHECK(slice_is(http_request_param(&req, "a"), "fixed"));
    CHECK_INT(http_request_param(&req, "b").len, 0);
    req.method = HTTP_M_PUT;
    CHECK_INT(http_routes_match(&routes, &req, &allowed), HTTP_ROUTE_NO_METHOD);
    CHECK_INT(allowed, HTTP_M_GET | HTTP_M_POST);
    req = (struct http_request){.method = HTTP_M_GET, .path = SLICE_LIT("/ws")};
    CHECK_INT(http_routes_match(&routes, &req, &allowed), HTTP_ROUTE_NO_PATH);
    req.is_upgrade = true;
    CHECK_INT(http_routes_match(&routes, &req, &allowed), HTTP_ROUTE_FOUND);
}

CASES(RUN(patterns), RUN(the_first_route_wins_and_methods_add_up))
