/* api: the route table. */
#include "api/api.h"

#include "api/room.h"
#include "base/clock.h"
#include "base/memory.h"
#include "config/config.h"
#include "http/rate.h"

static void add(struct api *a, unsigned methods, const char *pattern,
                void (*on_request)(struct http_request *req, void *arg), unsigned flags)
{
    ASSERT(a->n_routes < API_MAX_ROUTES + 3 * a->options.config->static_mounts.n_items);
    a->routes[a->n_routes++] = (struct http_route){
        .methods = methods, .pattern = pattern, .on_request = on_request, .arg = a, .flags = flags};
}

static void add_admin_routes(struct api *a)
{
    const struct http_route rows[API_ADMIN_ROUTES] = {
        {.pattern = "/health", .on_request = api_on_health},
        {.pattern = "/health/liveness", .on_request = api_on_liveness},
        {.pattern = "/health/readiness", .on_request = api_on_readiness},
        {.pattern = "/metrics", .on_request = api_on_admin_metrics},
    };

    for (unsigned i = 0; i < API_ADMIN_ROUTES; i++) {
        a->admin_routes[i] = rows[i];
        a->admin_routes[i].methods = HTTP_M_GET;
        a->admin_routes[i].arg = a;
    }
}

struct api *api_new(const struct api_options *options)
{
    struct api *a = MEM_NEW(struct api);

    a->options = *options;
    a->started_ms = clock_mono_ms();
    a->rate = http_rate_new();
    atomic_init(&a->readiness, API_STARTING);
    a->routes = mem_new((API_MAX_ROUTES + 3 * options->config->static_mounts.n_items) * sizeof(*a->routes));
    api_add_mounts(a);
    add_admin_routes(a);
    add(a, HTTP_M_GET, "/", api_on_page, 0);
    add(a, HTTP_M_GET, "/assets/config.json", api_on_config, 0);
    add(a, HTTP_M_GET, "/assets/hypha-rpc-websocket.mjs", api_on_client_module, HTTP_ROUTE_SHAREABLE);
    add(a, HTTP_M_GET, "/assets/hypha-rpc-websocket.js", api_on_client_module, HTTP_ROUTE_SHAREABLE);
    add(a, HTTP_M_GET, "/static/{file:path}", api_on_static, HTTP_ROUTE_SHAREABLE);
    add(a, HTTP_M_GET, "/health", api_on_health, HTTP_ROUTE_UNLIMITED | HTTP_ROUTE_RESERVED);
    add(a, HTTP_M_GET, "/health/liveness", api_on_liveness, HTTP_ROUTE_UNLIMITED | HTTP_ROUTE_RESERVED);
    add(a, HTTP_M_GET, "/health/readiness", api_on_readiness, HTTP_ROUTE_UNLIMITED | HTTP_ROUTE_RESERVED);
    add(a, HTTP_M_GET, "/metrics", api_on_metrics, HTTP_ROUTE_RESERVED);
    add(a, HTTP_M_GET, "/{workspace}/info", api_on_workspace_info, 0);
    add(a, HTTP_M_GET, "/{workspace}/services", api_on_services_redirect, 0);
    add(a, HTTP_M_GET, "/{workspace}/services/", api_on_services, 0);
    add(a, HTTP_M_GET, "/{workspace}/services/{service_id}", api_on_service_info, 0);
    add(a, HTTP_M_GET | HTTP_M_POST, "/{workspace}/services/{service_id}/{function}", api_on_call,
        HTTP_ROUTE_ACTS);
    add(a, HTTP_M_GET, "/{page:path}", api_on_no_page, 0);
    return a;
}

void api_free(struct api *a)
{
    http_rate_free(a->rate);
    api_free_mounts(a);
    mem_free(a->routes);
    mem_free(a);
}

void api_set_readiness(struct api *a, enum api_readiness r)
{
    atomic_store_explicit(&a->readiness, (int)r, memory_order_release);
}

const struct http_route *api_routes(struct api *a, size_t *ret_n)
{
    *ret_n = a->n_routes;
    return a->routes;
}

const struct http_route *api_admin_routes(struct api *a, size_t *ret_n)
{
    *ret_n = API_ADMIN_ROUTES;
    return a->admin_routes;
}
