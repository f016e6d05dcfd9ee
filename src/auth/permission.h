/* permission: what a grant allows, each level with all below it; its letter in a scope, its name in a TokenConfig. Pure. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"

enum permission { PERMISSION_NONE, PERMISSION_READ, PERMISSION_READ_WRITE, PERMISSION_ADMIN };

const char *permission_letter(enum permission p);                       /* "r", "rw", "a"; NULL for none */
bool permission_from_letter(struct slice letter, enum permission *ret);
bool permission_from_name(struct slice name, enum permission *ret);     /* read, read_write, admin (TokenConfig) */
