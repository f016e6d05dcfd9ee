/* bind: arguments to parameters. Private to rpc; pure. */
#pragma once
#include "rpc/rpc_dispatch.h"

enum { BIND_OK, BIND_BAD };
enum { BIND_ERROR_MAX = 512 };
/* BIND_BAD: ret_error says why. */
MUST_CHECK int bind_args(const struct rpc_method *method, const struct incoming *in,
                         struct slice ret_args[RPC_MAX_PARAMS], char ret_error[BIND_ERROR_MAX]);
