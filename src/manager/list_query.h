/* list_query: what list_services was asked for, in any of its forms, read once. Pure. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"
#include "manager/reply.h"

struct list_query {
    struct slice workspace;    /* literal: no patterns here (D-18); empty: all workspaces */
    struct slice client, name; /* globs where '*' is special */
    struct slice app, type;    /* empty or "*": any */
    struct slice visibility;   /* empty or "*": any */
};
/* query: an encoded text or map, or absent. Slices borrow from it and from the context. */
bool list_query_read(struct slice query, struct slice context, struct list_query *ret,
                     struct refusal *ret_refusal);
