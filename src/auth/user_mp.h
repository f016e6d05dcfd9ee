/* user_mp: a user as the map that clients and services know. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"

struct buf;
struct user;

/* The map of 1.10 (connection_info, segment 1, context). with_scope false leaves the key scope out
 * (D-44). */
void user_add_mp(struct buf *b, const struct user *u, bool with_scope);
/* Such a map of the same user, scope included, and the lineage, the time of issue and the origin:
 * for the manager of this server and nobody else. */
void user_add_sealed_mp(struct buf *b, struct slice map, const struct user *u);
/* Reads a map the hub itself stamped; NULL when it is not one. These are known when the map was a
 * sealed one. */
struct user *user_from_mp(struct slice map);
