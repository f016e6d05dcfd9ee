/* digest: the only file that knows mbedTLS's hashes and base64. Their one-call forms fail for bad
 * arguments only, which would be ours. Any thread. */
#include "wire/digest.h"

#include <mbedtls/base64.h>
#include <mbedtls/sha1.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

#if MBEDTLS_VERSION_NUMBER < 0x03000000
#define sha1_of mbedtls_sha1_ret
#define sha256_of mbedtls_sha256_ret
#else
#define sha1_of mbedtls_sha1
#define sha256_of mbedtls_sha256
#endif

void digest_sha1(struct slice bytes, uint8_t out[20])
{
    ASSERT(sha1_of((const unsigned char *)bytes.ptr, bytes.len, out) == 0);
}

void digest_sha256(struct slice bytes, uint8_t out[32])
{
    ASSERT(sha256_of((const unsigned char *)bytes.ptr, bytes.len, out, 0) == 0);
}

void digest_hex(const uint8_t *bytes, size_t n_bytes, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n_bytes; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

void base64_encode(struct slice bytes, struct buf *out)
{
    size_t room = (bytes.len + 2) / 3 * 4 + 1;
    char *at = buf_reserve(out, room);
    size_t n;

    if (!at)
        return;
    ASSERT(mbedtls_base64_encode((unsigned char *)at, room, &n, (const unsigned char *)bytes.ptr,
                                 bytes.len) == 0);
    buf_grow(out, n);
}

/* The standard alphabet with its padding, which is all mbedTLS reads; false for any other
 * character. */
static bool digest_normalize(struct slice text, struct buf *out)
{
    size_t n = text.len;

    while (n && text.len - n < 2 && text.ptr[n - 1] == '=')
        n--;
    if (n % 4 == 1 || (n != text.len && text.len % 4))
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = text.ptr[i];
        if (c == '-')
            c = '+';
        else if (c == '_')
            c = '/';
        else if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
                 c != '+' && c != '/')
            return false;
        buf_add_byte(out, (uint8_t)c);
    }
    for (; n % 4; n++)
        buf_add_byte(out, '=');
    return !out->is_failed;
}

bool base64_decode(struct slice text, struct buf *out)
{
    SCRATCH_BUF(plain, 0);
    bool is_done = false;

    if (digest_normalize(text, &plain)) {
        size_t room = plain.len / 4 * 3 + 1, n = 0;
        char *at = buf_reserve(out, room);
        is_done = at && mbedtls_base64_decode((unsigned char *)at, room, &n,
                                              (const unsigned char *)plain.ptr, plain.len) == 0;
        if (is_done)
            buf_grow(out, n);
    }
    return is_done;
}
