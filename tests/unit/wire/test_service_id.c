#include "wire/address.h"

#include <stdlib.h>

#include "harness/check.h"
#include "unit/wire/dice.h"

static void check_parts(const struct service_id *id, const char *const parts[4])
{
    CHECK(slice_is(id->workspace, parts[0]));
    CHECK(slice_is(id->client, parts[1]));
    CHECK(slice_is(id->name, parts[2]));
    CHECK(slice_is(id->app, parts[3]));
}

CASE(every_form_a_caller_may_write)
{
    static const struct {
        const char *text, *parts[4];
        bool is_manager;
    } rows[] = {
        {"~", {"", "*", "~", "*"}, true},
        {"ws-a/~", {"ws-a", "*", "~", "*"}, true},
        {"calc", {"", "*", "calc", "*"}, false},
        {"c:calc", {"", "c", "calc", "*"}, false},
        {"ws-a/calc", {"ws-a", "*", "calc", "*"}, false},
        {"ws-a/c:calc", {"ws-a", "c", "calc", "*"}, false},
        {"ws-a/*:calc", {"ws-a", "*", "calc", "*"}, false},
        {"ws-a/c:calc@app1", {"ws-a", "c", "calc", "app1"}, false},
        {"calc@*", {"", "*", "calc", "*"}, false},
        {"*/calc", {"*", "*", "calc", "*"}, false},
        {"*/~", {"*", "*", "~", "*"}, true},
        {"calc@/~", {"", "*", "calc", "/~"}, false},
        {"~@app", {"", "*", "~", "app"}, false},
        {"c:~", {"", "c", "~", "*"}, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct service_id id;
        CHECK_INT(service_id_parse(slice_of(rows[i].text), &id), SERVICE_ID_OK);
        check_parts(&id, rows[i].parts);
        CHECK(id.is_manager == rows[i].is_manager);
    }
}

CASE(the_rest_is_named)
{
    static const struct {
        const char *text;
        int outcome;
    } rows[] = {
        {"a/b/c", SERVICE_ID_MANY_SLASHES},
        {"a:b:c", SERVICE_ID_MANY_COLONS},
        {"a@b@c", SERVICE_ID_MANY_ATS},
        {"*", SERVICE_ID_WILDCARD},
        {"", SERVICE_ID_EMPTY},
        {"/a", SERVICE_ID_EMPTY},
        {"ws/", SERVICE_ID_EMPTY},
        {":a", SERVICE_ID_EMPTY},
        {"c:", SERVICE_ID_EMPTY},
        {"a@", SERVICE_ID_EMPTY},
        {"@a", SERVICE_ID_EMPTY},
        {"ws/c:", SERVICE_ID_EMPTY},
    };
    struct service_id id;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_INT(service_id_parse(slice_of(rows[i].text), &id), rows[i].outcome);
}

CASE(registered_names_keep_their_delimiters)
{
    struct service_id id;

    CHECK(service_id_split_registered(SLICE_LIT("ws/client:other/x:name"), &id));
    check_parts(&id, (const char *const[4]){"ws", "client", "other/x:name", "*"});
    CHECK(service_id_split_registered(SLICE_LIT("client:a/b"), &id));
    check_parts(&id, (const char *const[4]){"", "client", "a/b", "*"});
    CHECK(!service_id_split_registered(SLICE_LIT("ws/name"), &id));
}

/* The definition, exponential and obviously right. */
static bool slow_match(struct slice p, struct slice t)
{
    if (!p.len)
        return !t.len;
    if (p.ptr[0] == '*')
        return slow_match(slice_from(p, 1), t) || (t.len && slow_match(p, slice_from(t, 1)));
    return t.len && (p.ptr[0] == '?' || p.ptr[0] == t.ptr[0]) &&
           slow_match(slice_from(p, 1), slice_from(t, 1));
}

CASE(globs_agree_with_the_definition)
{
    struct dice d = {3};
    unsigned n_matches = 0;

    for (int round = 0; round < 200000; round++) {
        char pattern[8], text[10];
        size_t n_pattern = dice_below(&d, 8), n_text = dice_below(&d, 10);
        for (size_t i = 0; i < n_pattern; i++)
            pattern[i] = "ab*?"[dice_below(&d, 4)];
        for (size_t i = 0; i < n_text; i++)
            text[i] = "ab"[dice_below(&d, 2)];
        struct slice p = slice_make(pattern, n_pattern), t = slice_make(text, n_text);
        bool is_match = glob_match(p, t);
        CHECK(is_match == slow_match(p, t));
        n_matches += is_match;
    }
    CHECK(n_matches > 10000);
}

CASE(a_hostile_glob_costs_little)
{
    enum { N = 1 << 16 };
    char *text = malloc(N), *pattern = malloc(N);

    memset(text, 'a', N);
    for (size_t i = 0; i < N; i++)
        pattern[i] = i % 2 ? 'a' : '*';
    pattern[N - 1] = 'b';
    CHECK(!glob_match(slice_make(pattern, N), slice_make(text, N)));
    CHECK(glob_match(SLICE_LIT("p.[?"), SLICE_LIT("p.[x")));
    free(text);
    free(pattern);
}

CASES(RUN(every_form_a_caller_may_write), RUN(the_rest_is_named),
      RUN(registered_names_keep_their_delimiters), RUN(globs_agree_with_the_definition),
      RUN(a_hostile_glob_costs_little))
