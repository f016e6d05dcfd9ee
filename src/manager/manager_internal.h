/* manager_internal: the inside of struct manager and the handlers of its table, for the files of
 * this room only. Hub loop throughout.
 *
 * A handler is one function and one row in table.c: the row's types are checked before it runs; it
 * settles its call exactly once, now or in a later turn. Records of the registry are looked up
 * again after every wait: they may be gone. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/slice.h"
#include "manager/event_log.h"
#include "manager/manager.h"
#include "manager/search.h"
#include "manager/service_cache.h"
#include "rpc/rpc.h"

struct hub;

struct manager {
    /* const after manager_new */
    struct hub *hub;
    struct rpc_host *host;
    struct place {
        struct rpc_host *host;
        struct client *client;
    } places[MANAGER_N_PLACES];
    struct rpc_service service; /* `default` */
    struct user *root;          /* holds a reference */
    struct held_buf config;     /* encoded: what service.config points to */
    struct held_buf info;       /* encoded: the record get_service_info("~") answers */
    /* hub loop only */
    struct list deletions; /* struct deletion: waiting for the store */
    struct list works;     /* struct work: searches and listings under way */
    /* effective user id -> struct asker, owned: who has requests to clients under way */
    struct map askers;
    struct service_cache objects; /* for the callers of HTTP requests */
    struct event_log event_log;
    struct service_search *search; /* NULL without --enable-service-search */
};

extern const struct rpc_method manager_methods[];
extern const size_t manager_n_methods;

typedef void manager_handler(struct rpc_call *call, void *arg);

/* small.c */
manager_handler do_echo;
/* search.c */
manager_handler do_search_services;
/* event_log.c */
manager_handler do_log, do_log_event, do_get_events, do_get_event_stats;
/* services.c */
manager_handler do_register_service, do_unregister_service;
/* lookup.c */
manager_handler do_get_service, do_get_service_info;
/* listing.c */
manager_handler do_list_services;
/* people.c */
manager_handler do_list_clients, do_ping;
/* tokens.c */
manager_handler do_generate_token, do_parse_token, do_revoke_token;
/* workspaces.c */
manager_handler do_get_workspace_info, do_check_status, do_get_summary;
/* workspace_list.c */
manager_handler do_list_workspaces;
/* cleanup.c */
manager_handler do_cleanup;
/* creation.c */
manager_handler do_create_workspace;
/* deletion.c */
manager_handler do_delete_workspace;
/* bookmarks.c */
manager_handler do_bookmark, do_unbookmark;
/* service_types.c */
manager_handler do_register_service_type, do_get_service_type, do_list_service_types;
/* environment.c */
manager_handler do_set_env, do_get_env;
/* subscriptions.c */
manager_handler do_subscribe, do_unsubscribe;
