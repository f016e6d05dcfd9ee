#include "wire/address.h"

#include "harness/check.h"

/* Part of W-035, W-037 and W-038; the scenes prove the whole. */
CASE(addresses_resolve_as_the_table_says)
{
    static const struct {
        const char *to;
        int outcome;
        const char *workspace, *client;
    } rows[] = {
        {"bob", ADDRESS_CLIENT, "ws-a", "bob"},
        {"ws-b/bob", ADDRESS_CLIENT, "ws-b", "bob"},
        {"*/manager-srv1", ADDRESS_CLIENT, "*", "manager-srv1"},
        {"public/srv1", ADDRESS_CLIENT, "public", "srv1"},
        {"*", ADDRESS_BROADCAST, "ws-a", "*"},
        {"ws-a/*", ADDRESS_BROADCAST, "ws-a", "*"},
        {"ws-b/*", ADDRESS_FOREIGN_BROADCAST, "ws-b", "*"},
        {"*/*", ADDRESS_FOREIGN_BROADCAST, "*", "*"},
        {"", ADDRESS_BAD, NULL, NULL},
        {"/", ADDRESS_BAD, NULL, NULL},
        {"/bob", ADDRESS_BAD, NULL, NULL},
        {"ws-a/", ADDRESS_BAD, NULL, NULL},
        {"ws-a/b/c", ADDRESS_BAD, NULL, NULL},
        {"b*", ADDRESS_BAD, NULL, NULL},
        {"**", ADDRESS_BAD, NULL, NULL},
        {"ws-*/bob", ADDRESS_BAD, NULL, NULL},
        {"ws-a/b*", ADDRESS_BAD, NULL, NULL},
        {"ws-a*/*", ADDRESS_BAD, NULL, NULL},
        {"*/bob", ADDRESS_BAD, NULL, NULL},
        {"*/manager-*", ADDRESS_BAD, NULL, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct address a = {{NULL, 0}, {NULL, 0}};
        CHECK_INT(address_resolve(slice_of(rows[i].to), SLICE_LIT("ws-a"), &a), rows[i].outcome);
        CHECK(slice_eq(a.workspace, slice_of(rows[i].workspace)) &&
              slice_eq(a.client, slice_of(rows[i].client)));
    }
}

CASE(absolute_addresses_split_once)
{
    struct address a;

    CHECK(address_split(SLICE_LIT("ws/c"), &a) && slice_is(a.workspace, "ws") &&
          slice_is(a.client, "c"));
    CHECK(!address_split(SLICE_LIT("wsc"), &a) && !address_split(SLICE_LIT("ws/c/d"), &a));
    CHECK(!address_split(SLICE_LIT("/c"), &a) && !address_split(SLICE_LIT("ws/"), &a));
}

/* Part of W-012; the scenes prove the whole. */
CASE(client_ids_that_are_refused)
{
    static const char *const bad[] = {
        "",           "a/b",        "a:b",          "a@b",          "a*",      "a?",
        "[a",         "a]",         "a b",          "a\tb",         "a\n",     "\x7f",
        "a\xc2\x85z", "a\xc2\xa0z", "\xe2\x80\xa8", "\xe3\x80\x80", "\xff",    "a\xc3",
        "a\u202eb",   "\u2066a",    "a\u2069",      "a\u200f",      "\u061c",  "a\u200bb",
        "\ufeffa",    "a\u00adb",   "a\U000e0041",  "a\u3164",      "a\ufe0f",
    };
    static const char *const good[] = {"a",         "UroVuBFhHcAypPNxKNxTnD", "c__rlb",
                                       "a.b|c-d_e", "\xc3\xa9t\xc3\xa9",      "manager-x"};
    char longest[CLIENT_ID_MAX + 1];

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK(!client_id_is_valid(slice_of(bad[i])));
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        CHECK(client_id_is_valid(slice_of(good[i])));
    CHECK(!client_id_is_valid(SLICE_LIT("a\0b")));
    memset(longest, 'x', sizeof(longest));
    CHECK(client_id_is_valid(slice_make(longest, CLIENT_ID_MAX)));
    CHECK(!client_id_is_valid(slice_make(longest, CLIENT_ID_MAX + 1)));
}

CASE(workspace_ids_fail_in_order)
{
    char longest[WORKSPACE_ID_MAX + 1];

    CHECK_INT(workspace_id_check(SLICE_LIT(""), true), WORKSPACE_ID_EMPTY);
    CHECK_INT(workspace_id_check(SLICE_LIT("test_ws"), false), WORKSPACE_ID_NO_HYPHEN);
    CHECK_INT(workspace_id_check(SLICE_LIT("../x"), false), WORKSPACE_ID_NO_HYPHEN);
    CHECK_INT(workspace_id_check(SLICE_LIT("foo"), true), WORKSPACE_ID_OK);
    CHECK_INT(workspace_id_check(SLICE_LIT("Test-Ws"), false), WORKSPACE_ID_BAD_CHARACTER);
    CHECK_INT(workspace_id_check(SLICE_LIT("te st-x"), false), WORKSPACE_ID_BAD_CHARACTER);
    CHECK_INT(workspace_id_check(SLICE_LIT("ROOTWS"), true), WORKSPACE_ID_BAD_CHARACTER);
    CHECK_INT(workspace_id_check(SLICE_LIT("a-b\n"), false), WORKSPACE_ID_BAD_CHARACTER);
    CHECK_INT(workspace_id_check(SLICE_LIT("a-b|9"), false), WORKSPACE_ID_OK);
    memset(longest, '-', sizeof(longest));
    CHECK_INT(workspace_id_check(slice_make(longest, WORKSPACE_ID_MAX), false), WORKSPACE_ID_OK);
    CHECK_INT(workspace_id_check(slice_make(longest, WORKSPACE_ID_MAX + 1), false),
              WORKSPACE_ID_TOO_LONG);
}

CASES(RUN(addresses_resolve_as_the_table_says), RUN(absolute_addresses_split_once),
      RUN(client_ids_that_are_refused), RUN(workspace_ids_fail_in_order))
