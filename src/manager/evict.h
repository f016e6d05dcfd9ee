/* evict: a client is put out of a workspace. Hub loop. (workspaces-and-auth 5.6, 5.11) */
#pragma once

struct client;
struct hub;

/* Takes the client out of every record, tells the workspace and whoever waits for it, and closes
 * its connection with 1001 and the reason. Not for virtual clients. The workspace stays. */
void client_evict(struct hub *h, struct client *c, const char *reason);
