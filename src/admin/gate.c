/* gate: one question. */
#include "admin/gate.h"

#include <stdio.h>

#include "manager/caller_access.h"
#include "manager/reply.h"

static const char ROOT[] = "ws-user-root";

bool admin_admit(const struct rpc_call *call, void *arg, char *error, size_t room)
{
    struct refusal r;

    (void)arg;
    if (access_grant(call, slice_of(ROOT), PERMISSION_ADMIN, &r))
        return true;
    snprintf(error, room, "%s", r.text);
    return false;
}
