/* service_projection: a service's record as a given caller may see it. Pure. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

/* What is left out of a record for those it is not meant for (S-04, D-44, D-47). */
struct service_projection {
    bool hides_authorized;
    enum { CREATOR_FULL, CREATOR_NO_SCOPE, CREATOR_ID } creator;
};
void service_info_add(struct buf *b, struct slice info, struct service_projection view);
/* created_by of a record: the encoded map, or empty. */
struct slice service_info_creator(struct slice info);
/* A user map as others may see it. */
void user_map_add(struct buf *b, struct slice user_map, bool with_scope);
/* The standard eight config keys of a service that is not in the registry (the manager's own),
 * written into an open map. */
struct mp_open;
void service_config_defaults(struct mp_open *config, bool require_context, const char *workspace);
