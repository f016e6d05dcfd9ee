/* token: HS256 tokens with the original's claims, so that they cross between both servers given one
 * secret, and RS256 tokens of an issuer whose keys are known. The only user of libjwt. The
 * algorithm is ours to choose, never the token's. Pure apart from the clock; any thread. Whoever
 * has a token in hand asks auth/verify.h, which knows whom it belongs to. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "auth/jwks.h"
#include "auth/token_keys.h"
#include "auth/user.h"
#include "base/assert.h"
#include "base/slice.h"

#define TOKEN_IS_FOR_RECONNECTING "A reconnection token is good for reconnecting its client only"

enum {
    TOKEN_OK,
    TOKEN_INVALID,
    /* not signed by us: an issuer or a provider may know it (3.3, 11); refused if there is none */
    TOKEN_FOREIGN,
};
enum { TOKEN_ERROR_MAX = 200, TOKEN_MAX = 16384 };
#define TOKEN_HAS_EXPIRED "The token has expired. Please fetch a new one"

struct token {
    /* owned: scope as in the token, personal workspace added for primary users */
    struct user *user;
    bool has_workspace; /* wid present: user->current_workspace */
    bool has_client_id; /* cid present: user->scope.client_id */
    bool is_root;       /* the opaque root token */
    bool has_expired;   /* only where it is asked for: token_read */
    int64_t expires_at; /* Unix seconds; 0 for the root token */
    uint8_t digest[32]; /* identity for revocation: SHA-256 of the signing input */
};

/* By what it is revoked: its digest; of a reconnection token its session, which those that were
 * renewed with it have too. True: that. */
bool token_revoked_by(const struct token *t, uint8_t ret_digest[32]);

/* On any other outcome ret_error holds the text of 3.3 ("The token has expired. Please fetch a new
 * one", ...), without prefix. */
MUST_CHECK int token_parse(const struct token_keys *keys, struct slice text, struct token *ret,
                           char ret_error[TOKEN_ERROR_MAX]);
/* The same for a token that may have expired, which opens nothing any more and can still be
 * revoked: has_expired says so. */
MUST_CHECK int token_read(const struct token_keys *keys, struct slice text, struct token *ret,
                          char ret_error[TOKEN_ERROR_MAX]);
void token_deinit(struct token *t);
/* Cuts blanks and the prefix "Bearer" off, as token_parse does by itself. TOKEN_OK or TOKEN_INVALID
 * with an error. */
MUST_CHECK int token_strip(struct slice *text, char ret_error[TOKEN_ERROR_MAX]);

/* The rest takes a stripped text. */
/* whether it says RS256, and with which key */
bool token_names_key(struct slice text, char ret_key_id[JWKS_ID_MAX]);
/* A token of another issuer, by that key; of `issuer` only issuer, audience and name_space count.
 * Longer than a loop should take. */
MUST_CHECK int token_parse_rs256(const struct token_keys *issuer, const struct rsa_key *key,
                                 struct slice text, struct token *ret,
                                 char ret_error[TOKEN_ERROR_MAX]);
/* As token_read. */
MUST_CHECK int token_read_rs256(const struct token_keys *issuer, const struct rsa_key *key,
                                struct slice text, struct token *ret,
                                char ret_error[TOKEN_ERROR_MAX]);
/* What a provider says whose token this is: a UserInfo map. It has no expiry of its own, so it
 * cannot be revoked. */
MUST_CHECK int token_from_user(struct slice map, struct slice text, struct token *ret,
                               char ret_error[TOKEN_ERROR_MAX]);

/* What a token is made for by somebody who has come by another one. */
enum token_kind {
    /* what generate_token makes, and what is made of a login for one workspace */
    TOKEN_CHILD,
    TOKEN_RECONNECTION,
};
enum { TOKEN_ANONYMOUS_LIFE_MAX_S = 2 * 24 * 3600 };
/* The one rule for how long what is made of a credential may live: seconds from now, at most
 * wanted_s; 0 or less: nothing can be made any more.
 *   of a child, whatever it is: no longer than that
 *   of a login: as long as it was asked for, because it may make what outlives it. So a
 *     reconnection is renewed for ever
 *   child of somebody who has never logged in, and whose workspace goes with them:
 *     TOKEN_ANONYMOUS_LIFE_MAX_S
 * Whatever is made of a maker goes through it once more when it is signed. */
int64_t token_life(const struct token_keys *keys, const struct user *maker, enum token_kind kind,
                   int64_t wanted_s);

/* Signs the token of a login, which descends from nothing, for exactly this user and scope.
 * scope->current_workspace becomes wid, ->client_id cid; no grant is added. The caller frees it.
 * NULL: out of memory, longer than TOKEN_MAX, a scope that no claim can carry (scope_format), or
 * token_life() leaves it none. */
char *token_mint(const struct token_keys *keys, const struct user *user, const struct scope *scope,
                 int64_t life_s);
/* The same for one that is made by the token of `maker` and descends from it, which has fewer than
 * LINEAGE_MAX before it. */
char *token_mint_from(const struct token_keys *keys, const struct user *maker,
                      const struct user *user, const struct scope *scope, int64_t life_s);
/* A reconnection token of a joined user: it continues the login, and descends from what that has
 * come from. It is good for connecting as that client again and for nothing else: whoever takes
 * tokens for more refuses it (lineage.is_continuation). */
char *token_mint_reconnection(const struct token_keys *keys, const struct user *user,
                              int64_t life_s);
