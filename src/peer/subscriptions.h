/* subscriptions: which event types clients have asked for, and for how long the server remembers
 * it. A set belongs to one client id of one user. While that client is here it can grow up to its
 * caps; when it has left, the set waits for it as long as a reconnection token of its could be
 * valid, and is in force again before the client that returns by one is told its name. Nobody else
 * inherits it: not another user under the same client id, and not the same user without such a
 * token, who begins anew.
 *
 *   here --leaves--> away --returns with a reconnection token--> here
 *                      \--too old, revoked, its workspace gone, no room--> forgotten
 *
 * `client_disconnected` is in none: every client asks for it again by itself, so the common set
 * costs nothing. Sets of clients of persistent workspaces are stored (subscription_store.h). Hub
 * loop. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct client;
struct hub;
struct subscriptions;

struct subscriptions *subscriptions_new(struct hub *h); /* when the registry is there */
struct subscriptions *subscriptions_free(
    struct subscriptions *s); /* takes NULL; returns NULL; before the registry goes */

enum {
    SUBSCRIPTION_OK,
    SUBSCRIPTION_NO_PEER, /* of subscription.h: its connection has gone */
    /* over --max-subscriptions or --max-subscription-bytes; nothing has changed */
    SUBSCRIPTION_FULL,
    SUBSCRIPTION_NO_ROOM, /* its account refused; nothing has changed */
};
/* Adds or removes all of the types. */
MUST_CHECK int subscriptions_change(struct subscriptions *s, const struct client *c,
                                    const struct slice *types, size_t n_types, bool is_add);
/* c has been admitted. What it hears from the start: an encoded array, borrowed for this turn;
 * empty when nothing. */
struct slice subscriptions_enter(struct subscriptions *s, const struct client *c,
                                 bool is_reconnection);
void subscriptions_leave(struct subscriptions *s,
                         const struct client *c); /* c is about to be removed */

/* A token was revoked: what has left and came by it, or by one that descends from it, will not be
 * back. */
void subscriptions_forget_line(struct subscriptions *s, const uint8_t *digest);
void subscriptions_forget_workspace(struct subscriptions *s, struct slice id);
