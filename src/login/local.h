/* local: accounts of this server: sign-up with a code by e-mail, log-in with a password, a profile,
 * a forgotten password. Functions of `public/hypha-login`, which answer {success, ...} and never
 * raise for what a person did wrong. Hub loop. (workspaces-and-auth 10) */
#pragma once
#include <stddef.h>

#include "rpc/rpc.h"

struct local;
struct login;

/* What accounts add to the functions of `hypha-login`. Their arg is the login. */
extern const struct rpc_method local_methods[];
extern const size_t local_n_methods;

/* Reads from the store how many accounts there are; functions may be called at once. */
struct local *local_open(struct login *login);
/* Settles every call under way. Takes NULL. Before the login goes; its memory goes when the store
 * and the worker pool have answered. */
void local_close(struct local *l);
