/* service_glob: the registrations an id with globs names. It finds what a listing of the same id
 * shows the caller, and takes as many turns as that takes: a workspace may have ten thousand
 * services with names made to be slow to compare. Hub loop. */
#pragma once
#include "manager/service_choice.h"

struct list;

/* set: in order of registration; of more than a choice looks at, the first, the last and some by
 * chance. Borrowed for the call, and empty when there are none, or when the search was ended. */
typedef void service_globbed(struct service_set *set, void *arg);

/* found comes once, maybe before this returns. all: where its work stands while it is under way;
 * one that is cut finds nothing. The call, and what the id borrows from it, must live until
 * then. */
void service_glob(struct hub *h, const struct rpc_call *call, const struct service_id *id,
                  struct list *all, service_globbed *found, void *arg);
