/* built_in: the service every host carries by itself. Private to rpc. */
#pragma once
#include "rpc/rpc.h"

/* Fills the service; config gets its encoded configuration, and must live as long. */
void built_in_init(struct rpc_service *ret, struct buf *config);
