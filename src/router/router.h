/* router: addresses to endpoints on any loop, and on other instances by an uplink. Knows bytes and
 * loops; no users, no JSON, no sockets. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/msg.h"
#include "base/slice.h"
#include "loop/loop.h"
#include "router/endpoint.h"
#include "router/reject.h"
#include "router/route.h"
#include "wire/address.h"

struct account;
struct fanout;
struct router;

/* uplink: borrowed, outlives the router; NULL: this process is alone, and every route leads to one
 * of its loops. */
MUST_CHECK struct router *router_new(struct loop_set *loops, struct router_uplink *uplink);
/* before anything is bound: who keeps the directory; outlives it */
void router_pay(struct router *r, struct account *payer);
void router_free(struct router *r); /* after the loops are joined */

/* Gives the endpoint a handle on its loop; unreachable by address until router_bind. Loop
 * thread. */
void router_attach(struct router *r, struct loop *loop, struct endpoint *e);
/* Takes the handle back: messages under way to it bounce. Loop thread. */
void router_detach(struct router *r, struct endpoint *e);
/* Joins the broadcasts of a workspace, whose account, no leaf, pays for the hub's events that wait
 * for members of this loop. Loop thread; undone by detach. */
NONNULL(4)
void router_join(struct router *r, struct endpoint *e, struct slice workspace,
                 struct account *account);

/* Counts an endpoint that has joined in (or out) for a type: a broadcast nobody of a workspace has
 * asked for costs one look, not a walk over its members. Loop thread; undone by the endpoint before
 * it detaches. */
void router_interest(struct router *r, struct endpoint *e, struct slice type, bool is_added);

/* Makes an absolute address lead somewhere. Any loop thread. Returns whether it led elsewhere
 * before, and where. */
bool router_bind(struct router *r, struct loop *self, struct slice address, struct route to,
                 struct route *ret_replaced);
/* Removes the address if it still leads there: a late clean-up cannot touch a newer connection.
 * True when removed. */
bool router_unbind(struct router *r, struct loop *self, struct slice address, struct route to);
bool router_find(struct router *r, struct loop *self, struct slice address, struct route *ret);

/* Frees what bind and unbind have unpublished and nobody reads any more. They do so themselves now
 * and then; any thread. */
void router_collect(struct router *r);

enum { ROUTER_OK, ROUTER_NO_PEER };
/* Sends to one absolute address. On ROUTER_OK takes over the reference; on ROUTER_NO_PEER the
 * caller keeps it and decides (router_bounce). Loop thread of `self`. */
MUST_CHECK int router_send(struct router *r, struct loop *self, struct slice address,
                           struct msg *m);
/* A message for a seat of this process, whoever has sent it: from an uplink too. Takes over the
 * reference; it bounces when nobody sits there any more. Loop thread of `self`, which need not be
 * the seat's. */
void router_arrive(struct router *r, struct loop *self, struct handle to, struct msg *m);
/* Answers a forwarded frame whose target is gone: when it has a `session`, its sender gets
 * `<session>.reject` from the resolved address; else nothing. Takes over the reference. */
void router_bounce(struct router *r, struct loop *self, struct msg *m);
/* The same with another text. */
void router_refuse(struct router *r, struct loop *self, struct msg *m, struct slice text);
/* An answer to this address was refused by its account: its endpoint is told, after the caller has
 * returned. Takes over refusal, which may be NULL. */
void router_overdrawn(struct router *r, struct loop *self, struct slice address,
                      struct msg *refusal);
/* The same for a seat of this process: from an uplink too. */
void router_arrive_overdrawn(struct router *r, struct loop *self, struct handle to,
                             struct msg *refusal);
/* To every member of a workspace that wants the type, on every loop and every instance, once each;
 * to many over some turns, and in order with what its sender sends to one of them. What waits is
 * charged to the account of m, or to the workspace. Takes over the reference. */
void router_broadcast(struct router *r, struct loop *self, struct slice workspace,
                      struct slice type, struct msg *m);
/* The same to those of this process: from an uplink too. Borrows m. */
void router_arrive_broadcast(struct router *r, struct loop *self, struct slice workspace,
                             struct slice type, struct msg *m);
/* What waits on one loop. Its thread. */
struct fanout *router_fanout(const struct router *r, const struct loop *loop);
/* Whether so many of the messages of an endpoint with that address wait on its loop behind what it
 * has broadcast that it should send no more for now. Its loop thread. */
bool router_is_behind(struct router *r, const struct endpoint *e, struct slice address);

/* Who wants to know when an address has gone for good (its last connection ended): those who wait
 * for its answers. */
struct router_watcher {
    struct list link;
    void (*on_gone)(struct router_watcher *w, struct slice address);
};
/* before the loops run */
void router_watch(struct router *r, struct loop *loop, struct router_watcher *w);
/* Tells the watchers of every loop, after everything this loop has sent before. */
void router_tell_gone(struct router *r, struct loop *self, struct slice address);
