/* admin_feature: the life of the service. */
#include "admin/admin_internal.h"
#include "base/memory.h"
#include "http/feature.h"
#include "manager/manager.h"

static void *admin_open(void *made, struct manager *m)
{
    struct admin *a = MEM_NEW(struct admin);

    (void)made;
    a->manager = m;
    a->hub = manager_hub(m);
    list_init(&a->waits);
    return a;
}

static void admin_close(void *opened)
{
    admin_end_waits(opened);
    mem_free(opened);
}

const struct feature admin_feature = {
    .name = "admin", .open = admin_open, .service = &admin_service, .close = admin_close};
