/* room: the inside of struct admin and the handlers of its table, for the files of this room only.
 * Whoever calls them has admin permission on ws-user-root: the service's own gate has asked. Hub
 * loop. */
#pragma once
#include "admin/admin.h"
#include "base/buf.h"
#include "base/list.h"
#include "rpc/rpc.h"

struct hub;

struct admin {
    /* const after admin_open */
    struct manager *manager;
    struct hub *hub;
    struct rpc_service service;
    struct held_buf config; /* encoded: what service.config points to */
    /* hub loop only */
    struct list waits; /* struct wait.link: unload_workspace under way */
    size_t n_waits;
};

extern const struct rpc_method admin_methods[];
extern const size_t admin_n_methods;

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
