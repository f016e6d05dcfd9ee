/* subscription: which broadcasts a connection hears (wire-protocol 2.7). The set lives with the peer on its loop; the hub
 * changes it by mail, so that what was acknowledged is in force. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"
#include "loop/slots.h"

struct hub;

enum { SUBSCRIPTION_OK, SUBSCRIPTION_NO_PEER, SUBSCRIPTION_FULL };      /* FULL: over --max-subscriptions, nothing changed */

/* Adds or removes all of the types on the peer of that handle; done comes on the hub loop. Hub loop. Types are copied. */
void subscription_change(struct hub *h, struct handle peer, const struct slice *types, size_t n_types, bool is_add,
                         void (*done)(int outcome, void *arg), void *arg);
