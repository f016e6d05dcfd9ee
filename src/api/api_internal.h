/* api_internal: what the endpoints of this room share. */
#pragma once
#include <stdatomic.h>

#include "api/api.h"
#include "base/buf.h"
#include "http/feature.h"
#include "loop/loop.h"

struct http_rate;

enum { API_ROUTES_OF_A_MOUNT = 3 };

struct api_mount;

struct api {
    struct feature_context options; /* const */
    struct http_route *routes;      /* owned: those of the mounts */
    size_t n_routes;
    struct api_mount *mounts; /* owned, one per mount of the configuration */
    uint64_t started_ms;
    struct http_rate *rate; /* its own locking */
    atomic_uint n_calls;    /* any thread: callers alive */
};

/* Of this process, in pages; 0 where they cannot be read. */
void api_memory_pages(long *ret_virtual, long *ret_resident);

/* assets.c: routes for each mount, whose arg is the mount. */
void api_add_mounts(struct api *a);
void api_free_mounts(struct api *a);

/* Handlers, one per route; arg is the api. */
void api_on_call(struct http_request *req, void *arg);
void api_service_args(const struct http_request *req, struct slice workspace,
                      struct slice service_id, struct buf *out);
void api_on_services(struct http_request *req, void *arg);
void api_on_services_redirect(struct http_request *req, void *arg);
void api_on_service_info(struct http_request *req, void *arg);
void api_on_workspace_info(struct http_request *req, void *arg);
void api_on_liveness(struct http_request *req, void *arg);
void api_on_readiness(struct http_request *req, void *arg);
void api_on_health(struct http_request *req, void *arg);
void api_on_metrics(struct http_request *req, void *arg);
void api_on_config(struct http_request *req, void *arg);
void api_on_client_module(struct http_request *req, void *arg);
void api_on_static(struct http_request *req, void *arg);
void api_on_admin_metrics(struct http_request *req, void *arg);
void api_on_page(struct http_request *req, void *arg);
void api_on_no_page(struct http_request *req, void *arg);
