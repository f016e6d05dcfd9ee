/* permission: one table. */
#include "auth/permission.h"

static const struct {
    const char *letter, *name;
} permissions[] = {
    [PERMISSION_READ] = {"r", "read"},
    [PERMISSION_READ_WRITE] = {"rw", "read_write"},
    [PERMISSION_ADMIN] = {"a", "admin"},
};

const char *permission_letter(enum permission p)
{
    return permissions[p].letter;
}

bool permission_from_letter(struct slice letter, enum permission *ret)
{
    for (enum permission p = PERMISSION_READ; p <= PERMISSION_ADMIN; p++) {
        if (slice_is(letter, permissions[p].letter)) {
            *ret = p;
            return true;
        }
    }
    return false;
}

bool permission_from_name(struct slice name, enum permission *ret)
{
    for (enum permission p = PERMISSION_READ; p <= PERMISSION_ADMIN; p++) {
        if (slice_is(name, permissions[p].name)) {
            *ret = p;
            return true;
        }
    }
    return false;
}
