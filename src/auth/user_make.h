/* user_make: what only makers of users need: a user that is not yet shared may be filled in. For who makes users of their own. */
#pragma once
#include "auth/user.h"

enum { USER_ID_MAX = 255 };             /* longer ones are refused where they enter, so "ws-user-<id>" always fits */

bool user_id_is_valid(struct slice id);
struct user *user_new(struct slice id);                 /* no roles, no scope; the id must be valid */
struct user *user_copy(const struct user *u);           /* a new version, one reference */
void user_add_role(struct user *u, struct slice role);  /* sets is_anonymous with role anonymous */
/* The grants that follow from who somebody is, whatever a token says: on the personal workspace, and those of the role admin. */
void user_add_own_grants(struct user *u);
