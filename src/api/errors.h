/* errors: remote errors to HTTP statuses and one line of text. Pure. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "rpc/rpc.h"

/* Status of a reply that is not RPC_RESOLVED; appends the detail. */
unsigned api_error_of(const struct rpc_reply *reply, bool is_detailed, struct buf *detail);
/* Of an encoded error value. */
unsigned api_error_of_value(struct slice error, bool is_detailed, struct buf *detail);
