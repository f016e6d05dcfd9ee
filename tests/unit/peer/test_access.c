/* Which rule decides, for rules the permission model of the scenes cannot tell apart: it sees
 * allowed and denied only. req: D-03 D-04 D-19 D-46 S-22 S-31 S-32 */
#include "peer/access.h"

#include "unit/peer/peer_kit.h"

CASE(tables)
{
    for (enum access_rule a = 0; a < RULE_COUNT; a++) {
        const char *shown = access_rule_shown(a);
        CHECK(*access_rule_because(a) != '\0');
        /* What is told is one of a few words that say nothing of the target. */
        CHECK(!shown || strcmp(shown, "no-grant") == 0 || strcmp(shown, "weak-grant") == 0 ||
              strcmp(shown, "other-client") == 0 || strcmp(shown, "other-workspace") == 0 ||
              strcmp(shown, "acts-elsewhere") == 0);
        for (enum access_rule b = 0; b < a; b++)
            CHECK(strcmp(access_rule_name(a), access_rule_name(b)) != 0);
    }
    for (enum access_operation o = 0; o < OPERATION_COUNT; o++)
        CHECK_INT(access_operation_find(slice_of(access_operation_name(o))), o);
    CHECK_INT(access_operation_find(SLICE_LIT("nothing-like-it")), OPERATION_COUNT);
}

CASE(what_is_noted_is_found_again)
{
    for (enum access_rule r = 0; r < RULE_COUNT; r++) {
        char text[64] = "no", small[] = "no";
        const char *shown = access_rule_shown(r);
        access_rule_note(r, text, sizeof(text));
        access_rule_note(r, small, sizeof(small));
        CHECK_TEXT(small, "no");
        CHECK(access_rule_noted(slice_of(text)) == shown ||
              strcmp(access_rule_noted(slice_of(text)), shown) == 0);
    }
    CHECK(!access_rule_noted(SLICE_LIT("")) && !access_rule_noted(SLICE_LIT("no")));
    CHECK(!access_rule_noted(SLICE_LIT("no [rule: some-grant]")) &&
          !access_rule_noted(SLICE_LIT("no [rule: no-grant] more")));
    /* never shown */
    CHECK(!access_rule_noted(SLICE_LIT("no [rule: protected-service]")));
}

struct row {
    const char *user, *parent, *email, *scope;
    const char *context,
        *target; /* "team" is there and owned by ada and eve@x; "none" is not there */
    enum access_operation operation;
    enum permission wanted;
    bool is_allowed;
    enum access_rule rule;
};

#define R PERMISSION_READ
#define RW PERMISSION_READ_WRITE
#define A PERMISSION_ADMIN
static const struct row rows[] = {
    {"bob", NULL, NULL, "ws:team#r", "home", "team", OPERATION_LIST_CLIENTS, 0, true, RULE_GRANT},
    {"bob", NULL, NULL, "ws:*#r", "home", "team", OPERATION_LIST_CLIENTS, 0, true, RULE_WILDCARD},
    {"bob", NULL, NULL, "ws:*#r ws:team#r", "home", "team", OPERATION_LIST_CLIENTS, 0, true,
     RULE_GRANT},
    {"bob", NULL, NULL, "", "home", "team", OPERATION_LIST_CLIENTS, 0, false, RULE_NO_GRANT},
    {"bob", NULL, NULL, "ws:*#a", "home", "none", OPERATION_LIST_CLIENTS, 0, false,
     RULE_NO_WORKSPACE},
    {"bob", NULL, NULL, "ws:*#r ws:team#rw", "team", "", OPERATION_SET_ENV, 0, true, RULE_GRANT},
    {"bob", NULL, NULL, "ws:*#rw ws:team#r", "team", "", OPERATION_SET_ENV, 0, true, RULE_WILDCARD},
    {"bob", NULL, NULL, "ws:team#r", "team", "", OPERATION_SET_ENV, 0, false, RULE_WEAK_GRANT},
    /* Owning counts where it is named, for oneself. */
    {"ada", NULL, NULL, "", "home", "team", OPERATION_LIST_CLIENTS, 0, false, RULE_NO_GRANT},
    {"ada", NULL, NULL, "ws:home#r", "home", "team", OPERATION_GET_WORKSPACE_INFO, 0, true,
     RULE_OWNER},
    {"ada", NULL, NULL, "", "home", "team", OPERATION_JOIN, 0, true, RULE_OWNER},
    {"ada", NULL, NULL, "ws:team#r", "home", "team", OPERATION_JOIN, 0, true, RULE_GRANT},
    {"eva", NULL, "eve@x", "", "home", "team", OPERATION_OVERWRITE, 0, true, RULE_OWNER_EMAIL},
    {"eva", "ada", "eve@x", "ws:team#rw", "home", "team", OPERATION_OVERWRITE, 0, false,
     RULE_CHILD},
    {"kid", "ada", NULL, "", "home", "team", OPERATION_JOIN, 0, false, RULE_CHILD},
    {"kid", "bob", NULL, "", "home", "team", OPERATION_JOIN, 0, false, RULE_NO_GRANT},
    /* Minting. */
    {"ada", NULL, NULL, "", "home", "team", OPERATION_GENERATE_TOKEN, A, true, RULE_OWNER},
    {"kid", "ada", NULL, "ws:team#rw", "home", "team", OPERATION_GENERATE_TOKEN, RW, true,
     RULE_PASSED_ON},
    {"kid", "ada", NULL, "ws:team#rw", "home", "team", OPERATION_GENERATE_TOKEN, A, false,
     RULE_NO_LIFT},
    {"kid", "ada", NULL, "", "home", "team", OPERATION_GENERATE_TOKEN, R, false, RULE_CHILD},
    {"kid", "bob", NULL, "ws:team#rw", "home", "team", OPERATION_GENERATE_TOKEN, R, false,
     RULE_WEAK_GRANT},
    {"bob", NULL, NULL, "ws:team#a", "home", "team", OPERATION_GENERATE_TOKEN, A, true, RULE_GRANT},
    {"bob", NULL, NULL, "", "home", "none", OPERATION_GENERATE_TOKEN, R, false, RULE_NO_WORKSPACE},
    {"bob", NULL, NULL, "ws:*#a", "home", "none", OPERATION_GENERATE_TOKEN, R, true, RULE_WILDCARD},
    /* Others. */
    {"bob", NULL, NULL, "ws:home#rw", "home", "team", OPERATION_UNREGISTER_SERVICE, 0, false,
     RULE_OTHER_WORKSPACE},
    {"bob", NULL, NULL, "ws:home#r", "home", "", OPERATION_BROADCAST, 0, false, RULE_READ_ONLY},
    {"bob", NULL, NULL, "ws:home#a", "home", "team", OPERATION_BROADCAST, 0, false,
     RULE_OTHER_WORKSPACE},
    {"bob", NULL, NULL, "ws:*#a", "home", "public", OPERATION_DELETE_WORKSPACE, 0, false,
     RULE_SYSTEM},
    {"bob", NULL, NULL, "", "home", "none", OPERATION_CREATE_WORKSPACE, 0, true, RULE_REGISTERED},
    {"kid", "ada", NULL, "ws:ws-user-ada#rw", "home", "none", OPERATION_CREATE_WORKSPACE, 0, true,
     RULE_REGISTERED},
    {"kid", "ada", NULL, "ws:ws-user-ada#r", "home", "none", OPERATION_CREATE_WORKSPACE, 0, false,
     RULE_NOT_FOR_PERSON},
    {"kid", "ada", NULL, "ws:home#a", "home", "none", OPERATION_CREATE_WORKSPACE, 0, false,
     RULE_NOT_FOR_PERSON},
    {"bob", NULL, NULL, "", "home", "home", OPERATION_PING, 0, true, RULE_OPEN},
    {"bob", NULL, NULL, "", "home", "team", OPERATION_PING, 0, false, RULE_NO_GRANT},
    {"bob", NULL, NULL, "ws:team#r", "home", "team", OPERATION_LIST_UNLISTED, 0, false,
     RULE_OTHER_WORKSPACE},
};

static char *copy(const char *text)
{
    return text ? mem_copy(text, strlen(text)) : NULL;
}

CASE(which_rule_decides)
{
    static const char *const owners[] = {"ada", "eve@x"};
    struct kit k;

    kit_init(&k, 1);
    workspace_add(&k.hub.registry,
                  &(struct workspace_fields){.id = "team", .owners = owners, .n_owners = 2},
                  k.hub.process, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        struct user *u = kit_user(row->user, row->scope);
        u->parent = copy(row->parent);
        u->email = copy(row->email);
        struct slice target = slice_of(*row->target ? row->target : row->context);
        struct access_decision d = access_decide(
            &(struct access_question){.user = u,
                                      .operation = row->operation,
                                      .context = slice_of(row->context),
                                      .target = target,
                                      .workspace = workspace_find(&k.hub.registry, target),
                                      .wanted = row->wanted});
        if (d.is_allowed != row->is_allowed || d.rule != row->rule)
            check_fail(__FILE__, __LINE__, "row %zu: %s %s %s: %s by %s, not %s", i, row->user,
                       access_operation_name(row->operation), row->target,
                       d.is_allowed ? "allowed" : "denied", access_rule_name(d.rule),
                       access_rule_name(row->rule));
        user_unref(u);
    }
    kit_deinit(&k);
}

CASE(the_quota_of_workspaces)
{
    struct user *u = kit_user("bob", ""), *root = user_new_root("ws-user-root");
    struct access_question q = {
        .user = u, .operation = OPERATION_CREATE_WORKSPACE, .used = 3, .max = 3};
    struct access_decision d = access_decide(&q);

    CHECK(!d.is_allowed && d.rule == RULE_QUOTA && d.used == 3 && d.max == 3);
    q.used = 2;
    CHECK(access_decide(&q).is_allowed);
    q.used = 9;
    q.max = 0;
    CHECK(access_decide(&q).is_allowed);
    q = (struct access_question){
        .user = root, .operation = OPERATION_CREATE_WORKSPACE, .used = 3, .max = 3};
    CHECK(access_decide(&q).rule == RULE_ROOT);
    user_unref(u);
    user_unref(root);
}

/* The workspace is of the second 1000. */
CASE(what_was_given_on_a_former_workspace_counts_for_its_owners_only)
{
    static const struct {
        const char *id, *parent, *scope;
        bool is_continuation;
        uint32_t issued_at;
        enum permission held;
    } holders[] = {
        {"child", "mal", "ws:team#a", false, 999, PERMISSION_NONE},
        /* in doubt of the old one */
        {"child", "mal", "ws:team#a", false, 1000, PERMISSION_NONE},
        {"child", "mal", "ws:team#a", false, 1001, PERMISSION_ADMIN},
        {"child", "mal", "ws:team#a ws:*#r", false, 999, PERMISSION_READ},
        {"child", "ada", "ws:team#rw", false, 999, PERMISSION_READ_WRITE},
        {"child", "root", "ws:team#rw", false, 999, PERMISSION_READ_WRITE},
        /* of a server that does not say when */
        {"child", "mal", "ws:team#a", false, 0, PERMISSION_ADMIN},
        {"mal", NULL, "ws:team#a", true, 999, PERMISSION_NONE},
        {"ada", NULL, "ws:team#a", true, 999, PERMISSION_ADMIN},
        /* a login stands for itself */
        {"mal", NULL, "ws:team#a", false, 999, PERMISSION_ADMIN},
    };
    struct kit k;

    kit_init(&k, 1);
    struct workspace *w = kit_workspace(&k, "team", "ada");
    CHECK(w->made_at > 0);
    w->made_at = 1000;
    for (size_t i = 0; i < ARRAY_LEN(holders); i++) {
        struct user *u = kit_user(holders[i].id, holders[i].scope);
        u->parent = copy(holders[i].parent);
        u->issued_at = holders[i].issued_at;
        u->lineage.is_continuation = holders[i].is_continuation;
        struct access_question q = {
            .user = u, .operation = OPERATION_JOIN, .target = SLICE_LIT("team"), .workspace = w};
        if (access_decide(&q).held != holders[i].held)
            check_fail(__FILE__, __LINE__, "holder %zu: %d", i, (int)access_decide(&q).held);
        q.operation = OPERATION_GENERATE_TOKEN;
        q.wanted = PERMISSION_ADMIN;
        CHECK(access_decide(&q).is_allowed == (holders[i].held == PERMISSION_ADMIN));
        user_unref(u);
    }
    kit_deinit(&k);
}

CASES(RUN(tables), RUN(what_is_noted_is_found_again), RUN(which_rule_decides),
      RUN(the_quota_of_workspaces),
      RUN(what_was_given_on_a_former_workspace_counts_for_its_owners_only))
