/* built_in_service: the services of the server's own, found like any client's. Hub loop. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"
#include "manager/manager.h"

struct rpc_call;
struct rpc_method;
struct rpc_service;

/* A service of the server's own, beside `default`. Const, or as long as it is offered. */
struct manager_service {
    const char *id, *name, *description, *type; /* id: not yet taken there */
    enum manager_place place;
    /* "public": every workspace reaches it; "protected": that of the place */
    const char *visibility;
    bool requires_context; /* told to clients, who then pass their own */
    const struct rpc_method *methods;
    size_t n_methods;
    /* Who of those may call: NULL = anyone. On refusal returns false with a text for
     * PermissionError. */
    bool (*admit)(const struct rpc_call *call, void *arg, char *error, size_t room);
};
struct manager_registration;
/* Makes it callable and found like any client's; the handlers get arg. Withdrawn by the caller
 * before manager_free(). */
MUST_CHECK struct manager_registration *manager_register(struct manager *m,
                                                         const struct manager_service *service,
                                                         void *arg);
/* The opposite: it is listed no more and further calls do not find it; calls under way go on and
 * still end with its arg. Takes NULL; returns NULL. */
struct manager_registration *manager_unregister(struct manager_registration *o);
/* Only the record in the registry: the host carries it by itself. */
void built_in_service_add_record(struct manager *m, enum manager_place place,
                                 const struct rpc_service *service);
