/* local_table: the functions of accounts, as rows. */
#pragma once
#include <stddef.h>

#include "rpc/rpc.h"

/* What accounts add to the functions of `hypha-login`. Their arg is the login. */
extern const struct rpc_method local_methods[];
extern const size_t local_n_methods;
