/* admin_internal: what only the administrator may do: the service `ws-user-root/admin-utils`. Who
 * is here, who is put out, who is kept out, what the server is doing. The inside of struct admin
 * and the handlers of its table: whoever calls them has admin permission on ws-user-root, for the
 * service's own gate has asked. Hub loop. */
#pragma once
#include "base/buf.h"
#include "base/list.h"
#include "manager/built_in_service.h"
#include "rpc/rpc.h"

struct hub;
struct manager;
struct manager_service;

struct admin {
    /* const after it is opened */
    struct manager *manager;
    struct hub *hub;
    /* hub loop only */
    struct list waits; /* struct wait.link: unload_workspace under way */
    size_t n_waits;
};

/* table.c */
extern const struct manager_service admin_service;

typedef void admin_handler(struct rpc_call *call, void *arg);

/* people.c */
admin_handler admin_list_servers, admin_kickout_client, admin_cleanup_orphans;
/* blocking.c */
admin_handler admin_block_user, admin_unblock_user, admin_block_ip, admin_unblock_ip,
    admin_list_blocked;
/* unloading.c */
admin_handler admin_list_workspaces, admin_unload_workspace;
void admin_end_waits(struct admin *a);
/* explain.c */
admin_handler admin_explain;
/* figures.c */
admin_handler admin_get_metrics, admin_get_resource_usage;
