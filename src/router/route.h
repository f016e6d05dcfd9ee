/* route: where a client is: on a seat of this process, or of another instance that an uplink
 * reaches. A value; the world holds these, and handles of its own process. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "loop/loop.h"

struct msg;

enum { ROUTE_HERE = 0 };

struct route {
    /* on a loop of its process: a connection, and no later one under its name */
    struct handle seat;
    /* ROUTE_HERE: this process; else a number by which the uplink knows its process */
    uint32_t instance;
};

static inline struct route route_here(struct handle seat)
{
    return (struct route){.seat = seat};
}

static inline bool route_is_here(const struct route *r)
{
    return r->instance == ROUTE_HERE;
}

static inline bool route_eq(const struct route *a, const struct route *b)
{
    return a->instance == b->instance && handle_eq(a->seat, b->seat);
}

/* The way to other instances. Each is called on the loop thread of `self` and may send on before it
 * returns, or later; in the order in which one loop calls it for one seat. What it brings is given
 * to router_arrive and its like there. Embed it in your own struct. */
struct router_uplink {
    /* A message for a seat of another instance; takes over the reference. One that arrives too late
     * bounces there. */
    void (*send)(struct router_uplink *u, struct loop *self, const struct route *to, struct msg *m);
    /* That the account of that endpoint has no room for an answer; takes over refusal, which may be
     * NULL. */
    void (*overdrawn)(struct router_uplink *u, struct loop *self, const struct route *to,
                      struct msg *refusal);
    /* A broadcast, once to each other instance with members of the workspace; borrows all. */
    void (*spread)(struct router_uplink *u, struct loop *self, struct slice workspace,
                   struct slice type, struct msg *m);
};
