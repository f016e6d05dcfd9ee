/* sharer: by which name somebody has a share of what many fill: people by their id, children of
 * their tokens too; the anonymous, who are new ones with every connection, by the network they
 * come from. Hub loop. */
#pragma once
#include "base/slice.h"

struct client;
struct user;

enum { SHARER_MAX = 300 };
/* "user:ID" or "ip:NETWORK"; in room. c: NULL for who has no connection: what speaks for an HTTP
 * request brings its origin along with the user. "ip:?" is left to those who have gone since they
 * called. */
struct slice sharer_of(const struct user *u, const struct client *c, char room[SHARER_MAX]);
bool sharer_is_anonymous(struct slice sharer);
