/* caller_projection: how much of a service's record a given caller sees. Its own file because it
 * joins access and service_projection. Hub loop. (D-44, D-47) */
#pragma once
#include "manager/caller_access.h"
#include "manager/service_projection.h"
#include "registry/registry.h"
#include "rpc/rpc.h"

static inline struct service_projection projection_of(const struct rpc_call *call,
                                                      const struct service *s)
{
    struct slice workspace = slice_of(s->client->workspace->id);
    struct service_projection view = {.creator = CREATOR_FULL};

    view.hides_authorized =
        access_service(call->user, call->workspace, s, ACCESS_USE) == SERVICE_AUTHORIZED;
    if (!s->is_built_in)
        return view; /* its created_by is an id only */
    if (!slice_eq(workspace, call->workspace) ||
        user_permission(call->user, workspace) == PERMISSION_NONE)
        view.creator = CREATOR_ID;
    else if (!access_is_admin(call, s->client->workspace))
        view.creator = CREATOR_NO_SCOPE;
    return view;
}
