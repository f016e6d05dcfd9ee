/* room: what the endpoints of this room share. */
#pragma once
#include <stdatomic.h>

#include "api/api.h"
#include "base/buf.h"

struct http_rate;

enum { API_MAX_ROUTES = 24 };

struct api {
    struct api_options options; /* const after init */
    struct http_route routes[API_MAX_ROUTES];
    size_t n_routes;
    uint64_t started_ms;
    struct http_rate *rate; /* its own locking */
    atomic_int readiness;   /* any thread */
    atomic_uint n_calls;    /* any thread: callers alive */
};

/* Of this process, in pages; 0 where they cannot be read. */
void api_memory_pages(long *ret_virtual, long *ret_resident);

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
void api_on_page(struct http_request *req, void *arg);
void api_on_no_page(struct http_request *req, void *arg);
