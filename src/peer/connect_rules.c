/* connect_rules: the texts are matched by clients and their tests; they stand here and nowhere
 * else. */
#include "peer/connect_rules.h"

#include <stdio.h>
#include <string.h>

#include "auth/blocks.h"
#include "auth/revocation.h"
#include "auth/token.h"
#include "base/account.h"
#include "base/buf.h"
#include "base/memory.h"
#include "config/config.h"
#include "hyphad/protocol.h"
#include "peer/hub.h"
#include "peer/connect_request.h"
#include "peer/workspace_lifecycle.h"
#include "wire/address.h"
#include "wire/ip.h"

#define FEC "Failed to establish connection: "
#define FAU FEC "Failed to authenticate user: "

static bool refuse_specialized(struct connect_request *j)
{
    SCRATCH_BUF(scopes, 256);

    for (size_t i = 0; i < j->ask.user->scope.n_extras && !scopes.is_failed; i++)
        buf_add_fmt(&scopes, "%s%s", i ? ", " : "", j->ask.user->scope.extras[i]);
    connect_request_refuse(
        j, HYPHA_CLOSE_GOING_AWAY, CONNECT_FORBIDDEN, RULE_SPECIALIZED,
        "%sSpecialized token with scopes [" SLICE_FMT "] cannot be used for "
        "general workspace access. This token can only be used for its intended purpose.",
        j->kind == CONNECT_REQUEST ? "" : FAU, SLICE_ARG(buf_slice(&scopes)));
    return false;
}

static bool check_reconnection(struct connect_request *j)
{
    const struct connect_question *q = &j->ask;

    if (!q->bound_workspace || !q->bound_client)
        return connect_request_refuse(j, HYPHA_CLOSE_GOING_AWAY, CONNECT_FORBIDDEN,
                                      RULE_BOUND_WORKSPACE,
                                      FAU "Invalid scope, current_workspace is required");
    if (q->workspace && strcmp(q->workspace, q->bound_workspace) != 0)
        return connect_request_refuse(j, HYPHA_CLOSE_GOING_AWAY, CONNECT_FORBIDDEN,
                                      RULE_BOUND_WORKSPACE,
                                      FAU "Invalid scope, workspace mismatch: %.200s != %.200s",
                                      q->workspace, q->bound_workspace);
    if (strcmp(q->client_id, q->bound_client) != 0)
        return connect_request_refuse(j, HYPHA_CLOSE_GOING_AWAY, CONNECT_FORBIDDEN,
                                      RULE_BOUND_CLIENT, FAU "Client id mismatch, disconnecting");
    return true;
}

static bool check_claims(struct connect_request *j)
{
    const struct connect_question *q = &j->ask;

    if (user_is_specialized(q->user))
        return refuse_specialized(j);
    if (q->by == CONNECT_BY_RECONNECTION)
        return check_reconnection(j);
    /* acts as whom it says, in the workspace it says */
    if (j->kind == CONNECT_REQUEST)
        return true;
    if (q->bound_client && strcmp(q->client_id, q->bound_client) != 0)
        return connect_request_refuse(
            j, HYPHA_CLOSE_GOING_AWAY, CONNECT_FORBIDDEN, RULE_BOUND_CLIENT,
            FAU "Client id mismatch: this token is restricted to client with client_id='%.200s'",
            q->bound_client);
    if (q->bound_workspace && q->workspace && strcmp(q->workspace, q->bound_workspace) != 0)
        return connect_request_refuse(
            j, HYPHA_CLOSE_GOING_AWAY, CONNECT_FORBIDDEN, RULE_BOUND_WORKSPACE,
            FAU "Current workspace encoded in the token (%.200s) does not "
                "match the specified workspace (%.200s)",
            q->bound_workspace, q->workspace);
    return true;
}

static void connect_count(struct hub *h, const struct connect_request *j, enum metric metric)
{
    if (!j->is_dry_run)
        loop_count(h->loop, metric, 1);
}

static void over_limit(struct hub *h, struct connect_request *j, enum metric metric, size_t used,
                       size_t max)
{
    connect_count(h, j, metric);
    j->answer.decision.used = used;
    j->answer.decision.max = max;
}

/* Whoever can lift a block must be able to come in: root is kept out by none. */
static bool check_blocks(struct hub *h, struct connect_request *j)
{
    const struct block *block = NULL;
    const char *who = "IP";

    if (strcmp(j->ask.user->id, "root") == 0)
        return true;
    block = block_of_address(h->blocks, &j->ask.address);
    if (!block) {
        block = block_of_user(h->blocks, j->ask.user);
        who = "User";
    }
    if (!block)
        return true;
    connect_count(h, j, METRIC_BLOCKED_REFUSED);
    return connect_request_refuse(j, HYPHA_CLOSE_POLICY, CONNECT_BLOCKED, RULE_BLOCKED,
                                  "%s is blocked: " SLICE_FMT, who, SLICE_ARG(block->reason));
}

static bool check_token(struct hub *h, struct connect_request *j)
{
    if (j->ask.by == CONNECT_BY_NOTHING)
        return true;
    if (revocation_covers(h->revocations, j->ask.user))
        return connect_request_refuse(j, HYPHA_CLOSE_GOING_AWAY, CONNECT_TOKEN_ERROR, RULE_REVOKED,
                                      "%sToken has been revoked",
                                      j->kind == CONNECT_REQUEST ? "" : FAU);
    if (j->kind == CONNECT_REQUEST && j->ask.user->lineage.is_continuation)
        return connect_request_refuse(j, HYPHA_CLOSE_GOING_AWAY, CONNECT_TOKEN_ERROR, RULE_TOKEN,
                                      TOKEN_IS_FOR_RECONNECTING);
    return check_claims(j);
}

/* The workspace to join, before it is known to exist. */
static const char *wanted_workspace(const struct connect_request *j, const char *personal)
{
    const char *claim = j->ask.bound_workspace;
    const char *wanted = j->ask.workspace ? j->ask.workspace : claim;

    if (wanted && strcmp(wanted, "public") == 0 && j->ask.by != CONNECT_BY_NOTHING &&
        !(claim && strcmp(claim, "public") == 0))
        wanted = claim;
    return wanted ? wanted : personal;
}

static struct access_decision connect_decide(const struct user *u, const struct workspace *w)
{
    return access_decide(&(struct access_question){
        .user = u, .operation = OPERATION_JOIN, .target = slice_of(w->id), .workspace = w});
}

/* What would be made has nothing but its name, until it is. */
static struct workspace *make_hypothetical(struct connect_request *j, struct slice id)
{
    mem_free(j->hypothetical);
    j->hypothetical = mem_new(sizeof(*j->hypothetical) + id.len + 1);
    *j->hypothetical = (struct workspace){.id = (char *)(j->hypothetical + 1)};
    memcpy(j->hypothetical->id, id.ptr, id.len);
    j->hypothetical->id[id.len] = '\0';
    return j->hypothetical;
}

static int open_workspace(struct hub *h, struct connect_request *j, struct slice id,
                          struct workspace **ret)
{
    if (!j->is_dry_run)
        return workspace_open(h, id, j->ask.user, &j->ask.address, ret);
    int r = workspace_resolve(h, id, j->ask.user, ret);
    if (r == WORKSPACE_OPENED && !*ret)
        *ret = make_hypothetical(j, id);
    return r;
}

/* It may have been made, or its unloading put off, for this one alone. */
static void connect_leave_workspace(struct hub *h, const struct connect_request *j,
                                    struct workspace *w)
{
    if (!j->is_dry_run)
        workspace_client_left(h, w);
}

/* Which workspace an HTTP request acts in: never wider than its token. */
static bool choose_http_workspace(struct hub *h, struct connect_request *j, const char *personal,
                                  struct workspace **ret)
{
    const struct user *u = j->ask.user;
    struct slice url = slice_of(j->ask.workspace);
    bool is_root = user_has_role(u, "admin");

    j->answer.asked_workspace_exists = workspace_find(&h->registry, url) != NULL;
    if (j->ask.by == CONNECT_BY_NOTHING)
        return open_workspace(h, j, SLICE_LIT("ws-anonymous"), ret) == WORKSPACE_OPENED;
    if (j->ask.bound_workspace && !is_root)
        url = slice_of(j->ask.bound_workspace);
    int r = open_workspace(h, j, url, ret);
    if (r != WORKSPACE_OPENED)
        return connect_request_refuse(j, HYPHA_CLOSE_GOING_AWAY, CONNECT_NO_WORKSPACE,
                                      RULE_NO_WORKSPACE, "Workspace '" SLICE_FMT "' not found",
                                      SLICE_ARG(slice_utf8_prefix(url, 200)));
    if (slice_is(url, "public") || connect_decide(u, *ret).is_allowed)
        return true;
    connect_leave_workspace(h, j, *ret);
    r = open_workspace(h, j, slice_of(personal), ret);
    if (r != WORKSPACE_OPENED) {
        char text[WORKSPACE_OPEN_ERROR_MAX];
        workspace_open_error(r, slice_of(personal), text);
        return connect_request_refuse(j, HYPHA_CLOSE_GOING_AWAY, CONNECT_NO_WORKSPACE,
                                      RULE_NO_WORKSPACE, "%s", text);
    }
    return true;
}

static bool connect_choose_workspace(struct hub *h, struct connect_request *j, const char *personal,
                                     struct workspace **ret)
{
    char text[WORKSPACE_OPEN_ERROR_MAX];

    if (j->kind == CONNECT_REQUEST)
        return choose_http_workspace(h, j, personal, ret);
    struct slice wanted = slice_of(wanted_workspace(j, personal));
    int r = open_workspace(h, j, wanted, ret);
    if (r == WORKSPACE_OPENED)
        return true;
    workspace_open_error(r, wanted, text);
    return connect_request_refuse(j, HYPHA_CLOSE_GOING_AWAY, CONNECT_NO_WORKSPACE,
                                  r == WORKSPACE_BAD_NAME ? RULE_NAME : RULE_NO_WORKSPACE, FEC "%s",
                                  text);
}

static bool connect_check_permission(struct connect_request *j, const struct workspace *w)
{
    if (j->answer.decision.is_allowed)
        return true;
    /* public and ws-anonymous: services guard themselves */
    if (j->kind == CONNECT_REQUEST && w->is_system) {
        j->answer.decision.is_allowed = true;
        j->answer.decision.rule = RULE_SHARED_WORKSPACE;
        return true;
    }
    return connect_request_refuse(j, HYPHA_CLOSE_GOING_AWAY, CONNECT_FORBIDDEN,
                                  j->answer.decision.rule,
                                  FEC "Permission denied for workspace: %s", w->id);
}

static bool check_client_id(struct connect_request *j, const struct workspace *w)
{
    struct slice id = slice_of(j->ask.client_id);

    if (!id.len)
        return connect_request_refuse(j, HYPHA_CLOSE_GOING_AWAY, CONNECT_REFUSED, RULE_CLIENT_ID,
                                      FEC "Failed to authenticate user to workspace: %s", w->id);
    if (id.len > CLIENT_ID_MAX)
        return connect_request_refuse(
            j, HYPHA_CLOSE_POLICY, CONNECT_REFUSED, RULE_CLIENT_ID,
            FEC "Invalid client id: it is too long (%zu bytes, at most %d are allowed)", id.len,
            CLIENT_ID_MAX);
    bool is_reserved = w->is_system && slice_starts(id, "manager-");
    if (!client_id_is_valid(id) || is_reserved)
        return connect_request_refuse(j, HYPHA_CLOSE_POLICY, CONNECT_REFUSED, RULE_CLIENT_ID,
                                      FEC "Invalid client id: " SLICE_FMT,
                                      SLICE_ARG(slice_utf8_prefix(id, 255)));
    return true;
}

bool connect_check(struct hub *h, struct connect_request *j, struct workspace **ret_workspace)
{
    char personal[USER_WORKSPACE_MAX];
    struct workspace *w = NULL;

    user_personal_workspace(j->ask.user, personal);
    if (!check_blocks(h, j) || !check_token(h, j) || !connect_choose_workspace(h, j, personal, &w))
        return false;
    j->answer.decision = connect_decide(j->ask.user, w);
    j->answer.permission = j->answer.decision.held;
    if (!connect_check_permission(j, w) || (j->kind != CONNECT_REQUEST && !check_client_id(j, w))) {
        connect_leave_workspace(h, j, w);
        return false;
    }
    j->answer.user = user_join(j->ask.user, w->id, j->answer.permission,
                               j->kind == CONNECT_REQUEST ? NULL : j->ask.client_id);
    if (j->kind != CONNECT_REQUEST)
        lineage_begin_session(&j->answer.user->lineage);
    else /* a client's stands in its record */
        j->answer.user->origin = mem_copy(j->ask.address.s6_addr, USER_ORIGIN_LEN);
    j->answer.workspace = mem_copy(w->id, strlen(w->id));
    *ret_workspace = w;
    return true;
}

/* An address that stands for many people says nothing about one: a proxy that does not tell whom it
 * speaks for. */
static bool connect_is_proxy(const struct config *config, const struct in6_addr *ip)
{
    for (size_t i = 0; i < config->trusted_proxies.n_items; i++) {
        const struct config_cidr *net = &config->trusted_proxies.items[i];
        if (ip_is_within(ip, &net->address, net->n_bits))
            return true;
    }
    return false;
}

static bool check_address_limit(struct hub *h, struct connect_request *j,
                                const struct client *replaced)
{
    const struct config *config = loop_config(h->loop);
    size_t here = hub_address_connections(h, &j->ask.address);
    struct in6_addr mine = ip_network(&j->ask.address),
                    its = replaced ? ip_network(&replaced->origin.address) : mine;
    char text[IP_TEXT_MAX];

    here -= replaced && IN6_ARE_ADDR_EQUAL(&its, &mine) && here;
    if (!config->max_connections_per_address || here < config->max_connections_per_address ||
        connect_is_proxy(config, &j->ask.address))
        return true;
    ip_network_print(&j->ask.address, text);
    over_limit(h, j, METRIC_ADDRESS_LIMIT_REFUSED, here, config->max_connections_per_address);
    return connect_request_refuse(j, HYPHA_CLOSE_POLICY, CONNECT_LIMITED, RULE_ADDRESS_LIMIT,
                                  "Connection limit exceeded: address %s has %zu/%u connections",
                                  text, here, config->max_connections_per_address);
}

static enum access_rule rule_of_room(const struct account *full)
{
    static const enum access_rule rules[] = {RULE_USER_BYTES,      RULE_WORKSPACE_BYTES,
                                             RULE_PERSON_BYTES,    RULE_ADDRESS_SHARE,
                                             RULE_ANONYMOUS_BYTES, RULE_PROCESS_BYTES};
    struct account_refusal why = account_refusal_by(full);

    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (strcmp(access_rule_name(rules[i]), account_refusal_rule(&why)) == 0)
            return rules[i];
    }
    ASSERT(false); /* of the kinds that a seat hangs on none has another option */
    return RULE_PROCESS_BYTES;
}

/* From the seat of a client up. What a dry run asks about may not be there, and is not made for
 * it. */
static const struct account *find_full(struct hub *h, const struct connect_request *j,
                                       struct workspace *w)
{
    enum { CONNECT_LEAST = 8192 }; /* about what is kept of a client, and its welcome */
    const struct account *full = account_in_the_way(w->account, CONNECT_LEAST);

    if (j->is_dry_run)
        return full;
    struct account *seat = hub_seat_account(h, w, j->ask.user, &j->ask.address);
    full = account_in_the_way(seat, CONNECT_LEAST);
    account_unref(seat); /* stays in the table of seats, and what is above it with it */
    return full;
}

/* Where what would pay for a client is full (its user's part of the workspace, the workspace,
 * whoever has made it, or what is above) there is not even room for its welcome, whoever it is. Who
 * was there and comes back hears it in a way after which clients try again by themselves. A client
 * that is replaced gives back what is its user's. */
static bool connect_check_room(struct hub *h, struct connect_request *j, struct workspace *w,
                               const struct client *replaced)
{
    int outcome = j->ask.by == CONNECT_BY_RECONNECTION ? CONNECT_LATER : CONNECT_LIMITED;
    /* one that would be made holds nothing */
    const struct account *full = j->hypothetical ? NULL : find_full(h, j, w);
    struct account_refusal why = account_refusal_by(full);
    char room[ACCOUNT_REFUSAL_MAX];

    if (!full || (replaced && full->kind == ACCOUNT_USER))
        return true;
    over_limit(h, j, METRIC_WORKSPACE_LIMIT_REFUSED, account_used(full) + account_kept(full),
               why.cap_bytes);
    return connect_request_refuse(
        j, HYPHA_CLOSE_TRY_AGAIN, outcome, rule_of_room(full), "%s, please retry: workspace %.200s",
        account_refusal_text(&why, "There is no room for the client", room), w->id);
}

bool connect_check_limits(struct hub *h, struct connect_request *j, struct workspace *w,
                          const struct client *replaced)
{
    const struct config *config = loop_config(h->loop);
    const char *user = user_effective_id(j->ask.user);
    bool is_own = replaced && strcmp(user_effective_id(replaced->user), user) == 0;
    size_t mine = hub_user_connections(h, user) - is_own, here = w->n_clients - (replaced != NULL);

    if (config->max_connections_per_user && mine >= config->max_connections_per_user) {
        over_limit(h, j, METRIC_USER_LIMIT_REFUSED, mine, config->max_connections_per_user);
        return connect_request_refuse(
            j, HYPHA_CLOSE_POLICY, CONNECT_LIMITED, RULE_USER_LIMIT,
            "Connection limit exceeded: user %.200s has %zu/%u connections", user, mine,
            config->max_connections_per_user);
    }
    if (config->max_clients_per_workspace && here >= config->max_clients_per_workspace) {
        over_limit(h, j, METRIC_WORKSPACE_LIMIT_REFUSED, here, config->max_clients_per_workspace);
        return connect_request_refuse(
            j, HYPHA_CLOSE_POLICY, CONNECT_LIMITED, RULE_WORKSPACE_LIMIT,
            "Connection limit exceeded: workspace %.200s has %zu/%u clients", w->id, here,
            config->max_clients_per_workspace);
    }
    return connect_check_room(h, j, w, replaced) && check_address_limit(h, j, replaced);
}
