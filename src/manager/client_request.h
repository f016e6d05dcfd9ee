/* client_request: a request to a client on behalf of a caller. The manager's own places for calls
 * under way are shared by everybody, so each user has a share of them: who keeps the manager
 * waiting on silent clients uses up that, and nothing else. Hub loop. */
#pragma once
#include "rpc/rpc.h"

struct client_request;
struct manager;

enum {
    CLIENT_REQUEST_SHARE = 16,
    CLIENT_REQUEST_FLOOR = 64
}; /* a user may have 1/16 of --max-pending-calls under way, and 64 in any case */

/* As rpc_request from the manager's host. NULL, and done never comes: the user of `call` has
 * used up the share. */
struct client_request *client_request_send(struct manager *m, const struct rpc_call *call,
                                           const struct rpc_request *request, rpc_done *done,
                                           void *arg);
/* done will not come. Not from inside done, nor after it. */
void client_request_cancel(struct client_request *a);
/* what a caller is told when client_request_send returned NULL */
void client_request_reject(struct rpc_call *call);
