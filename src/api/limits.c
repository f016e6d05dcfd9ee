/* limits: the rate before a request is handled, its line in the log after. */
#include "api/limits.h"

#include <stdio.h>

#include "api/api_internal.h"
#include "base/clock.h"
#include "base/log_event.h"
#include "config/config.h"
#include "http/rate.h"
#include "http/request.h"
#include "http/routes.h"
#include "peer/asker.h"
#include "peer/hub.h"
#include "wire/url.h"

enum { SHARE_OF_ALL = 4 };

/* Parts are told apart by a byte no name holds. */
static void limits_add_part(struct buf *key, struct slice part)
{
    buf_add_byte(key, '\0');
    buf_add_slice(key, part);
}

static void add_query_part(struct buf *key, struct slice query, const char *name)
{
    SCRATCH_BUF(value, 0);

    if (url_query_find(query, name, &value))
        limits_add_part(key, buf_slice(&value));
}

/* The higher tier is for identities this server can verify by itself; anything else counts for its
 * address (S-44). An identity has a bucket for each workspace and client it names, and one for all
 * of them, which children of its tokens share: neither names nor tokens made on the spot multiply
 * what a person may do (D-11, D-34). */
static void add_keys(const struct http_request *req, const struct user *user, struct buf *one,
                     struct buf *all)
{
    buf_add_text(one, "auth");
    limits_add_part(one, slice_of(user->id));
    add_query_part(one, req->query, "workspace");
    add_query_part(one, req->query, "client_id");
    buf_add_text(all, "person");
    limits_add_part(all, slice_of(user_effective_id(user)));
}

static bool limits_take(struct api *a, const struct buf *key, struct http_rate_tier tier,
                        unsigned *ret_retry_after_s)
{
    return tier.per_s <= 0 || tier.burst <= 0 ||
           http_rate_take(a->rate, buf_slice(key), tier, clock_mono_ms(), ret_retry_after_s);
}

bool api_allow(void *made, struct http_request *req, unsigned *ret_retry_after_s)
{
    struct api *a = made;
    const struct config *c = loop_config(req->loop);
    struct http_rate_tier mine = {c->http_authenticated_rate_limit,
                                  c->http_authenticated_burst_limit};
    struct http_rate_tier shared = {mine.per_s * SHARE_OF_ALL, mine.burst * SHARE_OF_ALL};
    SCRATCH_BUF(one, 0);
    SCRATCH_BUF(all, 0);
    bool ok;

    if (req->route && (req->route->flags & HTTP_ROUTE_UNLIMITED))
        return true;
    const struct asker *asker = asker_of(req, a->options.hub->keys);
    req->is_verified = asker_is_verified(asker);
    loop_count(req->loop, METRIC_COOKIES_PASSED_OVER, req->has_foreign_cookie);
    if (req->is_verified) {
        add_keys(req, asker->token.user, &one, &all);
        ok = limits_take(a, &one, mine, ret_retry_after_s) &&
             limits_take(a, &all, shared, ret_retry_after_s);
        if (!ok)
            http_request_note_user(req, asker->token.user->id);
    } else {
        char network[HTTP_CLIENT_MAX];
        http_request_network(req, network);
        buf_add_text(&one, network);
        ok = limits_take(a, &one, (struct http_rate_tier){c->http_rate_limit, c->http_burst_limit},
                         ret_retry_after_s);
    }
    return ok;
}

/* What has refused it, for the log; empty: nothing, or the log knows. An answer that is a refusal
 * has a line, named or not. */
static const char *refusal_of(const struct http_request *req)
{
    static const unsigned refusals[] = {401, 403, 408, 413, 429, 431, 503};

    if (req->refused_by)
        return req->refused_by;
    for (unsigned i = 0; i < ARRAY_LEN(refusals); i++)
        if (req->status == refusals[i])
            return "-";
    return "";
}

void api_on_done(void *made, struct http_request *req)
{
    (void)made;
    if (refusal_of(req)[0])
        LOG_EVENT(EVENT_REQUEST_REFUSED, log_slice("path", req->path),
                  log_int("status", req->status), log_text("address", http_request_client(req)),
                  log_slice("user", buf_slice(&req->refused_user.b)),
                  log_text("rule", refusal_of(req)));
    if (!loop_config(req->loop)->access_log)
        return;
    /* The path only: query strings can carry tokens. */
    LOG(LOG_INFO, "api", "request", log_slice("path", req->path), log_int("status", req->status),
        log_int("bytes", (int64_t)req->n_bytes_out),
        log_int("ms", (int64_t)(loop_now_ms(req->loop) - req->started_ms)),
        log_text("answer", req->sending == HTTP_SEND_FINAL    ? "whole"
                           : req->sending == HTTP_SEND_BROKEN ? "broken off"
                                                              : "none"),
        log_text("client", http_request_client(req)));
}
