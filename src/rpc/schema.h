/* schema: what a service looks like to those who ask for it. Private to rpc; pure. */
#pragma once
#include "rpc/rpc.h"

/* The map get_service answers with: header keys, then one function reference per method, nested for
 * dotted names. */
void schema_add_object(struct buf *b, const struct rpc_service *service, struct slice server,
                       struct slice address);
