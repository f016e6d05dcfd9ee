/* login_table: the functions of the service without accounts, as rows. */
#pragma once
#include <stddef.h>

#include "rpc/rpc.h"

extern const struct rpc_method login_methods[];
extern const size_t login_n_methods;
