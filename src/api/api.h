/* api: the HTTP endpoints of the hub itself: service calls, listings, workspace info, health, metrics, the first page.
 * A service call is made by a caller that lives for one request (http.md 1.9): it asks the manager for the service and calls
 * it, exactly as a remote client would. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "http/routes.h"
#include "loop/loop.h"

struct api;
struct config;
struct http_request;
struct hub;
struct rpc_loop;

struct api_options { /* borrowed; const after start */
    struct loop_set *loops;
    struct rpc_loop *const *rpc_loops;    /* by loop index */
    struct hub *hub;                      /* its const fields, and its loop to post to */
    const struct config *config;          /* of the start */
    const struct metrics *accept_metrics; /* the block of the thread that is no loop */
};

struct api *api_new(const struct api_options *options);
void api_free(struct api *a); /* after the loops are joined */

enum api_readiness { API_STARTING, API_READY, API_DRAINING };
void api_set_readiness(struct api *a, enum api_readiness r); /* any thread */

/* The rows of the route table, in the order they must be matched. `arg` of each is the api. */
const struct http_route *api_routes(struct api *a, size_t *ret_n);
/* The rows of the admin listener: health and figures. */
const struct http_route *api_admin_routes(struct api *a, size_t *ret_n);
/* Hooks of the site: rate limit (http.md 1.7) and the access log. arg: the api. */
bool api_allow(struct http_request *req, unsigned *ret_retry_after_s, void *arg);
void api_on_done(struct http_request *req, void *arg);
