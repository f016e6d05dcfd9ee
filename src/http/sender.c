/* sender: an origin is ours when its authority is that of `Host`, or when it is the one clients are told (--public-base-url). */
#include "http/sender.h"

#include <string.h>

#include "config/config.h"
#include "http/conn.h"
#include "loop/loop.h"

/* Named one by one: "all" names nobody. */
static bool is_named(const struct http_request *req, struct slice origin)
{
    const struct config_list *list = req->site ? req->site->allow_origins : NULL;

    for (size_t i = 0; list && i < list->n_items; i++)
        if (slice_is(origin, list->items[i]))
            return true;
    return false;
}

/* scheme://authority of a URL or an origin; false for "null" and what is none. */
static bool cut_origin(struct slice url, struct slice *ret_origin, struct slice *ret_authority)
{
    size_t at = 0;

    while (at + 3 <= url.len && memcmp(url.ptr + at, "://", 3) != 0)
        at++;
    if (!at || at + 3 >= url.len)
        return false;
    size_t end = at + 3;
    while (end < url.len && url.ptr[end] != '/' && url.ptr[end] != '?' && url.ptr[end] != '#')
        end++;
    *ret_origin = slice_to(url, end);
    *ret_authority = slice_from(*ret_origin, at + 3);
    return true;
}

static bool is_ours(const struct http_request *req, struct slice url)
{
    struct slice origin, authority, host, told, told_authority;
    const char *public_url = req->loop ? loop_config(req->loop)->public_base_url : NULL;

    if (!cut_origin(url, &origin, &authority))
        return false;
    if (http_request_header(req, "host", &host) && host.len == authority.len &&
        strncasecmp(host.ptr, authority.ptr, host.len) == 0)
        return true;
    if (public_url && cut_origin(slice_of(public_url), &told, &told_authority) && slice_eq(origin, told))
        return true;
    return is_named(req, origin);
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
        if (slice_is(site, "same-origin") || slice_is(site, "none") || (has_origin && is_ours(req, origin)))
            return HTTP_SENT_FROM_HERE;
        bool is_link = is_read(req) && !has_origin && http_request_header(req, "sec-fetch-mode", &mode) && slice_is(mode, "navigate") &&
                       http_request_header(req, "sec-fetch-dest", &mode) && slice_is(mode, "document");
        return is_link ? HTTP_SENT_BY_LINK : HTTP_SENT_FROM_ELSEWHERE;
    }
    if (has_origin)
        return is_ours(req, origin) ? HTTP_SENT_FROM_HERE : HTTP_SENT_FROM_ELSEWHERE;
    if (http_request_header(req, "referer", &referer) && !is_ours(req, referer))
        return is_read(req) ? HTTP_SENT_BY_LINK : HTTP_SENT_FROM_ELSEWHERE;
    return HTTP_SENT_FROM_HERE;
}
