/* admin: the service and its gate. The gate is one question, asked before any handler runs: admin
 * permission on ws-user-root. */
#include "admin/admin.h"

#include <stdio.h>

#include "admin/room.h"
#include "base/memory.h"
#include "manager/access.h"
#include "manager/manager.h"
#include "peer/hub.h"
#include "wire/mp.h"

static const char ROOT[] = "ws-user-root";

static bool admit(const struct rpc_call *call, void *arg, char *error, size_t room)
{
    struct refusal r;

    (void)arg;
    if (access_grant(call, slice_of(ROOT), PERMISSION_ADMIN, &r))
        return true;
    snprintf(error, room, "%s", r.text);
    return false;
}

struct admin *admin_open(struct manager *m)
{
    struct admin *a = MEM_NEW(struct admin);

    a->manager = m;
    a->hub = manager_hub(m);
    list_init(&a->waits);
    held_buf_init(&a->config, 0, a->hub->loop->own);
    mp_add_map(&a->config.b, 2);
    mp_add_text(&a->config.b, "visibility");
    mp_add_text(&a->config.b, "protected");
    mp_add_text(&a->config.b, "require_context");
    mp_add_bool(&a->config.b, false);
    held_buf_keep(&a->config);
    a->service = (struct rpc_service){.id = "admin-utils",
                                      .name = "Admin Utilities",
                                      .type = "generic",
                                      .config = buf_slice(&a->config.b),
                                      .methods = admin_methods,
                                      .n_methods = admin_n_methods,
                                      .arg = a,
                                      .admit = admit};
    manager_offer(m, MANAGER_ROOT, &a->service);
    return a;
}

void admin_close(struct admin *a)
{
    if (!a)
        return;
    manager_withdraw(a->manager, MANAGER_ROOT, &a->service);
    admin_end_waits(a);
    held_buf_deinit(&a->config);
    mem_free(a);
}
