/* Any bytes as what an issuer publishes: keys that are taken are whole, bounded, and found by their
 * id. */
#include "auth/jwks.h"
#include "base/memory.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    char name[JWKS_URL_MAX], url[JWKS_URL_MAX];
    struct slice json = slice_make(bytes, n_bytes);
    struct jwks *set;

    if (jwks_read(json, &set) == JWKS_OK) {
        ASSERT(set->n_keys > 0 && set->n_keys <= JWKS_KEYS_MAX);
        for (size_t i = 0; i < set->n_keys; i++) {
            const struct rsa_key *key = &set->keys[i].rsa;
            ASSERT(key->n_len >= RSA_MODULUS_MIN && key->n_len <= RSA_MODULUS_MAX && key->n[0]);
            ASSERT(key->e_len > 0 && key->e_len <= RSA_EXPONENT_MAX && key->e[0]);
            ASSERT(set->keys[i].id[0] &&
                   jwks_find(set, slice_of(set->keys[i].id)) == &set->keys[i]);
        }
        mem_free(set);
    } else {
        ASSERT(!set);
    }
    if (jwks_discovery_read(json, name, url))
        ASSERT(name[0] && url[0] && strlen(name) < JWKS_URL_MAX && strlen(url) < JWKS_URL_MAX);
    return 0;
}
