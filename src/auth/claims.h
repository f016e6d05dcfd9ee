/* claims: from what a token says to who that is. The auth room's own. */
#pragma once
#include "auth/token.h"

/* Always TOKEN_INVALID. */
int token_refuse(char ret_error[TOKEN_ERROR_MAX], const char *text);
/* claims: an encoded map whose signature was verified. Fills in all of *ret but the digest. */
MUST_CHECK int claims_read(const struct token_keys *keys, struct slice claims, struct token *ret,
                           char ret_error[TOKEN_ERROR_MAX]);
/* Whether somebody else may vouch for a user of this name: root without all power is refused, so is
 * who looks like one of the anonymous and is not. */
MUST_CHECK int claims_check_foreign(const struct user *u, char ret_error[TOKEN_ERROR_MAX]);
/* map: a UserInfo map. The token it makes has no expiry, so it cannot be revoked; the digest is
 * left to the caller. */
MUST_CHECK int claims_from_user(struct slice map, struct token *ret,
                                char ret_error[TOKEN_ERROR_MAX]);
