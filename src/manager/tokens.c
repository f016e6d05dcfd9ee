/* tokens: handing out, reading and revoking. What a token may say is auth's business; which
 * workspace it is for, whether that exists and who owns it is known here. */
#include <string.h>

#include "auth/mint.h"
#include "auth/revocation.h"
#include "auth/token.h"
#include "base/clock.h"
#include "base/memory.h"
#include "manager/access.h"
#include "manager/reply.h"
#include "manager/room.h"
#include "peer/hub.h"
#include "registry/registry.h"

/* ---- generate_token (3.5) ---- */

/* Whether the caller may mint that: refused in the words of 3.5. */
static bool check_target(struct hub *h, const struct rpc_call *call,
                         const struct mint_config *config, bool *ret_owns, struct refusal *r)
{
    struct access_question q = access_question_of(call, OPERATION_GENERATE_TOKEN);

    q.target = slice_of(config->workspace);
    q.workspace = workspace_find(&h->registry, q.target);
    q.wanted = config->permission;
    struct access_decision d = access_decide(&q);
    *ret_owns = d.owned != NULL;
    if (!q.workspace && !d.is_allowed)
        return refuse(r, "KeyError", "Workspace not found: %s", config->workspace);
    if (d.is_allowed)
        return true;
    if (d.held == PERMISSION_NONE)
        (void)refuse(r, "PermissionError", "You do not have any permission for workspace: %s",
                     config->workspace);
    else
        (void)refuse(r, "PermissionError", "Only admin can generate token.");
    return access_note(&d, r);
}

void do_generate_token(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct manager *)arg)->hub;
    struct mint_config config;
    struct mint_error error;
    struct refusal r;
    char *token = NULL;
    bool owns;

    if (mint_config_read(call->args[0], call->workspace, &config, &error) != MINT_OK) {
        rpc_reject_text(call, error.class_name, slice_of(error.text));
        return;
    }
    if (!check_target(h, call, &config, &owns, &r))
        reply_refusal(call, &r);
    else if (mint_child(h->keys, call->user, &config, owns, &token, &error) != MINT_OK)
        rpc_reject_text(call, error.class_name, slice_of(error.text));
    else
        reply_text(call, slice_of(token));
    mem_free(token);
    mint_config_deinit(&config);
}

/* ---- parse_token (5.13) ---- */

static bool parse(struct hub *h, struct slice text, struct token *ret, struct refusal *r)
{
    char error[TOKEN_ERROR_MAX];

    if (!slice_trim(text).len)
        return refuse(r, "AssertionError", "Authorization is required");
    if (token_parse(h->keys, text, ret, error) != TOKEN_OK)
        return refuse(r, "HTTPException", "401: %s", error);
    if (!ret->is_root && revocation_has(h->revocations, ret->digest)) {
        token_deinit(ret);
        return refuse(r, "HTTPException", "401: Token has been revoked");
    }
    return true;
}

void do_parse_token(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct manager *)arg)->hub;
    struct token token;
    struct refusal r;
    struct buf b;

    if (!access_allows(call, OPERATION_PARSE_TOKEN, &r) || !parse(h, call_text(call, 0), &token, &r)) {
        reply_refusal(call, &r);
        return;
    }
    if (token.has_workspace && !token.is_root &&
        !slice_is(call->workspace, token.user->current_workspace)) {
        (void)refuse(&r, "HTTPException",
                     "403: Token is not authorized for workspace '" SLICE_FMT "'",
                     SLICE_ARG(call->workspace));
        reply_refusal(call, &r);
    } else {
        buf_init(&b, 0);
        user_add_mp(&b, token.user, true);
        reply_buf(call, &b);
    }
    token_deinit(&token);
}

/* ---- revoke_token (3.7) ---- */

static void on_revoked(int outcome, void *arg)
{
    struct rpc_call *call = arg;

    if (outcome == REVOCATION_OK)
        reply_nil(call);
    else if (outcome == REVOCATION_FULL)
        rpc_reject(call, "RuntimeError", "Too many tokens are revoked");
    else
        rpc_reject(call, "RuntimeError",
                   "The revocation could not be stored: it holds until the server restarts");
}

static bool read_revocable(struct hub *h, struct slice text, struct token *ret, struct refusal *r)
{
    char error[TOKEN_ERROR_MAX];

    if (token_parse(h->keys, text, ret, error) != TOKEN_OK)
        return refuse(r, "ValueError", "Invalid token: 401: %s", error);
    if (!ret->is_root && ret->expires_at)
        return true;
    token_deinit(ret);
    return refuse(r, "ValueError", "Token has no expiry and cannot be revoked");
}

void do_revoke_token(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct manager *)arg)->hub;
    struct token token;
    struct refusal r;

    if (!access_allows(call, OPERATION_REVOKE_TOKEN, &r) ||
        !read_revocable(h, call_text(call, 0), &token, &r)) {
        reply_refusal(call, &r);
        return;
    }
    revocation_add(h->revocations, token.digest, token.expires_at, on_revoked, call);
    token_deinit(&token);
}
