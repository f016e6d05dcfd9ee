/* auth_provider: tokens whose owner a client knows: a service of type `hypha-auth-provider` in
 * ws-user-root, registered by somebody who is admin everywhere. It has parse_token(token), which
 * answers with a UserInfo map, and may have generate_token(user, expires_in), whose text is then
 * what generate_token answers with. The oldest registration counts; when it is gone the next, or
 * nobody. Hub loop. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct hub;
struct manager;
struct rpc_call;
struct user;

void auth_provider_open(struct manager *m);  /* from now on the hub's verifier asks it */
void auth_provider_close(struct manager *m); /* before the manager's hosts are closed */
/* Whether this client is the one that would be asked. */
bool auth_provider_is(struct hub *h, struct slice address);
/* Whether the provider makes tokens: then the call is taken over and settled with what it makes for
 * this user. */
bool auth_provider_generate(struct manager *m, struct rpc_call *call, const struct user *user,
                            int64_t life_s);
