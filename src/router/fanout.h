/* fanout: who of this loop is in which workspace, for broadcasts. One per loop, touched by that loop only.
 *
 * A broadcast to more members than there is time for goes on over the next turns, after those before it in the same workspace. What
 * somebody sends to one member meanwhile waits behind what it has broadcast; what the hub sends, behind its events; and events come
 * after all that was broadcast before them. Others' messages wait for nothing. However many wait, no turn delivers more than it has time
 * for: who broadcasts faster than that is held back (peer/pressure.c). */
#pragma once
#include "base/map.h"
#include "router/router.h"

struct fanout {
    struct router *router;      /* const */
    struct loop *loop;          /* const */
    struct map workspaces;      /* workspace -> struct membership, owned */
    size_t n_waiting;           /* messages that wait, of all workspaces */
};

void fanout_init(struct fanout *f, struct router *r, struct loop *loop);
void fanout_deinit(struct fanout *f);           /* every endpoint must have left */
void fanout_join(struct fanout *f, struct endpoint *e, struct slice workspace, struct account *account);
void fanout_interest(struct fanout *f, struct endpoint *e, struct slice type, bool is_added);
void fanout_leave(struct fanout *f, struct endpoint *e);        /* harmless when in none; e has given back its handle */

/* A message for e alone, where n_waiting is not 0. True: taken over, it comes after what its sender has broadcast before. */
bool fanout_holds(struct endpoint *e, struct msg *m);

/* Whether so much of what e, a member with that address, has sent in its workspace waits here that it is to be read no further. */
bool fanout_is_behind(const struct fanout *f, const struct endpoint *e, struct slice address);

struct fanout *router_fanout(struct router *r, const struct loop *loop);
struct loop_set *router_loops(struct router *r);
/* To an endpoint of this loop by its handle, whatever waits; one that has gone meanwhile bounces. Takes over the reference. */
void router_deliver(struct router *r, struct loop *self, struct handle to, struct msg *m);
