/* Who may come in, where, as what, and the texts of those who may not.
 * req: W-008 W-009 W-010 W-011 W-012 */
#include "base/clock.h"
#include "base/held.h"
#include "config/config.h"
#include "peer/connect_rules.h"
#include "peer/connect_request.h"
#include "unit/peer/peer_kit.h"
#include "wire/ip.h"

#define FEC "Failed to establish connection: "
#define FAU FEC "Failed to authenticate user: "

struct asked {
    const char *what;
    const char *user, *scope; /* user NULL: no token */
    enum connect_credential by;
    const char *workspace, *client;
    const char *text; /* the refusal; NULL: admitted to */
    const char *joined;
    enum permission permission;
};

static const struct asked table[] = {
    {"nobody asks for nothing", NULL, NULL, CONNECT_BY_NOTHING, NULL, "c1", NULL,
     "ws-user-anonymouz-", PERMISSION_ADMIN},
    {"a user at home", "bob", "ws:ws-user-bob#a", CONNECT_BY_TOKEN, NULL, "c1", NULL, "ws-user-bob",
     PERMISSION_ADMIN},
    {"a user in a granted workspace", "bob", "ws:ws-b#r", CONNECT_BY_TOKEN, "ws-b", "c1", NULL,
     "ws-b", PERMISSION_READ},
    {"an owner without a grant", "bob", "", CONNECT_BY_TOKEN, "ws-a", "c1", NULL, "ws-a",
     PERMISSION_ADMIN},
    {"a weaker grant is kept", "bob", "ws:ws-a#r", CONNECT_BY_TOKEN, "ws-a", "c1", NULL, "ws-a",
     PERMISSION_READ},
    {"all workspaces", "bob", "ws:*#rw", CONNECT_BY_TOKEN, "ws-b", "c1", NULL, "ws-b",
     PERMISSION_READ_WRITE},
    {"a bound token leads home", "bob", "ws:ws-b#rw wid:ws-b", CONNECT_BY_TOKEN, NULL, "c1", NULL,
     "ws-b", PERMISSION_READ_WRITE},
    {"a bound token where it says", "bob", "ws:ws-b#rw wid:ws-b", CONNECT_BY_TOKEN, "ws-b", "c1",
     NULL, "ws-b", PERMISSION_READ_WRITE},
    {"public becomes the token's own", "bob", "ws:ws-user-bob#a", CONNECT_BY_TOKEN, "public", "c1",
     NULL, "ws-user-bob", PERMISSION_ADMIN},
    {"public, said by the token", "bob", "ws:public#r wid:public", CONNECT_BY_TOKEN, "public", "c1",
     NULL, "public", PERMISSION_READ},
    {"the client of the token", "bob", "ws:ws-b#rw cid:c1", CONNECT_BY_TOKEN, "ws-b", "c1", NULL,
     "ws-b", PERMISSION_READ_WRITE},
    {"coming back", "bob", "ws:ws-b#rw wid:ws-b cid:c1", CONNECT_BY_RECONNECTION, NULL, "c1", NULL,
     "ws-b", PERMISSION_READ_WRITE},
    {"coming back, said twice", "bob", "ws:ws-b#rw wid:ws-b cid:c1", CONNECT_BY_RECONNECTION,
     "ws-b", "c1", NULL, "ws-b", PERMISSION_READ_WRITE},

    {"a bound token elsewhere", "bob", "ws:ws-a#a wid:ws-a", CONNECT_BY_TOKEN, "ws-b", "c1",
     FAU
     "Current workspace encoded in the token (ws-a) does not match the specified workspace (ws-b)",
     NULL, 0},
    {"another client", "bob", "ws:ws-b#rw cid:dup2", CONNECT_BY_TOKEN, "ws-b", "c1",
     FAU "Client id mismatch: this token is restricted to client with client_id='dup2'", NULL, 0},
    {"a special token", "bob", "ws:ws-b#rw files:read", CONNECT_BY_TOKEN, "ws-b", "c1",
     FAU "Specialized token with scopes [files:read] cannot be used for general workspace access. "
         "This token can only be used for its "
         "intended purpose.",
     NULL, 0},
    {"a special token coming back", "bob", "ws:ws-b#rw wid:ws-b cid:c1 a:b c:d",
     CONNECT_BY_RECONNECTION, NULL, "c1",
     FAU "Specialized token with scopes [a:b, c:d] cannot be used for general workspace access. "
         "This token can only be used for its "
         "intended purpose.",
     NULL, 0},
    {"coming back as another", "bob", "ws:ws-b#rw wid:ws-b cid:c2", CONNECT_BY_RECONNECTION, NULL,
     "c1", FAU "Client id mismatch, disconnecting", NULL, 0},
    {"coming back elsewhere", "bob", "ws:ws-b#rw wid:ws-b cid:c1", CONNECT_BY_RECONNECTION, "ws-a",
     "c1", FAU "Invalid scope, workspace mismatch: ws-a != ws-b", NULL, 0},
    {"coming back to nowhere", "bob", "ws:ws-b#rw cid:c1", CONNECT_BY_RECONNECTION, NULL, "c1",
     FAU "Invalid scope, current_workspace is required", NULL, 0},
    {"coming back as nobody", "bob", "ws:ws-b#rw wid:ws-b", CONNECT_BY_RECONNECTION, NULL, "c1",
     FAU "Invalid scope, current_workspace is required", NULL, 0},
    {"nobody in a workspace of others", NULL, NULL, CONNECT_BY_NOTHING, "ws-a", "c1",
     FEC "Permission denied for workspace: ws-a", NULL, 0},
    {"nobody in public", NULL, NULL, CONNECT_BY_NOTHING, "public", "c1",
     FEC "Permission denied for workspace: public", NULL, 0},
    {"nobody in ws-anonymous", NULL, NULL, CONNECT_BY_NOTHING, "ws-anonymous", "c1",
     FEC "Permission denied for workspace: ws-anonymous", NULL, 0},
    {"nobody in nowhere", NULL, NULL, CONNECT_BY_NOTHING, "ws-none", "c1",
     FEC "'Workspace ws-none does not exist or is not accessible'", NULL, 0},
    {"nobody in the home of somebody", NULL, NULL, CONNECT_BY_NOTHING, "ws-user-bob", "c1",
     FEC "'Workspace ws-user-bob does not exist or is not accessible'", NULL, 0},
    {"nobody in the home of another nobody", NULL, NULL, CONNECT_BY_NOTHING,
     "ws-user-anonymouz-other", "c1",
     FEC "Permission denied for workspace: ws-user-anonymouz-other", NULL, 0},
    {"any workspace", "bob", "ws:*#a", CONNECT_BY_TOKEN, "*", "c1",
     FEC "Dynamic workspace is not allowed for this endpoint", NULL, 0},
    {"a user without a grant", "bob", "ws:ws-user-bob#a", CONNECT_BY_TOKEN, "ws-b", "c1",
     FEC "Permission denied for workspace: ws-b", NULL, 0},
    {"no client id", NULL, NULL, CONNECT_BY_NOTHING, NULL, "",
     FEC "Failed to authenticate user to workspace: ws-user-anonymouz-", NULL, 0},
    {"a slash", "bob", "", CONNECT_BY_TOKEN, "ws-a", "a/b", FEC "Invalid client id: a/b", NULL, 0},
    {"a colon", "bob", "", CONNECT_BY_TOKEN, "ws-a", "a:b", FEC "Invalid client id: a:b", NULL, 0},
    {"an at sign", "bob", "", CONNECT_BY_TOKEN, "ws-a", "a@b", FEC "Invalid client id: a@b", NULL,
     0},
    {"an asterisk", "bob", "", CONNECT_BY_TOKEN, "ws-a", "*", FEC "Invalid client id: *", NULL, 0},
    {"a blank", "bob", "", CONNECT_BY_TOKEN, "ws-a", "a b", FEC "Invalid client id: a b", NULL, 0},
    {"a hosted client's name elsewhere", "bob", "ws:ws-user-bob#a", CONNECT_BY_TOKEN, NULL,
     "manager-x", NULL, "ws-user-bob", PERMISSION_ADMIN},
    {"the manager's name at its home", "bob", "ws:public#a wid:public", CONNECT_BY_TOKEN, "public",
     "manager-x", FEC "Invalid client id: manager-x", NULL, 0},
};

static struct connect_request *make_join(struct kit *k, const struct asked *a)
{
    struct connect_request *j =
        connect_request_new(CONNECT_CLIENT, k->hub.process, slice_of(a->client),
                            a->workspace ? slice_of(a->workspace) : (struct slice){NULL, 0});

    CHECK(j != NULL);
    j->ask.hub = &k->hub;
    j->ask.asker = k->t.loop;
    j->ask.user = a->user ? kit_user(a->user, a->scope) : user_new_anonymous(a->client);
    j->ask.by = a->by;
    if (a->user) {
        j->ask.bound_workspace = j->ask.user->scope.current_workspace;
        j->ask.bound_client = j->ask.user->scope.client_id;
    }
    return j;
}

struct kept {
    bool is_kept;
};

static void on_blocked(int outcome, void *arg)
{
    CHECK_INT(outcome, BLOCK_OK);
    ((struct kept *)arg)->is_kept = true;
}

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void check(struct kit *k, const struct asked *a)
{
    struct connect_request *j = make_join(k, a);
    struct workspace *w = NULL;
    size_t n_before = k->hub.registry.workspaces.n_entries;
    bool is_in = connect_check(&k->hub, j, &w);
    unsigned code = !a->text ? 0 : strstr(a->text, "Invalid client id") ? 1008 : 1001;

    if (is_in != !a->text || j->answer.close_code != code)
        check_fail(__FILE__, __LINE__, "%s: code %u, %s", a->what, j->answer.close_code,
                   j->answer.text);
    if (is_in && (!starts(w->id, a->joined) || strcmp(j->answer.workspace, w->id) != 0 ||
                  j->answer.permission != a->permission ||
                  user_permission(j->answer.user, slice_of(w->id)) < a->permission ||
                  strcmp(j->answer.user->scope.client_id, a->client) != 0))
        check_fail(__FILE__, __LINE__, "%s: in %s with %d", a->what, w->id,
                   (int)j->answer.permission);
    if (!is_in && !starts(j->answer.text, a->text))
        check_fail(__FILE__, __LINE__, "%s: %s", a->what, j->answer.text);
    if (!is_in && k->hub.registry.workspaces.n_entries != n_before)
        check_fail(__FILE__, __LINE__, "%s: the refused one has left a workspace behind", a->what);
    connect_request_free(j);
}

CASE(every_rule_and_its_text)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct kit k;
        kit_init(&k, 1);
        kit_workspace(&k, "ws-a", "bob");
        kit_workspace(&k, "ws-b", "alice");
        check(&k, &table[i]);
        kit_deinit(&k);
    }
}

CASE(a_client_id_has_at_most_255_bytes)
{
    char id[257];
    struct asked a = {"long", "bob", "",     CONNECT_BY_TOKEN, "ws-a",
                      id,     NULL,  "ws-a", PERMISSION_ADMIN};
    struct kit k;

    memset(id, 'x', sizeof(id));
    id[255] = '\0';
    kit_init(&k, 1);
    kit_workspace(&k, "ws-a", "bob");
    check(&k, &a);
    id[255] = 'x';
    id[256] = '\0';
    a.text = FEC "Invalid client id: it is too long (256 bytes, at most 255 are allowed)";
    check(&k, &a);
    kit_deinit(&k);
}

CASE(a_request_over_http_leaves_no_workspace_behind)
{
    const struct asked a = {
        "http", "bob", "ws:ws-user-bob#a", CONNECT_BY_TOKEN, "ws-user-anonymouz-other", NULL, NULL,
        NULL,   0};
    struct workspace *w;
    struct kit k;

    kit_init(&k, 1);
    struct connect_request *j = make_join(&k, &a);
    j->kind = CONNECT_REQUEST;
    CHECK(connect_check(&k.hub, j, &w));
    CHECK_TEXT(w->id, "ws-user-bob");
    CHECK(workspace_find(&k.hub.registry, SLICE_LIT("ws-user-anonymouz-other")) == NULL);
    connect_request_free(j);
    kit_deinit(&k);
}

CASE(a_refused_one_does_not_put_off_the_unloading)
{
    const struct asked a = {"grace", NULL, NULL, CONNECT_BY_NOTHING, "ws-user-anonymouz-old", "c1",
                            NULL,    NULL, 0};
    struct kit k;
    struct workspace *w;

    kit_init(&k, 1);
    k.t.config.workspace_unload_grace_period_ms = 60;
    struct connect_request *j = make_join(&k, &a);
    CHECK_INT(workspace_open(&k.hub, slice_of(a.workspace), j->ask.user, &j->ask.address, &w),
              WORKSPACE_OPENED);
    workspace_client_left(&k.hub, w);
    CHECK(!connect_check(&k.hub, j, &w));
    TURNS_UNTIL(&k.t, workspace_find(&k.hub.registry, slice_of(a.workspace)) == NULL);
    connect_request_free(j);
    kit_deinit(&k);
}

CASE(a_revoked_token_is_refused)
{
    const struct asked a = {"revoked", "bob", "ws:ws-a#a", CONNECT_BY_TOKEN, "ws-a", "c1", NULL,
                            NULL,      0};
    struct workspace *w;
    struct kit k;

    kit_init(&k, 1);
    kit_workspace(&k, "ws-a", "bob");
    struct connect_request *j = make_join(&k, &a);
    lineage_add(&j->ask.user->lineage, (const uint8_t[32]){7});
    int64_t later = clock_wall_ms() / 1000 + 1000;
    revocation_add(
        k.hub.revocations,
        &(struct revocation){(const uint8_t[32]){7}, later, later, SLICE_LIT("user:bob")},
        &(struct revocation_limits){10, 10, 10}, NULL, NULL);
    CHECK(!connect_check(&k.hub, j, &w));
    CHECK_TEXT(j->answer.text, FAU "Token has been revoked");
    CHECK_INT(j->answer.outcome, CONNECT_TOKEN_ERROR);
    connect_request_free(j);
    kit_deinit(&k);
}

CASE(limits_name_who_has_reached_them)
{
    const struct asked a = {"limits", "bob", "", CONNECT_BY_TOKEN, "ws-a", "c1", NULL, NULL, 0};
    struct kit k;

    kit_init(&k, 1);
    k.t.config.max_connections_per_user = 2;
    k.t.config.max_clients_per_workspace = 3;
    struct workspace *w = kit_workspace(&k, "ws-a", "bob");
    struct connect_request *j = make_join(&k, &a);
    struct account *seats[2] = {hub_seat_take(&k.hub, w, j->ask.user, &j->ask.address), NULL};
    CHECK(connect_check_limits(&k.hub, j, w, NULL));
    seats[1] = hub_seat_take(&k.hub, w, j->ask.user, &j->ask.address);
    CHECK(!connect_check_limits(&k.hub, j, w, NULL));
    CHECK_INT(j->answer.close_code, 1008);
    CHECK_TEXT(j->answer.text, "Connection limit exceeded: user bob has 2/2 connections");
    w->n_clients = 1;
    struct user *eve = kit_user("eve", "");
    struct client own = {.user = j->ask.user}, foreign = {.user = eve};
    /* who replaces an own connection adds none */
    CHECK(connect_check_limits(&k.hub, j, w, &own));
    CHECK(!connect_check_limits(&k.hub, j, w, &foreign));
    k.t.config.max_connections_per_user = 0;
    w->n_clients = 3;
    CHECK(!connect_check_limits(&k.hub, j, w, NULL));
    CHECK_TEXT(j->answer.text, "Connection limit exceeded: workspace ws-a has 3/3 clients");
    CHECK(connect_check_limits(&k.hub, j, w, &own));
    k.t.config.max_clients_per_workspace = 0;
    CHECK(connect_check_limits(&k.hub, j, w, NULL));
    w->n_clients = 0;
    for (int i = 0; i < 2; i++) {
        hub_seat_leave(&k.hub, j->ask.user);
        account_unref(seats[i]);
    }
    user_unref(eve);
    connect_request_free(j);
    kit_deinit(&k);
}

/* req: D-11 */
CASE(who_is_blocked_stays_out_by_name_and_by_address)
{
    const struct asked a = {"blocked", "child", "", CONNECT_BY_TOKEN, "ws-a", "c1", NULL, NULL, 0};
    struct block user = {
        .kind = BLOCK_USER, .subject = SLICE_LIT("bob"), .reason = SLICE_LIT("spam")};
    struct block there = {
        .kind = BLOCK_ADDRESS, .subject = SLICE_LIT("192.0.2.7"), .reason = SLICE_LIT("noise")};
    struct workspace *w = NULL;
    struct kept kept = {false};
    struct kit k;

    kit_init(&k, 1);
    struct connect_request *j = make_join(&k, &a);
    j->ask.user->parent = mem_copy("bob", 3);
    CHECK(block_add(k.hub.blocks, &user, 10, on_blocked, &kept));
    CHECK(!connect_check(&k.hub, j, &w));
    CHECK_TEXT(j->answer.text, "User is blocked: spam");
    CHECK_INT(j->answer.close_code, 1008);
    CHECK_INT(j->answer.outcome, CONNECT_BLOCKED);
    TURNS_UNTIL(&k.t, kept.is_kept);
    kept.is_kept = false;
    CHECK(block_add(k.hub.blocks, &there, 10, on_blocked, &kept));
    CHECK(ip_parse("192.0.2.7", &j->ask.address));
    CHECK(!connect_check(&k.hub, j, &w));
    CHECK_TEXT(j->answer.text, "IP is blocked: noise");
    user_unref(j->ask.user);
    j->ask.user = user_new_root("ws-user-root");
    j->ask.workspace = held_free(j->ask.workspace);
    j->answer.close_code = 0;
    CHECK(connect_check(&k.hub, j, &w)); /* who can lift a block is kept out by none */
    TURNS_UNTIL(&k.t, kept.is_kept);
    connect_request_free(j);
    kit_deinit(&k);
}

/* req: S-141 */
CASE(a_full_workspace_lets_nobody_in)
{
    enum { CAP = 100000 };
    const struct asked a = {"room", "bob", "", CONNECT_BY_TOKEN, "ws-a", "c1", NULL, NULL, 0};
    struct kit k;

    kit_init(&k, 1);
    struct workspace *w = kit_workspace(&k, "ws-a", "bob");
    struct connect_request *j = make_join(&k, &a);
    struct account *workspace = w->account;
    w->account = account_new(k.hub.process, ACCOUNT_WORKSPACE, CAP);
    CHECK(connect_check_limits(&k.hub, j, w, NULL));
    CHECK_INT(account_keep(w->account, CAP - 1000), ACCOUNT_OK);
    CHECK(!connect_check_limits(&k.hub, j, w, NULL));
    CHECK_TEXT(j->answer.text, "There is no room for the client (--workspace-bytes, 100000 bytes), "
                               "please retry: workspace ws-a");
    CHECK_TEXT(access_rule_name(j->answer.decision.rule), "workspace-bytes");
    CHECK_INT(j->answer.close_code, 1013);
    CHECK_INT(j->answer.outcome, CONNECT_LIMITED);
    j->ask.by = CONNECT_BY_RECONNECTION;
    CHECK(!connect_check_limits(&k.hub, j, w, NULL));
    CHECK_INT(j->answer.outcome, CONNECT_LATER);
    account_drop(w->account, CAP - 1000);
    CHECK(connect_check_limits(&k.hub, j, w, NULL));
    account_unref(w->account);
    w->account = workspace;
    connect_request_free(j);
    kit_deinit(&k);
}

/* req: S-161 */
CASE(whoever_is_full_above_a_workspace_lets_nobody_in)
{
    enum { CAP = 100000 };
    const struct asked a = {"room", "bob", "", CONNECT_BY_TOKEN, "ws-a", "c1", NULL, NULL, 0};
    struct kit k;

    kit_init(&k, 1);
    struct workspace *w = kit_workspace(&k, "ws-a", "bob");
    struct connect_request *j = make_join(&k, &a);
    struct account *workspace = w->account,
                   *person = account_new(k.hub.process, ACCOUNT_PERSON, CAP);
    w->account = account_new(person, ACCOUNT_WORKSPACE, 10 * CAP);
    CHECK(connect_check_limits(&k.hub, j, w, NULL));
    CHECK_INT(account_keep(person, CAP - 1000), ACCOUNT_OK);
    CHECK(!connect_check_limits(&k.hub, j, w, NULL));
    CHECK_TEXT(j->answer.text, "There is no room for the client (--person-bytes, 100000 bytes), "
                               "please retry: workspace ws-a");
    CHECK_TEXT(access_rule_name(j->answer.decision.rule), "person-bytes");
    j->is_dry_run = true;
    CHECK(!connect_check_limits(&k.hub, j, w, NULL));
    CHECK_TEXT(access_rule_name(j->answer.decision.rule), "person-bytes");
    j->is_dry_run = false;
    account_drop(person, CAP - 1000);
    /* The part of one user is full: who takes the place of their own client gives back what that
     * one holds. */
    struct account *seat = hub_seat_account(&k.hub, w, j->ask.user, &j->ask.address);
    struct client other = {.user = j->ask.user};
    seat->cap_bytes = CAP;
    CHECK_INT(account_keep(seat, CAP - 1000), ACCOUNT_OK);
    CHECK(!connect_check_limits(&k.hub, j, w, NULL));
    CHECK_TEXT(access_rule_name(j->answer.decision.rule), "user-bytes");
    CHECK(connect_check_limits(&k.hub, j, w, &other));
    account_drop(seat, CAP - 1000);
    account_unref(seat);
    account_unref(w->account);
    account_unref(person);
    w->account = workspace;
    connect_request_free(j);
    kit_deinit(&k);
}

CASE(an_address_has_a_limit_but_not_a_proxy)
{
    const struct asked a = {"limits", "bob", "", CONNECT_BY_TOKEN, "ws-a", "c1", NULL, NULL, 0};
    struct config_cidr proxies = {.n_bits = 128};
    struct kit k;

    kit_init(&k, 1);
    k.t.config.max_connections_per_address = 2;
    struct workspace *w = kit_workspace(&k, "ws-a", "bob");
    struct connect_request *j = make_join(&k, &a);
    CHECK(ip_parse("192.0.2.7", &j->ask.address));
    hub_address_take(&k.hub, &j->ask.address);
    CHECK(connect_check_limits(&k.hub, j, w, NULL));
    hub_address_take(&k.hub, &j->ask.address);
    CHECK(!connect_check_limits(&k.hub, j, w, NULL));
    CHECK_TEXT(j->answer.text, "Connection limit exceeded: address 192.0.2.7 has 2/2 connections");
    proxies.address = j->ask.address;
    k.t.config.trusted_proxies.items = &proxies;
    k.t.config.trusted_proxies.n_items = 1;
    CHECK(connect_check_limits(&k.hub, j, w, NULL));
    hub_address_leave(&k.hub, &j->ask.address);
    hub_address_leave(&k.hub, &j->ask.address);
    CHECK_INT(hub_address_connections(&k.hub, &j->ask.address), 0);
    k.t.config.trusted_proxies.n_items = 0;
    connect_request_free(j);
    kit_deinit(&k);
}

CASE(a_long_refusal_is_cut_between_characters)
{
    struct connect_request j = {0};
    char text[2000] = "";

    for (int i = 0; i < 600; i++)
        strcat(text, "\xe2\x82\xac");
    CHECK(!connect_request_refuse(&j, 1001, CONNECT_REFUSED, RULE_CLIENT_ID, "%s", text));
    CHECK(slice_is_utf8(slice_of(j.answer.text)));
    CHECK(strlen(j.answer.text) > CONNECT_TEXT_MAX - 5);
}

CASES(RUN(every_rule_and_its_text), RUN(a_client_id_has_at_most_255_bytes),
      RUN(a_request_over_http_leaves_no_workspace_behind),
      RUN(a_refused_one_does_not_put_off_the_unloading), RUN(a_revoked_token_is_refused),
      RUN(limits_name_who_has_reached_them), RUN(who_is_blocked_stays_out_by_name_and_by_address),
      RUN(a_full_workspace_lets_nobody_in), RUN(whoever_is_full_above_a_workspace_lets_nobody_in),
      RUN(an_address_has_a_limit_but_not_a_proxy), RUN(a_long_refusal_is_cut_between_characters))
