/* gate: who may call any function of the service: asked before its handler runs. Hub loop. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct rpc_call;

/* Who has admin permission on ws-user-root; else error is the text of a PermissionError. arg is not
 * looked at. */
bool admin_admit(const struct rpc_call *call, void *arg, char *error, size_t room);
