/* rsa: the algorithm stands here and not in what is checked: a signature says nothing about how it
 * wants to be read. */
#include "wire/rsa.h"

#include <mbedtls/rsa.h>
#include <mbedtls/version.h>
#include <string.h>

static struct slice without_zeros(struct slice number)
{
    while (number.len && number.ptr[0] == 0)
        number = slice_from(number, 1);
    return number;
}

bool rsa_key_make(struct slice n, struct slice e, struct rsa_key *ret)
{
    n = without_zeros(n);
    e = without_zeros(e);
    if (n.len < RSA_MODULUS_MIN || n.len > RSA_MODULUS_MAX || !e.len || e.len > RSA_EXPONENT_MAX)
        return false;
    bool is_odd = e.ptr[e.len - 1] & 1, is_one = e.len == 1 && e.ptr[0] == 1;
    if (!is_odd || is_one || !(n.ptr[n.len - 1] & 1))
        return false;
    *ret = (struct rsa_key){.n_len = n.len, .e_len = e.len};
    memcpy(ret->n, n.ptr, n.len);
    memcpy(ret->e, e.ptr, e.len);
    return true;
}

#if MBEDTLS_VERSION_NUMBER < 0x03000000
static void rsa_begin(mbedtls_rsa_context *rsa)
{
    mbedtls_rsa_init(rsa, MBEDTLS_RSA_PKCS_V15, 0);
}

static int rsa_check(mbedtls_rsa_context *rsa, const uint8_t digest[32],
                     const unsigned char *signature)
{
    return mbedtls_rsa_pkcs1_verify(rsa, NULL, NULL, MBEDTLS_RSA_PUBLIC, MBEDTLS_MD_SHA256, 32,
                                    digest, signature);
}
#else
static void rsa_begin(mbedtls_rsa_context *rsa)
{
    mbedtls_rsa_init(rsa); /* PKCS #1 v1.5 */
}

static int rsa_check(mbedtls_rsa_context *rsa, const uint8_t digest[32],
                     const unsigned char *signature)
{
    return mbedtls_rsa_pkcs1_verify(rsa, MBEDTLS_MD_SHA256, 32, digest, signature);
}
#endif

bool rsa_verify_sha256(const struct rsa_key *key, const uint8_t digest[32], struct slice signature)
{
    mbedtls_rsa_context rsa;
    bool is_good;

    if (signature.len != key->n_len)
        return false;
    rsa_begin(&rsa);
    is_good = mbedtls_rsa_import_raw(&rsa, key->n, key->n_len, NULL, 0, NULL, 0, NULL, 0, key->e,
                                     key->e_len) == 0 &&
              mbedtls_rsa_complete(&rsa) == 0 && mbedtls_rsa_check_pubkey(&rsa) == 0 &&
              rsa_check(&rsa, digest, (const unsigned char *)signature.ptr) == 0;
    mbedtls_rsa_free(&rsa);
    return is_good;
}
