/* tokens: handing out, reading and revoking. What a token may say is auth's business; which
 * workspace it is for, whether that exists and who owns it is known here. */
#include <stdio.h>
#include <string.h>

#include "auth/mint.h"
#include "auth/revocation.h"
#include "auth/token.h"
#include "auth/user_mp.h"
#include "auth/verify.h"
#include "base/clock.h"
#include "base/log_event.h"
#include "base/memory.h"
#include "config/config.h"
#include "hyphad/protocol.h"
#include "manager/caller_access.h"
#include "manager/auth_provider.h"
#include "manager/evict.h"
#include "manager/reply.h"
#include "manager/manager_internal.h"
#include "peer/closing.h"
#include "peer/hub.h"
#include "peer/sharer.h"
#include "peer/subscriptions.h"
#include "registry/registry.h"
#include "wire/ip.h"
#include "wire/mp.h"

#define TOKEN_IS_REVOKED "Token has been revoked"

/* ---- generate_token ---- */

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

/* Who calls, with the tokens they have come by. A client's stand in its record; what speaks for one
 * HTTP request brings them along. Of a client that has left since it called nobody knows them. */
static const struct user *caller_of(const struct hub *h, const struct rpc_call *call)
{
    const struct client *c = client_find(&h->registry, call->from_text);

    return c && strcmp(c->user->id, call->user->id) == 0 ? c->user : call->user;
}

/* The answer is the token and nothing else, so what was cut stands in its `exp`, and in the log of
 * the caller. */
static void note_cut(struct manager *m, const struct rpc_call *call, int64_t wanted_s,
                     int64_t life_s)
{
    SCRATCH_BUF(data, 0);

    if (life_s == wanted_s)
        return;
    mp_add_map(&data, 2);
    mp_add_text(&data, "wanted");
    mp_add_int(&data, wanted_s);
    mp_add_text(&data, "expires_in");
    mp_add_int(&data, life_s);
    event_log_note(&m->event_log, call, SLICE_LIT("token_cut"), buf_slice(&data));
    loop_count(m->hub->loop, METRIC_TOKENS_CUT, 1);
}

static void manager_token_generate(struct manager *m, struct rpc_call *call,
                                   struct mint_config *config)
{
    struct hub *h = m->hub;
    const struct user *caller = caller_of(h, call);
    int64_t wanted_s = config->life_s;
    struct mint_error error;
    struct refusal r;
    char *token = NULL;
    bool owns;

    if (!check_target(h, call, config, &owns, &r)) {
        reply_refusal(call, &r);
    } else if (mint_config_cut(h->keys, caller, config, &error) != MINT_OK ||
               mint_child(h->keys, caller, config, owns, &token, &error) != MINT_OK) {
        rpc_reject_text(call, error.class_name, slice_of(error.text));
    } else {
        note_cut(m, call, wanted_s, config->life_s);
        LOG_EVENT(EVENT_TOKEN_MADE, log_text("by", call->user->id),
                  log_text("workspace", config->workspace),
                  log_text("permission", permission_letter(config->permission)),
                  log_int("seconds", config->life_s));
        if (!generate_elsewhere(m, call, token, config->life_s))
            reply_text(call, slice_of(token));
    }
    mem_free(token);
}

void do_generate_token(struct rpc_call *call, void *arg)
{
    struct mint_config config;
    struct mint_error error;

    if (mint_config_read(call->args[0], call->workspace, &config, &error) != MINT_OK) {
        rpc_reject_text(call, error.class_name, slice_of(error.text));
        return;
    }
    manager_token_generate(arg, call, &config);
    mint_config_deinit(&config);
}

/* ---- parse_token ---- */

/* A provider that meets a token it does not know may ask what it would be without a provider. */
static void manager_token_verify(struct hub *h, struct rpc_call *call, enum verify_use use,
                                 verify_done *done)
{
    char asker[SHARER_MAX];
    struct verify_question q = {
        call_text(call, 0),
        sharer_of(call->user, client_find(&h->registry, call->from_text), asker), use};

    if (!h->verifier)
        done(NULL, "The server is not ready, please retry", call);
    else if (auth_provider_is(h, call->from_text))
        verifier_ask_default(h->verifier, &q, done, call);
    else
        verifier_ask(h->verifier, &q, done, call);
}

static bool check_parsed(const struct rpc_call *call, const struct token *token,
                         const struct hub *h, struct refusal *r)
{
    if (revocation_covers(h->revocations, token->user))
        return refuse(r, "HTTPException", "401: " TOKEN_IS_REVOKED);
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
        /* What is no token at all has words of its own here. */
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
        manager_token_verify(h, call, VERIFY_TO_ACT, on_parsed);
}

/* ---- revoke_token ---- */

/* Who revokes, until the store has it. */
struct revoking {
    struct rpc_call *call;
    struct hub *hub;
    uint8_t digest[32];
};

/* The caller, if what it came by descends from that very token; else NULL. It is told first, and
 * then put out like everybody else. */
static struct client *caller_of_line(struct hub *h, const struct rpc_call *call,
                                     const uint8_t *digest)
{
    struct client *caller = client_find(&h->registry, call->from_text);

    return caller && !caller->is_virtual && lineage_has(&caller->user->lineage, digest) ? caller
                                                                                        : NULL;
}

static void on_revoked(int outcome, void *arg)
{
    struct revoking *r = arg;
    struct client *caller = caller_of_line(r->hub, r->call, r->digest);

    if (outcome == REVOCATION_OK)
        reply_nil(r->call);
    else if (outcome == REVOCATION_FULL)
        rpc_reject(r->call, "RuntimeError",
                   "You have revoked as many tokens that are good still as you may (%s): "
                   "one has to expire first",
                   r->call->user->is_anonymous ? "--max-revocations-per-address"
                                               : "--max-revocations-per-user");
    else
        rpc_reject(r->call, "RuntimeError",
                   "The revocation could not be stored: it holds until the server restarts");
    if (outcome != REVOCATION_FULL && caller)
        client_kick(r->hub, caller, HYPHA_CLOSE_POLICY, TOKEN_IS_REVOKED);
    mem_free(r);
}

/* A digest says nothing about its token, and tells two apart. */
static void log_revoked(const struct user *by, const struct token *token)
{
    char head[17];

    for (unsigned i = 0; i < 8; i++)
        (void)snprintf(head + 2 * i, 3, "%02x", token->digest[i]);
    LOG_EVENT(EVENT_TOKEN_REVOKED, log_text("by", by->id), log_text("token_user", token->user->id),
              log_text("token", head));
}

/* All that the token and its line have opened ends now, except what the caller speaks by. Returns
 * how many connections. */
static size_t close_line(struct hub *h, const struct token *token, const uint8_t *digest,
                         struct slice caller)
{
    size_t n =
        close_opened_by_token(h, &(struct closing){.kind = CLOSING_TOKEN,
                                                   .digest = digest,
                                                   .user = slice_of(user_effective_id(token->user)),
                                                   .reason = SLICE_LIT(TOKEN_IS_REVOKED),
                                                   .except = caller});

    subscriptions_forget_line(h->subscriptions, digest);
    return n;
}

/* Of a session, the one that was renewed last may be good for so many seconds longer than the one
 * that is shown. */
static int64_t session_more_s(const struct hub *h, const struct token *token)
{
    int64_t life_s = (int64_t)(loop_config(h->loop)->reconnection_token_life_time_ms / 1000),
            until = token->user->lineage.until;
    int64_t last = token_now_ms(h->keys) / 1000 + life_s;
    uint8_t digest[32];

    if (until && until < last)
        last = until;
    return token_revoked_by(token, digest) && last > token->expires_at ? last - token->expires_at
                                                                       : 0;
}

static void manager_token_take_back(struct hub *h, struct rpc_call *call, const struct token *token)
{
    const struct config *c = loop_config(h->loop);
    struct revocation_limits limits = {c->max_revocations, c->max_revocations_per_user,
                                       c->max_revocations_per_address};
    const struct client *caller_client = client_find(&h->registry, call->from_text);
    int64_t more_s = session_more_s(h, token);
    uint8_t digest[32];
    char owner[SHARER_MAX];
    struct revoking *r = MEM_NEW(struct revoking);
    /* the call may be settled before revocation_add() returns */
    struct user *by = user_ref(call->user);
    SCRATCH_BUF(caller, 0);

    r->call = call;
    r->hub = h;
    (void)token_revoked_by(token, digest);
    memcpy(r->digest, digest, sizeof(r->digest));
    buf_add_slice(&caller, call->from_text);
    revocation_add(h->revocations,
                   &(struct revocation){digest, token->expires_at + more_s,
                                        mint_latest(token) + more_s,
                                        sharer_of(call->user, caller_client, owner)},
                   &limits, on_revoked, r);
    /* It holds from now on, so what it has opened ends now, however long the store takes. */
    if (revocation_has(h->revocations, digest)) {
        log_revoked(by, token);
        (void)close_line(h, token, digest, buf_slice(&caller));
    }
    user_unref(by);
}

/* An expired one, of which nothing can be good any more: there is nothing to remember. A connection
 * it has opened goes on, though. */
static void end_spent(struct hub *h, struct rpc_call *call, const struct token *token)
{
    struct client *caller = caller_of_line(h, call, token->digest);
    size_t n = close_line(h, token, token->digest, call->from_text);

    if (!n && !caller) {
        rpc_reject(call, "ValueError", "Token has already expired");
        return;
    }
    log_revoked(call->user, token);
    reply_nil(call);
    if (caller)
        client_kick(h, caller, HYPHA_CLOSE_POLICY, TOKEN_IS_REVOKED);
}

/* One that goes with an earlier token of its line takes no place of its own. */
static bool is_refused_already(const struct hub *h, const struct token *token)
{
    uint8_t digest[32];

    (void)token_revoked_by(token, digest);
    return revocation_covers(h->revocations, token->user) &&
           !revocation_has(h->revocations, digest);
}

static void on_revocable(struct token *token, const char *error, void *arg)
{
    struct rpc_call *call = arg;

    if (!token) { /* the manager may be gone */
        rpc_reject(call, "ValueError", "Invalid token: 401: %s", error);
        return;
    }
    struct hub *h = ((struct manager *)call->arg)->hub;
    if (token->is_root || !token->expires_at)
        rpc_reject(call, "ValueError", "Token has no expiry and cannot be revoked");
    else if (is_refused_already(h, token))
        reply_nil(call);
    else if (mint_latest(token) + session_more_s(h, token) <= token_now_ms(h->keys) / 1000)
        end_spent(h, call, token);
    else
        manager_token_take_back(h, call, token);
    token_deinit(token);
}

void do_revoke_token(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct manager *)arg)->hub;
    struct refusal r;

    if (!access_allows(call, OPERATION_REVOKE_TOKEN, &r))
        reply_refusal(call, &r);
    else
        manager_token_verify(h, call, VERIFY_TO_REVOKE, on_revocable);
}
