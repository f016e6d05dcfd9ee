/* caller: every way out goes through caller_free, which closes the host. Every way back in goes
 * through on_answer or on_reply, which ask whether the client is still there. Who owns a caller:
 * the authorization while it is asked, the request afterwards. */
#include "api/caller.h"

#include <stdio.h>
#include <string.h>

#include "api/errors.h"
#include "api/api_internal.h"
#include "auth/token.h"
#include "base/account.h"
#include "base/held.h"
#include "base/memory.h"
#include "base/msg.h"
#include "base/random.h"
#include "config/config.h"
#include "http/request.h"
#include "http/response.h"
#include "peer/connect_authorization.h"
#include "peer/asker.h"
#include "peer/hub.h"
#include "peer/connect_request.h"
#include "wire/ip.h"
#include "wire/mp.h"

#define NO_ROOM "There is no room for the call, please retry"

void caller_free(struct caller *c)
{
    atomic_fetch_sub_explicit(&c->api->n_calls, 1, memory_order_relaxed);
    lease_close(&c->lease);
    if (c->host)
        rpc_host_close(c->host);
    user_unref(c->user);
    mem_free(c->workspace);
    mem_free(c->target_workspace);
    held_buf_deinit(&c->object);
    msg_unref(c->listed);
    held_buf_deinit(&c->scratch);
    held_buf_deinit(&c->step_text);
    held_buf_deinit(&c->text);
    held_free(c);
}

static void caller_on_gone(void *owner)
{
    caller_free(owner);
}

void caller_watch_drained(struct caller *c, struct http_request *req,
                          void (*on_drained)(struct http_request *req, void *caller))
{
    (void)http_request_park(
        req, &(struct http_watch){.owner = c, .on_gone = caller_on_gone, .on_drained = on_drained});
}

void caller_answer_error(struct caller *c, struct http_request *req, unsigned status,
                         struct slice detail)
{
    static const char hint[] = " (a cookie is not taken for who you are when another site makes "
                               "the request: show a token in the header "
                               "Authorization, or have the site named in --allow-origins)";
    SCRATCH_BUF(text, 0);

    if (c->user)
        http_request_note_user(req, c->user->id);
    buf_add_slice(&text, detail);
    if (req->has_foreign_cookie && (status == 401 || status == 403))
        buf_add_text(&text, hint);
    http_respond_error(req, status, HTTP_F1, buf_slice(&text));
    caller_free(c);
}

void caller_answer_no_room(struct caller *c, struct http_request *req, const struct account *payer,
                           const char *what)
{
    struct account_refusal why = account_refusal(payer);

    if (c->user)
        http_request_note_user(req, c->user->id);
    http_respond_no_room(req, &why, what);
    caller_free(c);
}

/* The hub's own refusals end with their rule; what a provider says is its own, whatever it looks
 * like. */
static const char *rule_of(const struct caller *c, const struct rpc_reply *reply)
{
    const char *noted = c->asks_hub ? access_rule_noted(reply->text) : NULL;

    return !c->asks_hub ? "provider" : noted ? noted : "permission";
}

void caller_answer_reply(struct caller *c, struct http_request *req, const struct rpc_reply *reply)
{
    SCRATCH_BUF(detail, 0);

    unsigned status =
        api_error_of(reply, loop_config(rpc_host_loop(c->host))->expose_detailed_errors, &detail);
    if (reply->outcome == RPC_REJECTED && status == 403)
        req->refused_by = rule_of(c, reply);
    if (reply->outcome == RPC_OVERLOADED)
        req->refused_by = reply->rule;
    const char *full =
        reply->outcome == RPC_REJECTED && c->asks_hub ? account_refusal_noted(reply->text) : NULL;
    if (full) { /* what the hub says of an account comes as its answer too */
        req->refused_by = full;
        status = 503;
    }
    caller_answer_error(c, req, status, buf_slice(&detail));
}

/* ---- calls ---- */

static void caller_on_reply(const struct rpc_reply *reply, void *arg)
{
    struct caller *c = arg;
    caller_then *then = c->then;

    if (reply->outcome == RPC_CLOSED) /* caller_free is closing the host */
        return;
    c->pending = 0;
    struct http_request *req = http_request_resume(c->ticket);
    if (req)
        then(c, req, reply);
    else
        caller_free(c); /* it was the last one */
}

bool caller_is_hubs(const struct caller *c, struct slice target)
{
    const struct server_info *info = c->api->options.hub->info;
    struct slice workspace, client;

    return slice_cut(target, '/', &workspace, &client) &&
           (slice_is(client, info->server_id) || slice_is(client, info->manager_id));
}

void caller_request(struct caller *c, const struct rpc_request *request, caller_then *then)
{
    struct rpc_request rq = *request;

    ASSERT(!c->pending);
    rq.takes_long = true; /* what is long is written beside the loop */
    c->then = then;
    c->asks_hub = caller_is_hubs(c, rq.target);
    c->pending = rpc_request(c->host, &rq, caller_on_reply, c);
}

void caller_request_last(struct caller *c, const struct rpc_request *request)
{
    ASSERT(!http_request_resume(c->ticket));
    if (c->pending)
        rpc_cancel(c->host, c->pending);
    c->pending = 0;
    caller_request(c, request, NULL);
    if (!c->pending)
        caller_free(c); /* nobody will answer */
}

void caller_ask_manager(struct caller *c, const char *method, struct slice args, caller_then *then)
{
    SCRATCH_BUF(target, 0);
    SCRATCH_BUF(path, 0);

    buf_add_fmt(&target, "*/%s", c->api->options.hub->info->manager_id);
    buf_add_fmt(&path, "services.default.%s", method);
    struct rpc_request request = {.target = buf_slice(&target),
                                  .method = buf_slice(&path),
                                  .args = args,
                                  .promise = RPC_PROMISE_COMPACT};
    caller_request(c, &request, then);
}

/* Whoever is logged in pays as a user of the workspace; who is not, as the address the request came
 * from. False: that account is full. */
static bool caller_open_host(struct caller *c, const struct http_request *req,
                             struct connect_request *j)
{
    char id[RANDOM_ID_LEN + 1];
    SCRATCH_BUF(address, 0);

    random_id(id);
    buf_add_fmt(&address, "%s/client-%s", j->answer.workspace, id);
    c->workspace = j->answer.workspace;
    j->answer.workspace = NULL;
    c->user = j->answer.user;
    j->answer.user = NULL;
    c->permission = j->answer.permission;
    c->url_workspace_exists = j->answer.asked_workspace_exists;
    struct account *account =
        c->user->is_anonymous ? account_shared(req->account) : j->answer.account;
    struct rpc_host_options options = {.address = buf_slice(&address),
                                       .user = c->user,
                                       .workspace = slice_of(c->workspace),
                                       .account = account,
                                       .is_brief = true};
    c->host = rpc_host_open(c->api->options.rpc_loops[j->ask.asker->index], &options);
    if (c->host)
        c->lease.client = rpc_host_address(c->host);
    held_buf_init(&c->object, 0, account);
    held_buf_init(&c->scratch, 0, account);
    held_buf_init(&c->step_text, 0, account);
    return c->host != NULL;
}

void caller_answer_no_access(struct caller *c, struct http_request *req, const struct user *who)
{
    SCRATCH_BUF(detail, 0);

    if (!req->refused_by)
        req->refused_by = access_rule_name(RULE_NO_GRANT);
    http_request_note_user(req, who->id);
    buf_add_fmt(&detail, "%s has no permission to access " SLICE_FMT, who->id,
                SLICE_ARG(http_request_param(req, "workspace")));
    caller_answer_error(c, req, 403, buf_slice(&detail));
}

static bool caller_is_hidden(const struct caller *c, const struct connect_request *j)
{
    return j->answer.outcome == CONNECT_NO_WORKSPACE && c->endpoint->hides_absence &&
           user_permission(j->ask.user, slice_of(j->ask.workspace)) < PERMISSION_READ;
}

static void caller_refuse(struct caller *c, struct http_request *req,
                          const struct connect_request *j)
{
    static const unsigned statuses[] = {
        [CONNECT_TOKEN_ERROR] = 401, [CONNECT_FORBIDDEN] = 403, [CONNECT_NO_WORKSPACE] = 404,
        [CONNECT_REFUSED] = 403,     [CONNECT_BLOCKED] = 403,   [CONNECT_LIMITED] = 429};

    req->refused_by = access_rule_name(j->answer.decision.rule);
    if (j->ask.user)
        http_request_note_user(req, j->ask.user->id);
    if (caller_is_hidden(c, j)) {
        caller_answer_no_access(c, req, j->ask.user);
    } else if (j->answer.outcome == CONNECT_TOKEN_ERROR || j->answer.outcome == CONNECT_BLOCKED) {
        http_respond_error(req, statuses[j->answer.outcome], HTTP_F2, slice_of(j->answer.text));
        caller_free(c);
    } else {
        caller_answer_error(c, req, statuses[j->answer.outcome], slice_of(j->answer.text));
    }
}

/* Its token is no good any more, or its user or address is blocked. Without a client a caller has
 * one call left, which says so to a provider. */
static void caller_on_lease_end(struct lease *l, int outcome, struct slice text)
{
    struct caller *c = CONTAINER_OF(l, struct caller, lease);
    struct http_request *req = http_request_resume(c->ticket);

    if (!req)
        return;
    req->refused_by = access_rule_name(outcome == CONNECT_BLOCKED ? RULE_BLOCKED : RULE_TOKEN);
    http_request_note_user(req, c->user->id);
    if (req->sending == HTTP_SEND_NOTHING) {
        http_respond_error(req, outcome == CONNECT_BLOCKED ? 403 : 401, HTTP_F2, text);
        caller_free(c);
    } else if (c->on_put_out) {
        c->on_put_out(c, req, text);
    } else {
        http_request_drop(req);
        caller_free(c);
    }
}

static void caller_begin_call(struct caller *c, struct http_request *req, struct connect_request *j)
{
    if (!caller_open_host(c, req, j)) {
        caller_answer_no_room(c, req, c->scratch.b.account, NO_ROOM);
        return;
    }
    caller_watch_drained(c, req, NULL);
    c->endpoint->next(c, req);
}

static void caller_on_answer(struct connect_request *j)
{
    struct caller *c = j->ask.arg;
    struct http_request *req = http_request_resume(c->ticket);

    if (!req) {
        caller_free(c);
    } else if (j->answer.close_code) {
        caller_refuse(c, req, j);
    } else {
        caller_begin_call(c, req, j);
    }
    connect_request_free(j);
}

/* Who asks: a valid token's user or the shared anonymous one. False: the token is bad, answered
 * with 401. */
static bool caller_identify(struct http_request *req, struct connect_request *j)
{
    struct asker *asker = asker_of(req, j->ask.hub->keys);
    char error[TOKEN_ERROR_MAX];

    if (!asker->has_token) {
        j->ask.user = user_new_http_anonymous();
        return true;
    }
    if (!asker_join(asker, j, error)) {
        if (j->ask.lacks_room) {
            struct account_refusal why = account_refusal(req->account);
            http_respond_no_room(req, &why, NO_ROOM);
            return false;
        }
        req->refused_by = access_rule_name(RULE_TOKEN);
        http_respond_error(req, 401, HTTP_F2, slice_of(error));
        return false;
    }
    return true;
}

static void caller_busy(struct http_request *req)
{
    SCRATCH_BUF(extra, 0);

    loop_count(req->loop, METRIC_HTTP_CALLS_SHED, 1);
    req->refused_by = config_names.max_http_calls;
    http_header_add(&extra, "Retry-After", SLICE_LIT("1"));
    http_respond(req, 503, "application/json",
                 SLICE_LIT("{\"success\":false,\"detail\":"
                           "\"Too many calls are running, please retry\"}"),
                 buf_slice(&extra));
}

void caller_begin(struct api *a, struct http_request *req, struct slice url_workspace,
                  const struct caller_endpoint *endpoint)
{
    if (atomic_load_explicit(&a->n_calls, memory_order_relaxed) >=
        loop_config(req->loop)->max_http_calls) {
        caller_busy(req);
        return;
    }
    struct slice type;
    struct caller *c = held_new(sizeof(*c), req->account);
    struct connect_request *j =
        c ? connect_request_new(CONNECT_REQUEST, req->account, SLICE_LIT(""),
                                url_workspace.ptr ? url_workspace : SLICE_LIT(""))
          : NULL;
    if (!j) {
        held_free(c);
        struct account_refusal why = account_refusal(req->account);
        http_respond_no_room(req, &why, NO_ROOM);
        return;
    }
    j->ask.hub = a->options.hub;
    if (!caller_identify(req, j)) {
        connect_request_free(j);
        held_free(c);
        return;
    }
    atomic_fetch_add_explicit(&a->n_calls, 1, memory_order_relaxed);
    loop_count(req->loop, METRIC_HTTP_CALLS, 1);
    c->api = a;
    c->ticket = http_request_park(req, &(struct http_watch){0});
    c->endpoint = endpoint;
    if (!http_request_header(req, "Content-Type", &type) &&
        !http_request_header(req, "Accept", &type))
        type = SLICE_LIT("");
    c->wants_msgpack = slice_is_nocase(type, "application/msgpack");
    j->ask.asker = req->loop;
    (void)ip_parse(http_request_client(req), &j->ask.address);
    j->ask.on_answer = caller_on_answer;
    j->ask.arg = c;
    j->ask.lease = &c->lease;
    j->ask.lease_end = caller_on_lease_end;
    connect_authorize(j);
}
