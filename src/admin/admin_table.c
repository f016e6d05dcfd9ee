/* admin_table: every function of `admin-utils`: a row here and a function in the file of its
 * noun. */
#include "admin/gate.h"
#include "admin/admin_internal.h"
#include "manager/manager.h"
#include "manager/built_in_service.h"

#define OPTIONAL(name, kind, value, help)                                                          \
    {                                                                                              \
        name, kind, true, help, value                                                              \
    }
#define REQUIRED(name, kind, help)                                                                 \
    {                                                                                              \
        name, kind, false, help, NULL                                                              \
    }
#define DURATION                                                                                   \
    OPTIONAL("duration", RPC_INT, "3600", "seconds; 0 = 30 days, -1 = until it is lifted")
#define REASON OPTIONAL("reason", RPC_TEXT, "\"\"", "told to who is refused")

static const struct rpc_method methods[] = {
    {"list_servers", "Lists the ids of the servers that are here.", {{NULL}}, admin_list_servers},
    {"kickout_client",
     "Closes the connection of a client.",
     {REQUIRED("workspace", RPC_TEXT, "its workspace"), REQUIRED("client_id", RPC_TEXT, "its id"),
      OPTIONAL("code", RPC_INT, "1000", "close code"),
      OPTIONAL("reason", RPC_TEXT, "\"Admin requested disconnect\"", "close reason")},
     admin_kickout_client},
    {"list_workspaces", "Lists all loaded workspaces.", {{NULL}}, admin_list_workspaces},
    {"unload_workspace",
     "Gives up a workspace that has no clients.",
     {REQUIRED("workspace", RPC_TEXT, "its id"),
      OPTIONAL("wait", RPC_BOOL, "false", "until it is gone"),
      OPTIONAL("timeout", RPC_NUMBER, "10", "seconds to wait")},
     admin_unload_workspace},
    {"get_metrics", "Counts connections and messages.", {{NULL}}, admin_get_metrics},
    {"block_user",
     "Keeps a user out, children of its tokens included, and closes their connections.",
     {REQUIRED("user_id", RPC_TEXT, "its id"), DURATION, REASON},
     admin_block_user},
    {"unblock_user",
     "Lets a blocked user in again.",
     {REQUIRED("user_id", RPC_TEXT, "its id")},
     admin_unblock_user},
    {"block_ip",
     "Keeps an address out and closes its connections.",
     {REQUIRED("ip", RPC_TEXT, "IPv4 or IPv6 address"), DURATION, REASON},
     admin_block_ip},
    {"unblock_ip",
     "Lets a blocked address in again.",
     {REQUIRED("ip", RPC_TEXT, "IPv4 or IPv6 address")},
     admin_unblock_ip},
    {"list_blocked", "Lists who is blocked and for how long.", {{NULL}}, admin_list_blocked},
    {"get_resource_usage",
     "Counts connections and services, and tells their limits.",
     {{NULL}},
     admin_get_resource_usage},
    {"cleanup_orphans",
     "Asks every client of every workspace for a sign of life and removes those that give none.",
     {OPTIONAL("timeout", RPC_NUMBER, "5", "seconds to wait for each")},
     admin_cleanup_orphans},
    {"explain",
     "Tells whether somebody may do something, by which rule, grant, record or limit.",
     {REQUIRED("user_or_token", RPC_TEXT_OR_MAP,
               "a user id, a token, {\"token\": ...}, a user map, or anonymous"),
      REQUIRED("workspace", RPC_TEXT, "the workspace it is about"),
      OPTIONAL("service", RPC_TEXT, NULL, "name or client:name there"),
      OPTIONAL("operation", RPC_TEXT, NULL,
               "join, read, read_write, admin, http, call_service, or a function of the manager; "
               "default: get_service, or join without a service")},
     admin_explain},
};

const struct manager_service admin_service = {
    .id = "admin-utils",
    .name = "Admin Utilities",
    .type = "generic",
    .place = MANAGER_ROOT,
    .visibility = "protected",
    .methods = methods,
    .n_methods = ARRAY_LEN(methods),
    .admit = admin_admit,
};
