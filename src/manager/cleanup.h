/* cleanup: clients that do not answer are put out. Hub loop. */
#pragma once

struct manager;

/* Asks every remote client of every workspace for a sign of life and puts out those that give none;
 * settles the call with {} or {"removed_clients": [full ids]}. timeout: an encoded number of
 * seconds for each, or absent. Who may call it has been asked. */
struct rpc_call;
struct slice;
void manager_cleanup_all(struct manager *m, struct rpc_call *call, struct slice timeout);
