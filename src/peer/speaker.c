/* speaker: each stream that needs a cookie has one of its own, so that those of other tabs stay: it
 * is called by the address of the stream, and what it holds is made when the stream begins. What a
 * client shows then may come from anybody (another port of this host, a sibling domain, a page over
 * plain http can set cookies here), so it is never taken on. Nor do they pile up: a browser that
 * opens another stream is told to drop those whose stream has ended. No script reads them. */
#include "peer/speaker.h"

#include <string.h>

#include "auth/token.h"
#include "base/buf.h"
#include "base/random.h"
#include "http/http_conn.h"
#include "http/request.h"
#include "peer/blocked.h"
#include "peer/hub.h"
#include "peer/peer.h"
#include "wire/digest.h"
#include "wire/ip.h"
#include "wire/url.h"

static const char prefix[] = "hyphad-stream-";

enum {
    /* of header lines in one response: proxies have room for a few kilobytes */
    DROPPED_BYTES_MAX = 2048,
    LOOKED_AT_MAX = 64, /* of the cookies shown; the next stream looks again */
};

static void add_cookie_name(struct slice address, struct buf *out)
{
    buf_add_text(out, prefix);
    url_encode(address, out);
}

void speaker_read(struct http_request *req, struct speaker_proof *ret, struct slice *ret_token)
{
    *ret = (struct speaker_proof){.has_token = http_request_token(req, ret_token)};
    if (ret->has_token)
        digest_sha256(*ret_token, ret->token);
    else
        *ret_token = (struct slice){NULL, 0};
    (void)ip_parse(http_request_client(req), &ret->address);
}

void speaker_read_cookies(const struct http_request *req, struct slice address,
                          struct speaker_proof *ret)
{
    struct http_cookies at = http_request_cookies(req);
    struct slice name, value;
    SCRATCH_BUF(own, 0);

    add_cookie_name(address, &own);
    while (ret->n_cookies < SPEAKER_COOKIES_MAX && http_cookie_next(req, &at, &name, &value)) {
        if (slice_eq(name, buf_slice(&own)))
            digest_sha256(value, ret->cookies[ret->n_cookies++]);
    }
}

void speaker_open(struct speaker *s, struct http_request *req, struct slice *ret_token)
{
    struct speaker_proof shown;

    speaker_read(req, &shown, ret_token);
    *s = (struct speaker){.has_token = shown.has_token, .address = shown.address};
    memcpy(s->token, shown.token, sizeof(s->token));
}

/* Asks for a cookie to be kept, or (value empty) dropped. */
static void add_cookie(const struct http_request *req, struct slice name, const char *value,
                       struct buf *headers)
{
    buf_add_fmt(headers,
                "set-cookie: " SLICE_FMT "=%s; Path=%s/rpc; HttpOnly; SameSite=Strict%s%s\r\n",
                SLICE_ARG(name), value, req->site->base_path,
                http_request_is_https(req) ? "; Secure" : "", *value ? "" : "; Max-Age=0");
}

/* Of a stream that has ended. */
static bool is_left_over(const struct peer *p, struct slice name)
{
    SCRATCH_BUF(address, 0);
    SCRATCH_BUF(again, 0);
    struct route at;

    url_decode(slice_from(name, strlen(prefix)), false, &address);
    add_cookie_name(buf_slice(&address), &again);
    return slice_eq(name, buf_slice(&again)) &&
           !router_find(p->pl->router, p->pl->loop, buf_slice(&address), &at);
}

void speaker_begin(struct speaker *s, const struct peer *p, const struct http_request *req,
                   struct buf *headers)
{
    struct http_cookies at = http_request_cookies(req);
    char secret[RANDOM_ID_LEN + 1];
    struct slice name, value;
    SCRATCH_BUF(own, 0);
    int n = 0;

    if (s->has_token || !http_request_cookies_count(req))
        return;
    add_cookie_name(slice_of(p->full_id), &own);
    random_id(secret);
    digest_sha256(slice_of(secret), s->cookie);
    s->has_cookie = true;
    while (n < LOOKED_AT_MAX && headers->len < DROPPED_BYTES_MAX &&
           http_cookie_next(req, &at, &name, &value)) {
        if (!slice_starts(name, prefix))
            continue;
        n++;
        s->keeps_cookies = true;
        if (!slice_eq(name, buf_slice(&own)) && is_left_over(p, name))
            add_cookie(req, name, "", headers);
    }
    add_cookie(req, buf_slice(&own), secret, headers);
}

uint64_t speaker_remaining_ms(const struct speaker *s, const struct token_keys *keys)
{
    if (!s->expires_at)
        return UINT64_MAX;
    int64_t now_ms = token_now_ms(keys);
    return s->expires_at > now_ms / 1000 ? (uint64_t)(s->expires_at * 1000 - now_ms) : 0;
}

static bool speaker_is_same(const uint8_t a[32], const uint8_t b[32])
{
    return memcmp(a, b, 32) == 0;
}

static bool shows_cookie(const struct speaker *s, const struct speaker_proof *shown)
{
    for (size_t i = 0; s->has_cookie && i < shown->n_cookies; i++)
        if (speaker_is_same(shown->cookies[i], s->cookie))
            return true;
    return false;
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
    if (s->has_token) {
        if (!shown->has_token || !speaker_is_same(shown->token, s->token))
            return SPEAKER_STRANGER;
        return speaker_remaining_ms(s, p->pl->hub->keys) ? SPEAKER_OK : SPEAKER_EXPIRED;
    }
    /* A token that comes beside the right cookie is the page's, which has logged in meanwhile. */
    if (shows_cookie(s, shown)) {
        s->keeps_cookies = true;
        return SPEAKER_OK;
    }
    /* Whoever holds nothing that others do not see is known by their address. Not so a person,
     * whose client has a token to show. */
    if (s->keeps_cookies || shown->has_token || !p->user->is_anonymous)
        return SPEAKER_STRANGER;
    return is_same_place(&shown->address, &s->address) ? SPEAKER_OK : SPEAKER_STRANGER;
}
