/* deletion: workspaces whose end waits for the store. Hub loop. */
#pragma once

struct manager;

/* the manager goes: those under way end without it */
void deletions_orphan(struct manager *m);
