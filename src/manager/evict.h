/* evict: a client is put out of a workspace. Hub loop. */
#pragma once
#include <stddef.h>

struct client;
struct closing;
struct hub;
struct manager;
struct workspace;

/* Takes the client out of every record, tells the workspace and whoever waits for it, and closes
 * its connection with 1001 and the reason. Not for virtual clients. The workspace stays. */
void client_evict(struct hub *h, struct client *c, const char *reason);
/* The same with a close code, counted as kicked; an empty workspace that nothing keeps is given
 * up. */
void client_kick(struct hub *h, struct client *c, unsigned code, const char *reason);
/* Removes the workspace: nothing finds it and who is in it from here on. These are told so,
 * evicted, over as many turns as that takes. */
void workspace_evict(struct hub *h, struct workspace *w);
/* Everything that was opened by a token, a user or from an address ends: connections over either
 * transport with 1008, over as many turns as those take, requests under way and upgrades that wait
 * on every loop within a turn of it. Revocations and blocks have no other way. */
/* By a token. Returns how many connections those were, all of one person. */
size_t close_opened_by_token(struct hub *h, const struct closing *c);
/* Of a user or an address: everybody is looked at, over turns too, and done() hears how many were
 * put out. It is called once, before this returns or in a later turn, and in any case before the
 * manager goes; what it needs has to live until then. c is copied. */
typedef void close_done(size_t n, void *arg);
void close_opened(struct manager *m, const struct closing *c, close_done *done, void *arg);
