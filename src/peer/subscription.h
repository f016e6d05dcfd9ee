/* subscription: which broadcasts a connection hears. Decided in the hub's table (subscriptions.h),
 * in force at the peer, on its loop: the hub changes it by mail, so that what was acknowledged is
 * in force. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "peer/subscriptions.h"

struct client;
struct hub;
struct peer;

/* Adds or removes all of the types for that client; done, with an outcome of subscriptions.h, comes
 * on the hub loop, and for one that has been refused before this returns. Hub loop. Types are
 * copied. */
void subscription_change(struct hub *h, const struct client *c, const struct slice *types,
                         size_t n_types, bool is_add, void (*done)(int outcome, void *arg),
                         void *arg);
/* A connection begins to hear what its client heard before: encoded texts, one after the other.
 * Loop of the peer, when it has joined its workspace. */
void subscription_restore(struct peer *p, struct slice types);
