/* permission: what a grant allows, each level with all below it; its letter in a scope, its name in
 * a TokenConfig. Pure. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"

enum permission { PERMISSION_NONE, PERMISSION_READ, PERMISSION_READ_WRITE, PERMISSION_ADMIN };

/* "r", "rw", "a"; NULL for none */
const char *permission_letter(enum permission p);
bool permission_from_letter(struct slice letter, enum permission *ret);
/* read, read_write, admin (TokenConfig) */
bool permission_from_name(struct slice name, enum permission *ret);
