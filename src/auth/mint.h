/* mint: who may make a token for whom: the policy of generate_token. Pure apart from the clock
 * and the random source; any thread.
 *
 *   mint_config_read(map)  ->  [look the workspace up]  ->  mint_config_cut()  ->  mint_child()
 */
#pragma once
#include "auth/mint_config.h"
#include "auth/token.h"
#include "auth/user.h"

/* The decision alone: may the caller, who holds so much on a workspace, mint `wanted` for it.
 * is_owner: as `owns` below. */
enum mint_verdict {
    MINT_NOTHING_HELD,
    MINT_TOO_LITTLE_HELD,
    MINT_BY_GRANT,
    MINT_BY_OWNING,
    MINT_PASSING_ON
};
enum mint_verdict mint_decide(const struct user *caller, enum permission held,
                              enum permission wanted, bool is_owner);
/* Cuts the life asked for to what the caller may give away (token_life), and binds it to the client
 * the caller is bound to. Before mint_child. */
MUST_CHECK int mint_config_cut(const struct token_keys *keys, const struct user *caller,
                               struct mint_config *c, struct mint_error *ret_error);
/* Unix seconds: the latest time at which the token, or one that descends from it, can be good. */
int64_t mint_latest(const struct token *t);
/* owns: the target's owners name user_effective_id(caller) or, for a caller without parent, its
 * e-mail; or the target is "ws-user-<effective id>". For a child that is not enough for more than
 * it already has (D-04). The minted token descends from the caller's. The caller frees
 * *ret_token. */
MUST_CHECK int mint_child(const struct token_keys *keys, const struct user *caller,
                          const struct mint_config *c, bool owns, char **ret_token,
                          struct mint_error *ret_error);
