/* service_tour: a walk over the services a query selects, of one workspace or of all that have some
 * when it starts, in as many turns as it takes: services and workspaces may come and go meanwhile.
 * Hub loop. */
#pragma once
#include "base/buf.h"
#include "registry/registry.h"

struct account;

struct service_tour {
    struct registry *registry;
    struct service_query query; /* what it names is borrowed until the end */
    struct service_walk walk;
    bool is_walking;
    /* the ids of those still to be walked, each with its NUL */
    struct held_buf workspaces;
    size_t at; /* in it */
};

/* query->workspace empty: all. False: the payer has no room for their ids; it is at its end
 * then. */
MUST_CHECK bool service_tour_start(struct service_tour *t, struct registry *r,
                                   const struct service_query *query, struct account *payer);
/* Looks at one service, or goes on to the next workspace: *ret is NULL when that is none that is
 * asked for. False: at the end. */
MUST_CHECK bool service_tour_step(struct service_tour *t, struct service **ret);
void service_tour_end(struct service_tour *t); /* harmless twice, and of a zeroed one */
