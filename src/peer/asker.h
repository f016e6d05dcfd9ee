/* asker: whom an HTTP request is from: its token, found and verified when the first one asks, for
 * all who ask after that: the rates, the caller, the stream it opens or posts to. Loop of the
 * request. */
#pragma once
#include <stdbool.h>

#include "auth/token.h"
#include "base/slice.h"
#include "http/request.h"

struct connect_request;

struct asker {
    struct http_asker of_request; /* first: the request owns it */
    const struct token_keys *keys;
    bool has_token;    /* false: an anonymous one */
    struct slice text; /* of the token */
    /* of token_parse; TOKEN_INVALID as soon as the token has expired */
    int outcome;
    /* TOKEN_OK; its user is NULL once a connect request has taken it over */
    struct token token;
    char error[TOKEN_ERROR_MAX]; /* else why not */
};

/* Borrowed; lives as long as the request. */
struct asker *asker_of(struct http_request *req, const struct token_keys *keys);
/* The request has shown a token that is good by itself: not one that somebody else must be asked
 * about. */
bool asker_is_verified(const struct asker *a);
/* Once: who asks in the connect request is who has shown that token; one of somebody else's is kept
 * for the hub loop. False: the token is no good, ret_error (TOKEN_ERROR_MAX) says why. */
MUST_CHECK bool asker_join(struct asker *a, struct connect_request *j, char *ret_error);
