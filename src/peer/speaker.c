/* speaker: the cookie is one for all streams of a browser, so that many of them do not push out the cookies of the page. Its value
 * is as good as random bytes can be, and no script reads it; SameSite keeps pages of other origins from using it. */
#include "peer/speaker.h"

#include <string.h>

#include "auth/token.h"
#include "base/buf.h"
#include "base/random.h"
#include "http/conn.h"
#include "http/request.h"
#include "peer/blocked.h"
#include "peer/hub.h"
#include "peer/peer.h"
#include "wire/digest.h"
#include "wire/ip.h"

static const char cookie_name[] = "hyphad-stream";

/* One of ours by its look. Who sends another value for a stream binds that stream to what they know anyway. */
static bool is_cookie(struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
            return false;
    }
    return value.len == RANDOM_ID_LEN;
}

void speaker_read(struct http_request *req, struct speaker_proof *ret, struct slice *ret_token)
{
    struct slice cookie;

    *ret = (struct speaker_proof){.has_token = http_request_token(req, ret_token)};
    if (ret->has_token)
        digest_sha256(*ret_token, ret->token);
    else
        *ret_token = (struct slice){NULL, 0};
    ret->has_cookie = http_request_cookie(req, cookie_name, &cookie) && is_cookie(cookie);
    if (ret->has_cookie)
        digest_sha256(cookie, ret->cookie);
    (void)ip_parse(http_request_client(req), &ret->address);
}

void speaker_open(struct speaker *s, struct http_request *req, struct slice *ret_token, struct buf *headers)
{
    char value[RANDOM_ID_LEN + 1];

    *s = (struct speaker){0};
    speaker_read(req, &s->opened, ret_token);
    s->keeps_cookies = s->opened.has_cookie;
    if (s->opened.has_token || s->opened.has_cookie)
        return;
    random_id(value);
    digest_sha256(slice_of(value), s->opened.cookie);
    buf_add_fmt(headers, "set-cookie: %s=%s; Path=%s/rpc; HttpOnly; SameSite=Strict%s\r\n", cookie_name, value,
                req->site->base_path, http_request_is_https(req) ? "; Secure" : "");
}

uint64_t speaker_remaining_ms(const struct speaker *s, const struct token_keys *keys)
{
    if (!s->expires_at)
        return UINT64_MAX;
    int64_t now_ms = token_now_ms(keys);
    return s->expires_at > now_ms / 1000 ? (uint64_t)(s->expires_at * 1000 - now_ms) : 0;
}

static bool is_same(const uint8_t a[32], const uint8_t b[32])
{
    return memcmp(a, b, 32) == 0;
}

/* An IPv6 host changes the lower half of its address by itself. */
static bool is_same_place(const struct in6_addr *a, const struct in6_addr *b)
{
    return ip_is_within(a, b, IN6_IS_ADDR_V4MAPPED(b) ? 128 : 64);
}

int speaker_may_act(const struct peer *p, const struct speaker_proof *shown)
{
    struct speaker *s = p->via->speaker ? p->via->speaker(p) : NULL;

    if (!s || !shown)
        return s == NULL && shown == NULL ? SPEAKER_OK : SPEAKER_STRANGER;
    if (blocked_covers(p, &shown->address))
        return SPEAKER_BLOCKED;
    if (s->opened.has_token) {
        if (!shown->has_token || !is_same(shown->token, s->opened.token))
            return SPEAKER_STRANGER;
        return speaker_remaining_ms(s, p->pl->hub->keys) ? SPEAKER_OK : SPEAKER_EXPIRED;
    }
    /* A token that comes beside the right cookie is the page's, which has logged in meanwhile. */
    if (shown->has_cookie && is_same(shown->cookie, s->opened.cookie)) {
        s->keeps_cookies = true;
        return SPEAKER_OK;
    }
    /* Whoever holds nothing that others do not see is known by their address. Not so a person, whose client has a token to show. */
    if (s->keeps_cookies || shown->has_token || !p->user->is_anonymous)
        return SPEAKER_STRANGER;
    return is_same_place(&shown->address, &s->opened.address) ? SPEAKER_OK : SPEAKER_STRANGER;
}
