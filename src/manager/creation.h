/* creation: how many workspaces somebody owns, for the quota. Hub loop. (workspaces-and-auth
 * 5.5) */
#pragma once
#include <stddef.h>

struct hub;
struct user;

/* Loaded ones whose owners name the effective id, the personal one among them. */
size_t workspaces_owned(const struct hub *h, const struct user *u);
