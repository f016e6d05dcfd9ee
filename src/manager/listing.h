/* listing: the services a caller may see, as an encoded list. Hub loop. (workspaces-and-auth
 * 6.3, 6.4) */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "manager/list_query.h"

struct hub;
struct rpc_call;
struct service;

/* Calls `each` for every service the query selects and the caller may see, in order of
 * registration within a workspace. The registry must not change meanwhile. */
void listing_walk(struct hub *h, const struct rpc_call *call, const struct list_query *q,
                  bool with_unlisted, void (*each)(const struct service *s, void *arg), void *arg);
