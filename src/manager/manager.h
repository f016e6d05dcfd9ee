/* manager: what clients call on the hub: workspaces, services, tokens, people, events. One
 * service, `default`, on the virtual client "*"/<manager id>; beside it the two virtual clients
 * under which the server's own services are found. Everything runs on the hub loop, so no call
 * sees half of another. (wire-protocol 3.15, 3.16; workspaces-and-auth 5) */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"

struct hub;
struct manager;
struct rpc_host;
struct rpc_loop;

/* Opens the three virtual clients; borrows both for its life. rl: of the hub loop. Hub loop,
 * after lodging_make_system(). */
struct manager *manager_new(struct hub *h, struct rpc_loop *rl);
/* Closes them: calls under way are given up, nothing of it is called afterwards. Takes NULL. Hub
 * loop. */
void manager_free(struct manager *m);

/* The virtual clients that carry the server's own services: "public/<server id>" and
 * "ws-user-root/<server id>". */
enum manager_place { MANAGER_PUBLIC, MANAGER_ROOT, MANAGER_N_PLACES };
struct rpc_host *manager_host(const struct manager *m, enum manager_place place);
struct hub *manager_hub(const struct manager *m);

/* Asks every remote client of every workspace for a sign of life and puts out those that give none;
 * settles the call with {} or {"removed_clients": [full ids]}. timeout: an encoded number of seconds
 * for each, or absent. Who may call it has been asked. Hub loop. */
struct rpc_call;
struct slice;
void manager_cleanup_all(struct manager *m, struct rpc_call *call, struct slice timeout);

/* A service of the server's own, beside `default`. Const, or as long as it is offered. */
struct rpc_method;
struct manager_service {
    const char *id, *name, *description, *type; /* id: not yet taken there */
    enum manager_place place;
    const char *visibility; /* "public": every workspace reaches it; "protected": that of the place */
    bool requires_context;  /* told to clients, who then pass their own */
    const struct rpc_method *methods;
    size_t n_methods;
    /* Who of those may call: NULL = anyone. On refusal returns false with a text for PermissionError. */
    bool (*admit)(const struct rpc_call *call, void *arg, char *error, size_t room);
};
struct manager_offered;
/* Makes it callable and found like any client's; the handlers get arg. Withdrawn by the caller before manager_free(). Hub loop. */
MUST_CHECK struct manager_offered *manager_offer(struct manager *m, const struct manager_service *service, void *arg);
/* The opposite: it is listed no more and further calls do not find it; calls under way go on and
 * still end with its arg. Takes NULL; returns NULL. Hub loop. */
struct manager_offered *manager_withdraw(struct manager_offered *o);
