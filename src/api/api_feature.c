/* api_feature: the route table of the endpoints, and their life. */
#include "api/limits.h"
#include "api/api_internal.h"
#include "base/clock.h"
#include "base/memory.h"
#include "config/config.h"
#include "http/feature_set.h"
#include "http/rate.h"
#include "http/request.h"

static void *api_routes_make(const struct feature_context *c)
{
    struct api *a = MEM_NEW(struct api);

    a->options = *c;
    a->started_ms = clock_mono_ms();
    a->rate = http_rate_new();
    a->routes =
        mem_new(API_ROUTES_OF_A_MOUNT * c->config->static_mounts.n_items * sizeof(*a->routes));
    api_add_mounts(a);
    return a;
}

static void api_free(void *made)
{
    struct api *a = made;

    http_rate_free(a->rate);
    api_free_mounts(a);
    mem_free(a->routes);
    mem_free(a);
}

static const struct http_route *api_routes_mounts(void *made, size_t *ret_n)
{
    struct api *a = made;

    *ret_n = a->n_routes;
    return a->routes;
}

/* A function may be of a service that has limits of its own. */
static bool allow_call(struct http_request *req, unsigned *ret_retry_after_s, void *arg)
{
    const struct api *a = arg;
    const struct feature_call call = {http_request_param(req, "service_id"),
                                      http_request_param(req, "function")};

    return feature_allow_call(a->options.features, req, &call, ret_retry_after_s);
}

enum { PROBED = HTTP_ROUTE_UNLIMITED | HTTP_ROUTE_RESERVED };

static const struct http_route routes[] = {
    {HTTP_M_GET, "/", api_on_page},
    {HTTP_M_GET, "/assets/config.json", api_on_config},
    {HTTP_M_GET, "/assets/hypha-rpc-websocket.mjs", api_on_client_module,
     .flags = HTTP_ROUTE_SHAREABLE},
    {HTTP_M_GET, "/assets/hypha-rpc-websocket.js", api_on_client_module,
     .flags = HTTP_ROUTE_SHAREABLE},
    {HTTP_M_GET, "/static/{file:path}", api_on_static, .flags = HTTP_ROUTE_SHAREABLE},
    {HTTP_M_GET, "/health", api_on_health, .flags = PROBED},
    {HTTP_M_GET, "/health/liveness", api_on_liveness, .flags = PROBED},
    {HTTP_M_GET, "/health/readiness", api_on_readiness, .flags = PROBED},
    {HTTP_M_GET, "/metrics", api_on_metrics, .flags = HTTP_ROUTE_RESERVED},
    {HTTP_M_GET, "/{workspace}/info", api_on_workspace_info},
    {HTTP_M_GET, "/{workspace}/services", api_on_services_redirect},
    {HTTP_M_GET, "/{workspace}/services/", api_on_services},
    {HTTP_M_GET, "/{workspace}/services/{service_id}", api_on_service_info},
    {HTTP_M_GET | HTTP_M_POST, "/{workspace}/services/{service_id}/{function}", api_on_call,
     .flags = HTTP_ROUTE_ACTS, .allow = allow_call},
    {HTTP_M_GET, "/{page:path}", api_on_no_page, .flags = HTTP_ROUTE_FALLBACK},
};

static const struct http_route admin_routes[] = {
    {HTTP_M_GET, "/health", api_on_health},
    {HTTP_M_GET, "/health/liveness", api_on_liveness},
    {HTTP_M_GET, "/health/readiness", api_on_readiness},
    {HTTP_M_GET, "/metrics", api_on_admin_metrics},
};

const struct feature api_feature = {
    .name = "api",
    .make = api_routes_make,
    .free = api_free,
    .routes = routes,
    .n_routes = ARRAY_LEN(routes),
    .more_routes = api_routes_mounts,
    .admin_routes = admin_routes,
    .n_admin_routes = ARRAY_LEN(admin_routes),
    .allow = api_allow,
    .on_done = api_on_done,
};
