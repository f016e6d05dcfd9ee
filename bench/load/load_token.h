/* load_token: an HS256 token as the server mints it itself (claims: iss, sub, aud, iat, exp, scope,
 * gty, roles, email), so that a run needs no call to the server before its clients log in. */
#pragma once

#include "load/load_buf.h"

/* A token that makes `user` administrator of its own workspace ws-user-<user>, good for a day.
 * Replaces out's content and ends it with a NUL that out->len does not count. 0, or -EIO when the
 * digest fails. */
int token_mint(struct buf *out, const char *secret, const char *user);
