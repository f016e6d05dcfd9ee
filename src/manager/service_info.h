/* service_info: a registration as a client sent it, checked once and made into the record the
 * registry keeps and listings show (service_projection.h: as a given caller may see it). Pure. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"
#include "manager/reply.h"
#include "registry/registry.h"

struct user;

enum { SERVICE_DESCRIPTION_MAX = 1024, SERVICE_NAME_MAX = 1024 };

/* What of a registration decides where it goes; slices borrow from the map. */
struct service_place {
    struct slice workspace, client, name;
};

/* The place, and whether the registration is one that is silently not kept (`_rintf_*`,
 * `_local_only`). */
bool service_place_read(struct slice map, struct slice context, struct service_place *ret,
                        struct refusal *ret_refusal);
bool service_is_local_only(struct slice map, struct slice name);

struct service_draft {
    struct service_fields fields; /* info and authorized point into this */
    struct slice *authorized;     /* owned */
    struct buf info;
};

struct service_origin {
    struct slice workspace, full_client; /* where it is registered: "ws", "ws/client" */
    const struct user *creator;
    size_t max_bytes; /* of the record */
};

/* Checks the map and builds the record of eight keys. On refusal *ret is empty. */
bool service_draft_read(struct slice map, struct slice name, const struct service_origin *origin,
                        struct service_draft *ret, struct refusal *ret_refusal);
void service_draft_deinit(struct service_draft *d);
