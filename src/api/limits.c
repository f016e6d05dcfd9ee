/* limits: the two hooks every request passes: its rate before it is handled, its line in the log after. (http.md 1.7) */
#include <stdio.h>

#include "api/room.h"
#include "auth/token.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "http/rate.h"
#include "http/request.h"
#include "http/routes.h"
#include "peer/hub.h"

/* The higher tier is for identities this server can verify by itself; anything else counts for its address (S-44). */
static bool verified_key(struct api *a, struct http_request *req, struct buf *key)
{
    char error[TOKEN_ERROR_MAX];
    struct slice text;
    struct token token;

    if (!http_request_token(req, &text) ||
        token_parse(a->options.hub->keys, text, &token, error) != TOKEN_OK)
        return false;
    buf_add_fmt(key, "auth:%s", token.user->id);
    token_deinit(&token);
    return true;
}

bool api_allow(struct http_request *req, unsigned *ret_retry_after_s, void *arg)
{
    struct api *a = arg;
    const struct config *c = req->loop->config;
    struct http_rate_tier tier = {c->http_authenticated_rate_limit,
                                  c->http_authenticated_burst_limit};
    struct buf key;

    if (req->route && (req->route->flags & HTTP_ROUTE_UNLIMITED))
        return true;
    buf_init(&key, 0);
    if (!verified_key(a, req, &key)) {
        tier = (struct http_rate_tier){c->http_rate_limit, c->http_burst_limit};
        buf_add_text(&key, http_request_client(req));
    }
    bool ok = tier.per_s <= 0 || tier.burst <= 0 ||
              http_rate_take(a->rate, buf_slice(&key), tier, clock_mono_ms(), ret_retry_after_s);
    buf_deinit(&key);
    return ok;
}

void api_on_done(struct http_request *req, void *arg)
{
    (void)arg;
    if (!req->loop->config->access_log)
        return;
    /* The path only: query strings can carry tokens. */
    LOG(LOG_INFO, "api", "request", log_slice("path", req->path), log_int("status", req->status),
        log_int("bytes", (int64_t)req->n_bytes_out),
        log_int("ms", (int64_t)(loop_now_ms(req->loop) - req->started_ms)),
        log_text("client", http_request_client(req)));
}
