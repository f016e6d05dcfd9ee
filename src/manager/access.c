/* access: grants come from the user map the router stamped on the call, never from what a caller
 * says. Ownership counts only where it is named: it does not open the services of another
 * workspace (S-22). */
#include "manager/access.h"

#include <string.h>

#include "peer/hub.h"
#include "registry/registry.h"
#include "rpc/rpc.h"

static bool deny(struct slice workspace, struct refusal *ret_refusal)
{
    return refuse(ret_refusal, "PermissionError", "Permission denied for workspace " SLICE_FMT,
                  SLICE_ARG(workspace));
}

bool access_grant(const struct rpc_call *call, struct slice workspace, enum permission level,
                  struct refusal *ret_refusal)
{
    return user_permission(call->user, workspace) >= level ? true : deny(workspace, ret_refusal);
}

bool access_context(const struct rpc_call *call, enum permission level, struct refusal *ret_refusal)
{
    return access_grant(call, call->workspace, level, ret_refusal);
}

struct workspace *access_workspace(struct hub *h, const struct rpc_call *call, struct slice id,
                                   enum permission level, enum access_by by,
                                   struct refusal *ret_refusal)
{
    struct slice target = id.len ? id : call->workspace;
    struct workspace *w = workspace_find(&h->registry, target);

    if (!w) {
        refuse(ret_refusal, "KeyError", "Workspace not found: " SLICE_FMT, SLICE_ARG(target));
        return NULL;
    }
    if (user_permission(call->user, target) >= level ||
        (by == ACCESS_BY_GRANT_OR_OWNERSHIP && workspace_owned_by(w, call->user)))
        return w;
    deny(target, ret_refusal);
    return NULL;
}

enum access_service access_service(const struct user *user, struct slice context,
                                   const struct service *s, enum access_purpose purpose)
{
    struct slice workspace = slice_of(s->client->workspace->id);
    bool is_member = user_permission(user, workspace) >= PERMISSION_READ;

    if (s->visibility == SERVICE_UNLISTED && purpose != ACCESS_USE) {
        /* Only from inside, and only when asked for. */
        if (purpose == ACCESS_LIST || !is_member || !slice_eq(workspace, context))
            return SERVICE_HIDDEN;
    }
    if (is_member)
        return SERVICE_MEMBER;
    if (s->visibility != SERVICE_PROTECTED)
        return SERVICE_SHOWN;
    return s->has_authorized && service_authorizes(s, context) ? SERVICE_AUTHORIZED
                                                               : SERVICE_HIDDEN;
}

bool access_refuse_service(const struct rpc_call *call, struct slice workspace,
                           struct refusal *ret_refusal)
{
    if (user_permission(call->user, call->workspace) < PERMISSION_READ)
        return deny(call->workspace, ret_refusal);
    return refuse(ret_refusal, "PermissionError",
                  "Permission denied for non-public service in workspace " SLICE_FMT,
                  SLICE_ARG(workspace));
}

bool access_is_admin(const struct rpc_call *call, struct slice workspace)
{
    return user_permission(call->user, workspace) == PERMISSION_ADMIN;
}

bool access_is_root(const struct rpc_call *call)
{
    return strcmp(call->user->id, "root") == 0;
}
