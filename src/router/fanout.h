/* fanout: who of this loop is in which workspace, for broadcasts. One per loop, touched by that loop only. */
#pragma once
#include "base/map.h"
#include "router/router.h"

struct fanout {
    struct map workspaces;      /* workspace -> struct membership, owned */
};

void fanout_init(struct fanout *f);
void fanout_deinit(struct fanout *f);           /* every endpoint must have left */
void fanout_join(struct fanout *f, struct endpoint *e, struct slice workspace);
void fanout_interest(struct fanout *f, struct endpoint *e, struct slice type, bool is_added);
void fanout_leave(struct fanout *f, struct endpoint *e);        /* harmless when in none */

struct fanout *router_fanout(struct router *r, const struct loop *loop);
struct loop_set *router_loops(struct router *r);
