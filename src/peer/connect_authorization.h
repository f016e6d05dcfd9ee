/* connect_authorization: who may come in, as what, and when they are gone. Every connection, and
 * every HTTP request that acts in a workspace, passes here: token rules, workspace, permission,
 * limits, duplicates. Runs on the hub loop; asked by mail. */
#pragma once
#include "base/slice.h"
#include "loop/slots.h"

struct hub;
struct connect_request;
struct user;

/* Asker's thread; hands j over until on_answer. Before the hub is open nobody is judged: a revoked
 * token or a block would not be known yet, and a workspace would be made beside its record. Who
 * comes then waits. */
void connect_authorize(struct connect_request *j);
/* Whoever has waited is judged from here on: the hub has been opened, or is closing. Hub loop. */
void connect_authorize_early(struct hub *h);

/* Whether j would be admitted, and why: its answer, with decision, but nothing is done. Probing
 * whether an incumbent lives is left out. Hub loop. */
void connect_dry_run(struct connect_request *j);

/* A hosted client of the server's own (manager, public services): registered, routable, never
 * counted. Hub loop. */
struct client;
struct client *connect_host_client(struct hub *h, struct slice workspace, struct slice id,
                                   const struct user *u, struct handle handle);
