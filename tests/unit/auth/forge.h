/* forge: tokens made by hand, with an HMAC of our own, so that the library that checks them did not
 * make them. */
#pragma once
#include <stdio.h>
#include <string.h>

#include "auth/token.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/memory.h"
#include "harness/check.h"
#include "wire/digest.h"

#define FORGE_SECRET "a secret of thirty-two characters"

static const struct token_keys forge_keys = {
    .secret = {FORGE_SECRET, sizeof(FORGE_SECRET) - 1},
    .issuer = "https://amun.ai/",
    .audience = "https://amun-ai.eu.auth0.com/api/v2/",
    .name_space = "https://amun.ai/",
};

static inline void forge_base64(struct slice bytes, struct buf *out)
{
    size_t from = out->len;

    base64_encode(bytes, out);
    while (out->len > from && out->ptr[out->len - 1] == '=')
        out->len--;
    for (size_t i = from; i < out->len; i++) {
        if (out->ptr[i] == '+')
            out->ptr[i] = '-';
        else if (out->ptr[i] == '/')
            out->ptr[i] = '_';
    }
}

static inline void forge_hmac(const char *secret, struct slice bytes, uint8_t out[32])
{
    struct buf b;
    uint8_t key[64] = {0}, inner[32];

    if (strlen(secret) > sizeof(key))
        digest_sha256(slice_of(secret), key);
    else
        memcpy(key, secret, strlen(secret));
    buf_init(&b, 0);
    for (int i = 0; i < 64; i++)
        buf_add_byte(&b, key[i] ^ 0x36);
    buf_add_slice(&b, bytes);
    digest_sha256(buf_slice(&b), inner);
    buf_clear(&b);
    for (int i = 0; i < 64; i++)
        buf_add_byte(&b, key[i] ^ 0x5c);
    buf_add(&b, inner, sizeof(inner));
    digest_sha256(buf_slice(&b), out);
    buf_deinit(&b);
}

/* The caller frees it. */
static inline char *forge_with(const char *header, const char *claims, const char *secret)
{
    uint8_t mac[32];
    struct buf b;

    buf_init(&b, 0);
    forge_base64(slice_of(header), &b);
    buf_add_byte(&b, '.');
    forge_base64(slice_of(claims), &b);
    forge_hmac(secret, buf_slice(&b), mac);
    buf_add_byte(&b, '.');
    forge_base64(slice_make(mac, sizeof(mac)), &b);
    return buf_take(&b);
}

/* The usual parties and an hour to live, and these claims (JSON members, no braces). */
static inline char *forge(const char *members)
{
    struct buf b;

    buf_init(&b, 0);
    buf_add_fmt(&b,
                "{\"iss\":\"https://amun.ai/\",\"aud\":\"https://amun-ai.eu.auth0.com/api/v2/"
                "\",\"exp\":%lld,%s}",
                (long long)(clock_wall_ms() / 1000 + 3600), members);
    char *claims = buf_take(&b);
    char *token = forge_with("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", claims, FORGE_SECRET);
    mem_free(claims);
    return token;
}

/* Parses a token made by forge() and frees it. */
static inline struct token forge_accept(char *text)
{
    char error[TOKEN_ERROR_MAX] = "";
    struct token t;
    int r = token_parse(&forge_keys, slice_of(text), &t, error);

    CHECK_TEXT(error, "");
    CHECK_INT(r, TOKEN_OK);
    mem_free(text);
    return t;
}

static inline void forge_refused(const char *text, const char *reason)
{
    char error[TOKEN_ERROR_MAX] = "";
    struct token t;

    CHECK(token_parse(&forge_keys, slice_of(text), &t, error) != TOKEN_OK);
    CHECK(!t.user);
    if (!strstr(error, reason))
        check_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", error, reason);
}

static inline void forge_refused_free(char *text, const char *reason)
{
    forge_refused(text, reason);
    mem_free(text);
}
