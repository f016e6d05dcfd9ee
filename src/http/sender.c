/* sender: an origin is ours when its scheme, host and port are those clients are told
 * (--public-base-url), or, where they are told none, those the client has come by. A page of the
 * same host over plain http is none of ours on https: whoever is in between has written it, and
 * whether the client has come by https is known only from a proxy that says so. */
#include "http/sender.h"

#include <string.h>

#include "config/config.h"
#include "http/http_conn.h"
#include "loop/loop.h"

struct origin {
    /* port: the scheme's own when none is given; empty: it has none */
    struct slice scheme, host, port;
};

static bool is_same_text(struct slice a, struct slice b)
{
    return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

static struct slice default_port(struct slice scheme)
{
    if (slice_is_nocase(scheme, "https"))
        return SLICE_LIT("443");
    return slice_is_nocase(scheme, "http") ? SLICE_LIT("80") : slice_make("", 0);
}

/* authority: host, [address of version 6], either with ":port". */
static struct origin origin_make(struct slice scheme, struct slice authority)
{
    size_t end = authority.len;

    while (end && authority.ptr[end - 1] >= '0' && authority.ptr[end - 1] <= '9')
        end--;
    bool has_port = end && end < authority.len && authority.ptr[end - 1] == ':';
    return (struct origin){.scheme = scheme,
                           .host = has_port ? slice_to(authority, end - 1) : authority,
                           .port = has_port ? slice_from(authority, end) : default_port(scheme)};
}

static bool origin_is(const struct origin *a, const struct origin *b)
{
    return a->host.len && a->port.len && is_same_text(a->scheme, b->scheme) &&
           is_same_text(a->host, b->host) && slice_eq(a->port, b->port);
}

/* scheme://authority of a URL or an origin; false for "null" and what is none. */
static bool origin_cut(struct slice url, struct slice *ret_text, struct origin *ret)
{
    size_t at = 0;

    while (at + 3 <= url.len && memcmp(url.ptr + at, "://", 3) != 0)
        at++;
    if (!at || at + 3 >= url.len)
        return false;
    size_t end = at + 3;
    while (end < url.len && url.ptr[end] != '/' && url.ptr[end] != '?' && url.ptr[end] != '#')
        end++;
    *ret_text = slice_to(url, end);
    *ret = origin_make(slice_to(url, at), slice_from(*ret_text, at + 3));
    return true;
}

/* Named one by one: "all" names nobody. */
static bool sender_is_named(const struct http_request *req, struct slice url)
{
    const struct config_list *list = req->site ? req->site->allow_origins : NULL;
    struct origin origin;
    struct slice text;

    if (!origin_cut(url, &text, &origin))
        return false;
    for (size_t i = 0; list && i < list->n_items; i++)
        if (slice_is(text, list->items[i]))
            return true;
    return false;
}

static bool sender_is_ours(const struct http_request *req, struct slice url)
{
    const char *public_url = req->loop ? loop_config(req->loop)->public_base_url : NULL;
    struct origin origin, own;
    struct slice text, host;

    if (!origin_cut(url, &text, &origin))
        return false;
    if (public_url)
        return origin_cut(slice_of(public_url), &text, &own) && origin_is(&origin, &own);
    if (!http_request_header(req, "host", &host))
        return false;
    own = origin_make(http_request_is_https(req) ? SLICE_LIT("https") : SLICE_LIT("http"), host);
    return origin_is(&origin, &own);
}

/* Where nothing but the page that sends it is known. */
static bool origin_counts(const struct http_request *req, struct slice url)
{
    return sender_is_ours(req, url) || sender_is_named(req, url);
}

static bool is_read(const struct http_request *req)
{
    return req->method == HTTP_M_GET || req->method == HTTP_M_HEAD;
}

enum http_sender http_sender_of(const struct http_request *req)
{
    struct slice site, mode, origin, referer;
    bool has_origin = http_request_header(req, "origin", &origin);

    if (http_request_header(req, "sec-fetch-site", &site)) {
        if (slice_is(site, "same-origin") || slice_is(site, "none") ||
            (has_origin && sender_is_named(req, origin)))
            return HTTP_SENT_FROM_HERE;
        bool is_link =
            is_read(req) && !has_origin && http_request_header(req, "sec-fetch-mode", &mode) &&
            slice_is(mode, "navigate") && http_request_header(req, "sec-fetch-dest", &mode) &&
            slice_is(mode, "document");
        return is_link ? HTTP_SENT_BY_LINK : HTTP_SENT_FROM_ELSEWHERE;
    }
    if (has_origin)
        return origin_counts(req, origin) ? HTTP_SENT_FROM_HERE : HTTP_SENT_FROM_ELSEWHERE;
    if (http_request_header(req, "referer", &referer) && !origin_counts(req, referer))
        return is_read(req) ? HTTP_SENT_BY_LINK : HTTP_SENT_FROM_ELSEWHERE;
    return HTTP_SENT_FROM_HERE;
}
