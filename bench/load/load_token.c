/* base64url(header) . base64url(claims) . base64url(HMAC-SHA256 of both). Digest and base64 are
 * mbedTLS's; the only step of our own is the change of alphabet from base64 to base64url. */
#include "load/load_token.h"

#include <errno.h>
#include <mbedtls/base64.h>
#include <mbedtls/md.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void append_base64url(struct buf *out, const uint8_t *data, size_t n)
{
    size_t room = (n + 2) / 3 * 4 + 1;
    uint8_t *at = buf_reserve(out, room);
    size_t len = 0;
    if (mbedtls_base64_encode(at, room, &len, data, n) != 0) {
        return;
    }
    while (len && at[len - 1] == '=') {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        at[i] = at[i] == '+' ? '-' : at[i] == '/' ? '_' : at[i];
    }
    out->len += len;
}

int token_mint(struct buf *out, const char *secret, const char *user)
{
    static const char HEADER[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    char claims[1024];
    long long now = (long long)time(NULL);
    int n = snprintf(claims, sizeof(claims),
                     "{\"iss\":\"https://amun.ai/\",\"sub\":\"%s\",\"aud\":\"https://"
                     "amun-ai.eu.auth0.com/api/v2/\","
                     "\"iat\":%lld,\"exp\":%lld,\"scope\":\"ws:ws-user-%s#a wid:ws-user-%s\","
                     "\"gty\":\"client-credentials\",\"https://amun.ai/roles\":[],\"https://"
                     "amun.ai/email\":null}",
                     user, now, now + 86400, user, user);
    out->len = 0;
    append_base64url(out, (const uint8_t *)HEADER, sizeof(HEADER) - 1);
    buf_append(out, ".", 1);
    append_base64url(out, (const uint8_t *)claims, (size_t)n);
    uint8_t mac[32];
    if (mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), (const uint8_t *)secret,
                        strlen(secret), out->data, out->len, mac) != 0) {
        return -EIO;
    }
    buf_append(out, ".", 1);
    append_base64url(out, mac, sizeof(mac));
    *buf_reserve(out, 1) = '\0';
    return 0;
}
