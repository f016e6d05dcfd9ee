/* jws: a signed token as text: its three parts, what its header says, whether an RSA key signed it
 * (RFC 7515). What the header says is a claim like any other: who verifies chooses the algorithm.
 * Pure; any thread. The auth room's own. */
#pragma once
#include <stdbool.h>

#include "auth/jwks.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/slice.h"

struct jws { /* borrowed from the text */
    struct slice head, payload, signature;
    struct slice signed_part; /* head.payload */
};

struct jws_header {
    char algorithm[32];       /* cut to what may be shown */
    char key_id[JWKS_ID_MAX]; /* "" when absent, or longer than any key's */
    bool has_critical;        /* demands something we do not know */
};

/* False: not exactly three parts, none empty, of TOKEN_MAX bytes in all. */
bool jws_split(struct slice text, struct jws *ret);
/* False: the header is no JSON map with an `alg`. */
bool jws_header_read(const struct jws *j, struct jws_header *ret);
/* RS256. Longer than a loop should take. */
MUST_CHECK bool jws_is_signed_by(const struct jws *j, const struct rsa_key *key);
/* Appends the payload as an encoded map; false when it is none. */
MUST_CHECK bool jws_claims(const struct jws *j, struct buf *out);
