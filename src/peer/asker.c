/* asker: a signature costs more than all else that is done for a small request. */
#include "peer/asker.h"

#include <stdio.h>

#include "base/memory.h"
#include "loop/loop.h"
#include "peer/connect_request.h"

static void asker_free(struct http_asker *of_request)
{
    struct asker *a = CONTAINER_OF(of_request, struct asker, of_request);

    if (a->token.user)
        token_deinit(&a->token);
    mem_free(a);
}

static struct asker *asker_read(struct http_request *req, const struct token_keys *keys)
{
    struct asker *a = MEM_NEW(struct asker);

    a->of_request.free = asker_free;
    a->keys = keys;
    a->outcome = TOKEN_INVALID;
    a->has_token = http_request_token(req, &a->text);
    if (a->has_token) {
        a->outcome = token_parse(keys, a->text, &a->token, a->error);
        loop_count(req->loop, METRIC_HTTP_TOKENS_VERIFIED, 1);
    }
    if (a->outcome != TOKEN_OK)
        a->token = (struct token){0};
    return a;
}

struct asker *asker_of(struct http_request *req, const struct token_keys *keys)
{
    if (!req->asker)
        req->asker = &asker_read(req, keys)->of_request;
    struct asker *a = CONTAINER_OF(req->asker, struct asker, of_request);
    /* It may have waited for a place. */
    if (a->outcome == TOKEN_OK && a->token.expires_at &&
        a->token.expires_at <= token_now_ms(keys) / 1000) {
        a->outcome = TOKEN_INVALID;
        (void)snprintf(a->error, sizeof(a->error), "%s", TOKEN_HAS_EXPIRED);
    }
    return a;
}

bool asker_is_verified(const struct asker *a)
{
    return a->outcome == TOKEN_OK;
}

bool asker_join(struct asker *a, struct connect_request *j, char *ret_error)
{
    j->ask.by = CONNECT_BY_TOKEN;
    switch (a->outcome) {
    case TOKEN_OK:
        ASSERT(a->token.user);
        connect_request_take_user(j, &a->token);
        a->token.user = NULL;
        return true;
    case TOKEN_FOREIGN:
        return connect_request_keep_foreign(j, a->text, ret_error);
    default:
        (void)snprintf(ret_error, TOKEN_ERROR_MAX, "%s", a->error);
        return false;
    }
}
