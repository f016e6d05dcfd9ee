/* manager: what clients call on the hub: workspaces, services, tokens, people, events. One
 * service, `default`, on the virtual client "*"/<manager id>; beside it the two virtual clients
 * under which the server's own services are found. Everything runs on the hub loop, so no call
 * sees half of another. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"

struct hub;
struct manager;
struct rpc_host;
struct rpc_loop;

/* Opens the three virtual clients; borrows both for its life. rl: of the hub loop. Hub loop,
 * after workspaces_make_system(). */
struct manager *manager_new(struct hub *h, struct rpc_loop *rl);
/* Closes them: calls under way are given up, nothing of it is called afterwards. Takes NULL. Hub
 * loop. */
void manager_free(struct manager *m);

/* The virtual clients that carry the server's own services: "public/<server id>" and
 * "ws-user-root/<server id>". */
enum manager_place { MANAGER_PUBLIC, MANAGER_ROOT, MANAGER_N_PLACES };
struct rpc_host *manager_host(const struct manager *m, enum manager_place place);
struct hub *manager_hub(const struct manager *m);
