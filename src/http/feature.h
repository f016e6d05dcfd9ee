/* feature: what a room of the server declares of itself, so that nothing above it has to know it:
 * its routes, what limits them, its service, and when it lives. A room is a feature when it has a
 * file ROOM_feature.c, which defines `const struct feature ROOM_feature`; the build gathers them in
 * the order of src/ROOMS (rooms_features.def), and server/ walks them. What a feature does not have
 * is NULL. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "http/routes.h"

struct config;
struct feature_set;
struct hub;
struct loop_set;
struct manager;
struct manager_service;
struct metrics;
struct peer_loop;
struct rpc_loop;

/* How far the server is. */
enum server_phase { SERVER_STARTING, SERVER_READY, SERVER_DRAINING, SERVER_FAILED };

/* What features stand on. Const after start, and outlives them. */
struct feature_context {
    struct loop_set *loops;
    struct rpc_loop *const *rpc_loops;    /* by loop index */
    struct peer_loop *peer_loops;         /* by loop index */
    struct hub *hub;                      /* its const fields, and its loop to post to */
    const struct config *config;          /* of the start */
    const struct metrics *accept_metrics; /* the block of the thread that is no loop */
    const struct feature_set *features;   /* those of lower rooms are made already */
    /* the server's: enum server_phase; any thread may read it */
    atomic_int *phase;
};

/* Which function of which service an HTTP request calls, as the client names them. */
struct feature_call {
    struct slice service_id, function;
};

struct feature {
    const char *name; /* of the room */

    /* Main thread, before the loops run, lower rooms first; what it gives is `made`, also what
     * routes without an `arg` get. */
    void *(*make)(const struct feature_context *c);
    /* main thread, after the loops are joined; higher rooms first */
    void (*free)(void *made);

    /* Rows of the site's table: those of lower rooms are matched first, but for those marked
     * HTTP_ROUTE_FALLBACK, which come behind the rows of all. */
    const struct http_route *routes;
    size_t n_routes;
    /* Rows that hang on options, matched before its const ones; owned by `made`. */
    const struct http_route *(*more_routes)(void *made, size_t *ret_n);
    const struct http_route *admin_routes; /* rows of the admin listener */
    size_t n_admin_routes;

    /* Checks of every request before it is served, on its loop. False: 429, *ret_retry_after_s is
     * set. A check of one route stands in its row (http/routes.h). */
    bool (*allow)(void *made, struct http_request *req, unsigned *ret_retry_after_s);
    /* The same for every call by HTTP of a function of a service, whoever's; a feature whose
     * service has limits of its own knows its names. */
    bool (*allow_call)(void *made, struct http_request *req, const struct feature_call *call,
                       unsigned *ret_retry_after_s);
    /* after every request, on its loop */
    void (*on_done)(void *made, struct http_request *req);

    /* Hub loop, when what is kept has been read, lower rooms first. What `open` gives is `opened`;
     * without open it is `made`. */
    void *(*open)(void *made, struct manager *m);
    /* Offered from then on until it closes, with `opened` as its arg. One that comes and goes is
     * offered by the room itself. */
    const struct manager_service *service;
    /* the server is about to stop: calls that wait are settled */
    void (*drain)(void *opened);
    void (*close)(void *opened); /* before the manager goes; higher rooms first */
};

/* Those of this build: admin_feature, api_feature, ... */
#define FEATURE(room) extern const struct feature room##_feature;
#include "rooms_features.def"
#undef FEATURE
