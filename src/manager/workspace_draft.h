/* workspace_draft: a workspace as a client describes it, checked once. Pure. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"
#include "manager/reply.h"

struct workspace_draft {
    char *id, *name, *description; /* owned; description may be NULL */
    char **owners;                 /* owned: trimmed, none empty */
    size_t n_owners;
    bool has_owners; /* a list was given, be it empty */
    bool is_persistent, is_read_only;
    struct buf config, extra; /* encoded maps */
};
/* The id, and nothing else, so that the cheap refusals come first. Borrowed from the map. */
bool workspace_draft_id(struct slice map, struct slice *ret_id, struct refusal *ret_refusal);
bool workspace_id_allowed(struct slice id, bool is_root, struct refusal *ret_refusal);
/* max_bytes: of the map. On refusal *ret is empty. */
bool workspace_draft_read(struct slice map, size_t max_bytes, struct workspace_draft *ret,
                          struct refusal *ret_refusal);
void workspace_draft_deinit(struct workspace_draft *d);
/* Whether a map is a complete ServiceTypeInfo. */
bool service_type_is_complete(struct slice type);
