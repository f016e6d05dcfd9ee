/* jwks: the key set an issuer publishes (RFC 7517), and the header of a token that names one of its
 * keys. Pure; any thread. */
#pragma once
#include "base/assert.h"
#include "base/slice.h"
#include "wire/rsa.h"

enum { JWKS_OK, JWKS_BAD };
enum { JWKS_KEYS_MAX = 64, JWKS_ID_MAX = 256, JWKS_BYTES_MAX = 256 * 1024 };

struct jwk {
    char id[JWKS_ID_MAX];
    struct rsa_key rsa;
};

struct jwks {
    size_t n_keys;
    struct jwk keys[];
};

/* Takes RSA keys with an id that may check RS256 signatures; others are passed over, as are those
 * after JWKS_KEYS_MAX. Of two with one id the first counts. JWKS_BAD: no key set, or no such key in
 * it. The caller frees it with mem_free. */
MUST_CHECK int jwks_read(struct slice json, struct jwks **ret);
/* NULL when unknown; set may be NULL */
const struct jwk *jwks_find(const struct jwks *set, struct slice id);
/* The members of an issuer's discovery document that count. The texts are written to the caller's
 * room; false: not both are there, or one is too long. */
enum { JWKS_URL_MAX = 1024 };
MUST_CHECK bool jwks_discovery_read(struct slice json, char ret_issuer[JWKS_URL_MAX],
                                    char ret_keys_url[JWKS_URL_MAX]);
