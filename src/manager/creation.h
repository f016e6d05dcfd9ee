/* creation: how many workspaces somebody has made, for the quota. Hub loop. */
#pragma once
#include <stddef.h>

struct hub;
struct user;

/* Loaded ones the effective id has made, the personal one among them; not those that merely name it
 * as an owner. */
size_t workspaces_owned(const struct hub *h, const struct user *u);
