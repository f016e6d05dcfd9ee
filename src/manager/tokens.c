/* tokens: handing out, reading and revoking. What a token may say is auth's business; which
 * workspace it is for, whether that exists and who owns it is known here. */
#include <string.h>

#include "auth/mint.h"
#include "auth/revocation.h"
#include "auth/token.h"
#include "auth/verify.h"
#include "base/clock.h"
#include "base/memory.h"
#include "manager/access.h"
#include "manager/auth_provider.h"
#include "manager/evict.h"
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
    if (d.is_allowed || d.rule == RULE_NO_WORKSPACE)
        return access_settle(&d, r);
    if (d.held == PERMISSION_NONE)
        (void)refuse(r, "PermissionError", "You do not have any permission for workspace: %s",
                     config->workspace);
    else
        (void)refuse(r, "PermissionError", "Only admin can generate token.");
    return access_note(&d, r);
}

/* A provider that makes tokens makes this one, for the child ours would be for. */
static bool generate_elsewhere(struct manager *m, struct rpc_call *call, const char *ours,
                               int64_t life_s)
{
    char error[TOKEN_ERROR_MAX];
    struct token token;

    if (token_parse(m->hub->keys, slice_of(ours), &token, error) != TOKEN_OK)
        return false;
    bool is_taken = auth_provider_generate(m, call, token.user, life_s);
    token_deinit(&token);
    return is_taken;
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
    else if (!generate_elsewhere(arg, call, token, config.life_s))
        reply_text(call, slice_of(token));
    mem_free(token);
    mint_config_deinit(&config);
}

/* ---- parse_token (5.13) ---- */

/* A provider that meets a token it does not know may ask what it would be without a provider. */
static void verify(struct hub *h, struct rpc_call *call, verify_done *done)
{
    if (!h->verifier)
        done(NULL, "The server is not ready, please retry", call);
    else if (auth_provider_is(h, call->from_text))
        verifier_ask_default(h->verifier, call_text(call, 0), done, call);
    else
        verifier_ask(h->verifier, call_text(call, 0), done, call);
}

static bool check_parsed(const struct rpc_call *call, const struct token *token,
                         const struct hub *h, struct refusal *r)
{
    if (revocation_covers(h->revocations, token))
        return refuse(r, "HTTPException", "401: Token has been revoked");
    if (token->has_workspace && !token->is_root &&
        !slice_is(call->workspace, token->user->current_workspace))
        return refuse(r, "HTTPException",
                      "403: Token is not authorized for workspace '" SLICE_FMT "'",
                      SLICE_ARG(call->workspace));
    return true;
}

static void on_parsed(struct token *token, const char *error, void *arg)
{
    struct rpc_call *call = arg;
    struct refusal r;
    struct buf b;

    if (!token) { /* the manager may be gone */
        /* What is no token at all has words of its own here (3.3). */
        bool is_garbage = strcmp(error, "Error decoding token headers.") == 0;
        (void)refuse(&r, "HTTPException", "401: %s",
                     is_garbage ? "Invalid token structure: Error decoding token claims." : error);
        reply_refusal(call, &r);
        return;
    }
    if (!check_parsed(call, token, ((struct manager *)call->arg)->hub, &r)) {
        reply_refusal(call, &r);
    } else {
        buf_init(&b, 0);
        user_add_mp(&b, token->user, true);
        reply_buf(call, &b);
    }
    token_deinit(token);
}

void do_parse_token(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct manager *)arg)->hub;
    struct refusal r;

    if (!access_allows(call, OPERATION_PARSE_TOKEN, &r))
        reply_refusal(call, &r);
    else if (!slice_trim(call_text(call, 0)).len)
        rpc_reject(call, "AssertionError", "Authorization is required");
    else
        verify(h, call, on_parsed);
}

/* ---- revoke_token (3.7) ---- */

struct revoking {
    struct rpc_call *call;
    struct hub *hub;
    uint8_t digest[32];
};

static bool came_by(const struct client *c, const void *digest)
{
    return memcmp(c->origin.credential, digest, sizeof(c->origin.credential)) == 0 ||
           memcmp(c->origin.first, digest, sizeof(c->origin.first)) == 0;
}

/* Who came by the token goes, after the answer: it may be the caller's own. */
static void on_revoked(int outcome, void *arg)
{
    struct revoking *r = arg;

    if (outcome == REVOCATION_OK)
        reply_nil(r->call);
    else if (outcome == REVOCATION_FULL)
        rpc_reject(r->call, "RuntimeError", "Too many tokens are revoked");
    else
        rpc_reject(r->call, "RuntimeError",
                   "The revocation could not be stored: it holds until the server restarts");
    if (outcome != REVOCATION_FULL)
        (void)clients_kick(r->hub, came_by, r->digest, "Token has been revoked");
    mem_free(r);
}

static void take_back(struct hub *h, struct rpc_call *call, const struct token *token)
{
    struct revoking *r = MEM_NEW(struct revoking);

    r->call = call;
    r->hub = h;
    memcpy(r->digest, token->digest, sizeof(r->digest));
    revocation_add(h->revocations, token->digest, token->expires_at, on_revoked, r);
}

static void on_revocable(struct token *token, const char *error, void *arg)
{
    struct rpc_call *call = arg;

    if (!token) { /* the manager may be gone */
        rpc_reject(call, "ValueError", "Invalid token: 401: %s", error);
        return;
    }
    if (token->is_root || !token->expires_at)
        rpc_reject(call, "ValueError", "Token has no expiry and cannot be revoked");
    else
        take_back(((struct manager *)call->arg)->hub, call, token);
    token_deinit(token);
}

void do_revoke_token(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct manager *)arg)->hub;
    struct refusal r;

    if (!access_allows(call, OPERATION_REVOKE_TOKEN, &r))
        reply_refusal(call, &r);
    else
        verify(h, call, on_revocable);
}
