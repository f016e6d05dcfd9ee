/* explain: the rule that enforces is the rule that is shown, in words whose places are filled in,
 * and nothing is made by asking. */
#include "auth/token.h"
#include "unit/admin/office.h"

CASE(rules_are_told_in_words)
{
    static const struct {
        const char *args, *rule, *because;
        bool is_allowed;
    } rows[] = {
        {"[\"bob\",\"ws-user-bob\"]", "grant", "bob", true},
        {"[\"bob\",\"ws-a\"]", "owner", "the owners of ws-a name bob", true},
        {"[\"ada\",\"ws-a\"]", "no-grant",
         "the scope of ada holds nothing on ws-a, where r is needed", false},
        {"[\"ada\",\"ws-none\"]", "no-workspace", "ws-none", false},
        {"[\"root\",\"ws-a\",null,\"admin\"]", "role-admin", "root has the role admin", true},
        {"[{\"id\":\"eve\",\"scope\":{\"workspaces\":{\"ws-a\":\"r\"}}},\"ws-a\",null,\"read_"
         "write\"]",
         "weak-grant", "the scope of eve holds only r on ws-a, where rw is needed", false},
        {"[\"anonymous\",\"ws-a\"]", "no-grant", "where r is needed", false},
    };
    struct office o;

    office_init(&o);
    kit_workspace(&o.k, "ws-a", "bob");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char rule[60];
        struct slice got = office_ask(&o, o.boss, "explain", rows[i].args);
        snprintf(rule, sizeof(rule), "\"rule\":\"%s\"", rows[i].rule);
        const char *allowed = rows[i].is_allowed ? "\"allowed\":true" : "\"allowed\":false";
        if (o.is_error || !memmem(got.ptr, got.len, rule, strlen(rule)) ||
            !memmem(got.ptr, got.len, allowed, strlen(allowed)) ||
            !memmem(got.ptr, got.len, rows[i].because, strlen(rows[i].because)))
            check_fail(__FILE__, __LINE__, "%s: " SLICE_FMT, rows[i].args, SLICE_ARG(got));
    }
    office_deinit(&o);
}

CASE(what_is_no_question_is_refused)
{
    struct office o;

    office_init(&o);
    office_check(&o, "explain", "[\"bob\",\"\"]", "ValueError: A workspace must be named");
    office_check(&o, "explain", "[\"bob\",\"ws-a\",null,\"dance\"]",
                 "ValueError: Unknown operation: dance");
    office_check(&o, "explain", "[\"bob\",\"ws-a\",null,\"generate_token:all\"]",
                 "ValueError: Unknown permission: all");
    office_check(&o, "explain", "[\"\",\"ws-a\"]",
                 "ValueError: That is neither a user id nor a token");
    office_has(&o, "explain", "[{\"name\":\"bob\"},\"ws-a\"]", "TypeError: A user map has an id");
    office_deinit(&o);
}

/* Neither a workspace nor a client nor a figure, and of a token no piece is shown. */
CASE(asking_makes_nothing)
{
    struct office o;
    char args[2000];

    office_init(&o);
    size_t n = o.k.hub.registry.workspaces.n_entries;
    int64_t refused = loop_set_sum(&o.k.t.set, METRIC_LOGINS_REFUSED);
    office_has(&o, "explain", "[\"zoe\",\"ws-user-zoe\"]", "\"allowed\":true");
    office_has(&o, "explain", "[\"zoe\",\"ws-none\"]", "\"allowed\":false");
    struct user *u = kit_user("bob", "");
    char *token = token_mint(o.k.hub.keys, u, &u->scope, 1000);
    snprintf(args, sizeof(args), "[\"%s\",\"ws-user-bob\"]", token);
    office_has(&o, "explain", args, "The server is not ready, please retry");
    CHECK(!memmem(o.answer.ptr, o.answer.len, token + strlen(token) - 20, 20));
    CHECK_INT(o.k.hub.registry.workspaces.n_entries, n);
    CHECK_INT(o.k.hub.registry.clients.n_entries, 0);
    CHECK_INT(loop_set_sum(&o.k.t.set, METRIC_LOGINS_REFUSED), refused);
    user_unref(u);
    mem_free(token);
    office_deinit(&o);
}

CASES(RUN(rules_are_told_in_words), RUN(what_is_no_question_is_refused), RUN(asking_makes_nothing))
