/* subscription_store: sets of subscriptions outlive the process, where the workspace does. A set is written within a second of its
 * change, and not again while nothing changes but for its expiry; what it may take of the store has a cap, and a share for each
 * user. Hub loop. */
#pragma once
#include <stdbool.h>

struct subscriptions;

/* What was kept waits for its clients. Before they come, when the workspaces are loaded. Once. */
void subscriptions_load(struct subscriptions *s, void (*done)(bool ok, void *arg), void *arg);
/* Writes what is not written yet, and stops: before the store closes, when the clients have left. */
void subscriptions_close(struct subscriptions *s);
