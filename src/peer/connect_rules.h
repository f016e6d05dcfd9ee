/* connect_rules: the checks of a connect request that need nothing but the question and the
 * registry, in the order of the original. Hub loop. */
#pragma once
#include "peer/connect_request.h"

struct client;
struct hub;
struct workspace;

/* Token rules, workspace, permission. True: *ret_workspace, j->joined, j->permission are set. */
bool connect_check(struct hub *h, struct connect_request *j, struct workspace **ret_workspace);
/* Connections per user and address, clients per workspace. replaced: an incumbent that leaves its
 * place, or NULL. */
bool connect_check_limits(struct hub *h, struct connect_request *j, struct workspace *w,
                          const struct client *replaced);
