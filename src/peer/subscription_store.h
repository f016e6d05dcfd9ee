/* subscription_store: sets of subscriptions outlive the process, where the workspace does. A set is
 * written within a second of its change, and not again while nothing changes but for its expiry;
 * what it may take of the store has a cap, and a share for each user. Hub loop. */
#pragma once
#include <stddef.h>

struct subscriber;
struct subscriptions;
struct timer;

#define SUBSCRIPTION_BUCKET "subscriptions"

/* the store is to have it as it is */
void subscriber_touch(struct subscriptions *s, struct subscriber *r);
/* and is to forget it */
void subscriber_unstore(struct subscriptions *s, struct subscriber *r);
/* So many bytes of it are in the store from here on. */
void subscriber_count_stored(struct subscriptions *s, struct subscriber *r, size_t n_bytes);
void subscription_on_write_due(struct timer *t);
/* Writes what is not written yet, and stops: before the store closes, when the clients have
 * left. */
void subscriptions_close(struct subscriptions *s);
