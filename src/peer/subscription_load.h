/* subscription_load: the sets that were kept come back when the server starts. Hub loop. */
#pragma once
#include <stdbool.h>

struct subscriptions;

/* What was kept waits for its clients. Before they come, when the workspaces are loaded. Once. */
void subscriptions_load(struct subscriptions *s, void (*done)(bool ok, void *arg), void *arg);
