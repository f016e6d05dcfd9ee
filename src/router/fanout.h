/* fanout: who of this loop is in which workspace, for broadcasts. One per loop, touched by that
 * loop only.
 *
 * A broadcast to more members than there is time for goes on over the next turns, after those
 * before it in the same workspace. What somebody sends to one member meanwhile waits behind what it
 * has broadcast; what the hub sends, behind its events; and events come after all that was
 * broadcast before them. Others' messages wait for nothing. However many wait, no turn delivers
 * more than it has time for: who broadcasts faster than that is held back (peer/pressure.c). */
#pragma once
#include "base/map.h"
#include "base/msg.h"
#include "base/slice.h"
#include "loop/loop.h"
#include "router/endpoint.h"

struct account;
struct fanouts;

struct fanout {
    struct fanouts *all;   /* const */
    struct loop *loop;     /* const */
    struct map workspaces; /* workspace -> struct membership, owned */
    size_t n_waiting;      /* messages that wait, of all workspaces */
};

struct fanouts {
    struct loop_set *loops; /* const */
    /* const */
    void (*deliver)(void *arg, struct loop *self, struct handle to, struct msg *m);
    void *arg;                /* const */
    struct fanout of_loops[]; /* each touched by its loop only */
};

/* One for each loop. deliver: to one endpoint of the loop, by its handle, what has waited for its
 * turn; it may have gone meanwhile. Takes over the reference. Loop thread. */
MUST_CHECK struct fanouts *fanouts_new(struct loop_set *loops,
                                       void (*deliver)(void *arg, struct loop *self,
                                                       struct handle to, struct msg *m),
                                       void *arg);
void fanouts_free(struct fanouts *all); /* every endpoint must have left */
static inline struct fanout *fanout_of(struct fanouts *all, const struct loop *loop)
{
    return &all->of_loops[loop->index];
}
void fanout_join(struct fanout *f, struct endpoint *e, struct slice workspace,
                 struct account *account);
void fanout_interest(struct fanout *f, struct endpoint *e, struct slice type, bool is_added);
/* harmless when in none; e has given back its handle */
void fanout_leave(struct fanout *f, struct endpoint *e);

/* A message for e alone, where n_waiting is not 0. True: taken over, it comes after what its sender
 * has broadcast before. */
bool fanout_holds(struct endpoint *e, struct msg *m);

/* Whether so much of what e, a member with that address, has sent in its workspace waits here that
 * it is to be read no further. */
bool fanout_is_behind(const struct fanout *f, const struct endpoint *e, struct slice address);

/* To every member of a workspace that wants the type, on every loop; borrows m. Loop thread of
 * `self`. */
void fanout_broadcast(struct fanouts *all, struct loop *self, struct slice workspace,
                      struct slice type, struct msg *m);
