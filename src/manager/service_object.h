/* service_object: a provider's service map made into what get_service answers: absolute
 * references, the full id, where the service lives. Pure. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

struct service_object_rules {
    struct slice full_id, workspace, url;
    bool hides_authorized; /* the caller is only on the list (D-51) */
    unsigned case_kinds;   /* CASE_* */
};
/* Appends the object; false when the provider's value is no map, or conversion would make it
 * more than four times as large. */
bool service_object_add(struct buf *out, struct slice value,
                        const struct service_object_rules *rules);
