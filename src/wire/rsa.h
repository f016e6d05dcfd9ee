/* rsa: checks RSA signatures, by mbedTLS. Pure; any thread, but it takes longer than a loop should:
 * offload it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/slice.h"

/* bytes: 2048 to 8192 bits */
enum { RSA_MODULUS_MIN = 256, RSA_MODULUS_MAX = 1024, RSA_EXPONENT_MAX = 8 };

struct rsa_key { /* big-endian, no leading zero */
    uint8_t n[RSA_MODULUS_MAX], e[RSA_EXPONENT_MAX];
    size_t n_len, e_len;
};

/* Whether these numbers are a key worth asking: long enough, short enough, an odd exponent above
 * 1. */
bool rsa_key_make(struct slice n, struct slice e, struct rsa_key *ret);
/* RSASSA-PKCS1-v1_5 with SHA-256 (RS256) over a digest of the signed bytes. */
MUST_CHECK bool rsa_verify_sha256(const struct rsa_key *key, const uint8_t digest[32],
                                  struct slice signature);
