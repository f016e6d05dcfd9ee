/* user_make: what only makers of users need: a user that is not yet shared may be filled in. For
 * who makes users of their own. */
#pragma once
#include "auth/user.h"

/* longer ones are refused where they enter, so "ws-user-<id>" always fits */
enum { USER_ID_MAX = 255 };

bool user_id_is_valid(struct slice id);
/* no roles, no scope; the id must be valid */
struct user *user_new(struct slice id);
struct user *user_copy(const struct user *u); /* a new version, one reference */
/* sets is_anonymous with role anonymous */
void user_add_role(struct user *u, struct slice role);
/* The grants that follow from who somebody is, whatever a token says: on the personal workspace,
 * and those of the role admin. */
void user_add_own_grants(struct user *u);
