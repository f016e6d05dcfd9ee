/* evict: a client is put out of a workspace. Hub loop. (workspaces-and-auth 3.7, 5.6, 5.11, 12, 14.3) */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct client;
struct hub;

/* Takes the client out of every record, tells the workspace and whoever waits for it, and closes
 * its connection with 1001 and the reason. Not for virtual clients. The workspace stays. */
void client_evict(struct hub *h, struct client *c, const char *reason);
/* The same with a close code, counted as kicked; an empty workspace that nothing keeps is given
 * up. */
void client_kick(struct hub *h, struct client *c, unsigned code, const char *reason);
/* Kicks every remote client that matches, with 1008. Returns how many those were. */
size_t clients_kick(struct hub *h, bool (*matches)(const struct client *c, const void *what),
                    const void *what, const char *reason);
