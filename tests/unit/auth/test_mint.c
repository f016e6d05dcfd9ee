#include "auth/mint.h"

#include "auth/scope.h"
#include "auth/user_mp.h"
#include "base/clock.h"
#include "harness/check.h"
#include "unit/auth/forge.h"
#include "wire/json.h"

static int read_config(const char *json, struct mint_config *ret, struct mint_error *error)
{
    struct buf map;

    *error = (struct mint_error){.class_name = "", .text = ""};
    buf_init(&map, 0);
    CHECK_INT(json_to_mp(slice_of(json), &map, NULL), JSON_OK);
    int r = mint_config_read(buf_slice(&map), SLICE_LIT("ws-user-alice"), ret, error);
    buf_deinit(&map);
    return r;
}

static void config_refused(const char *json, const char *class_name, const char *text)
{
    struct mint_config c;
    struct mint_error error;

    CHECK_INT(read_config(json, &c, &error), MINT_REFUSED);
    if (strcmp(error.class_name, class_name) != 0 || !strstr(error.text, text))
        check_fail(__FILE__, __LINE__, "%s gives %s: %s", json, error.class_name, error.text);
    CHECK(!c.workspace);
}

static struct user *user_with(const char *id, const char *parent, const char *grants)
{
    char members[512];
    char error[TOKEN_ERROR_MAX] = "";
    struct token t;

    (void)snprintf(
        members, sizeof(members),
        "\"sub\":\"%s\",\"scope\":\"%s\",\"https://amun.ai/email\":\"%s@example.org\"%s%s%s", id,
        grants, id, parent ? ",\"https://amun.ai/parent\":\"" : "", parent ? parent : "",
        parent ? "\"" : "");
    char *text = forge(members);
    int r = token_parse(&forge_keys, slice_of(text), &t, error);
    CHECK_TEXT(error, "");
    CHECK_INT(r, TOKEN_OK);
    mem_free(text);
    return t.user;
}

static struct token minted(const struct user *caller, const char *json, bool owns)
{
    struct mint_config c;
    struct mint_error error;
    struct token t;
    char *text = NULL, why[TOKEN_ERROR_MAX] = "";

    CHECK_INT(read_config(json, &c, &error), MINT_OK);
    int r = mint_child(&forge_keys, caller, &c, owns, &text, &error);
    CHECK_TEXT(error.text, "");
    CHECK_INT(r, MINT_OK);
    CHECK_INT(token_parse(&forge_keys, slice_of(text), &t, why), TOKEN_OK);
    mem_free(text);
    mint_config_deinit(&c);
    return t;
}

static void gives_scope(const struct user *caller, const char *json, bool owns, const char *wanted)
{
    struct token t = minted(caller, json, owns);
    struct buf out;

    buf_init(&out, 0);
    scope_format(&t.user->scope, &out);
    buf_add_byte(&out, '\0');
    CHECK_TEXT(out.ptr, wanted);
    buf_deinit(&out);
    token_deinit(&t);
}

static void mint_refused(const struct user *caller, const char *json, bool owns, const char *wanted)
{
    struct mint_config c;
    struct mint_error error;
    char *text = NULL;

    CHECK_INT(read_config(json, &c, &error), MINT_OK);
    CHECK_INT(mint_child(&forge_keys, caller, &c, owns, &text, &error), MINT_REFUSED);
    CHECK(!text);
    CHECK_TEXT(error.class_name, "PermissionError");
    CHECK_TEXT(error.text, wanted);
    mint_config_deinit(&c);
}

/* The table of 3.5. req: A-021 A-022 A-025 D-02 */
CASE(scopes_are_those_of_the_table)
{
    struct user *alice = user_with("alice", NULL, "");

    gives_scope(alice, "{}", false, "ws:ws-user-alice#rw wid:ws-user-alice");
    gives_scope(alice, "null", false, "ws:ws-user-alice#rw wid:ws-user-alice");
    gives_scope(alice, "{\"permission\":\"read\",\"more\":1}", false,
                "ws:ws-user-alice#r wid:ws-user-alice");
    gives_scope(alice, "{\"client_id\":\"only-me\"}", false,
                "ws:ws-user-alice#rw cid:only-me wid:ws-user-alice");
    gives_scope(alice,
                "{\"client_id\":\"only-me\",\"extra_scopes\":[\"openid\",\"x:y\"],\"permission\":"
                "\"admin\"}",
                false, "ws:ws-user-alice#a cid:only-me wid:ws-user-alice openid x:y");
    gives_scope(alice, "{\"workspace\":\"alice-team\",\"extra_scopes\":null}", true,
                "ws:alice-team#rw wid:alice-team");
    struct token t = minted(alice, "{}", false);
    CHECK_TEXT(t.user->parent, "alice");
    CHECK_TEXT(t.user->email, "alice@example.org");
    CHECK(strcmp(t.user->id, "alice") != 0);
    struct token grandchild =
        minted(t.user, "{\"permission\":\"read\",\"workspace\":\"ws-user-alice\"}", true);
    CHECK_TEXT(grandchild.user->parent, "alice");
    token_deinit(&grandchild);
    token_deinit(&t);
    user_unref(alice);
}

static int cut(const struct user *caller, const char *json, struct mint_config *c,
               struct mint_error *error)
{
    CHECK_INT(read_config(json, c, error), MINT_OK);
    return mint_config_cut(&forge_keys, caller, c, error);
}

static void life_is_cut(const struct user *caller, const char *json, int64_t wanted_s)
{
    struct mint_config c;
    struct mint_error error;

    CHECK_INT(cut(caller, json, &c, &error), MINT_OK);
    CHECK(c.life_s <= wanted_s && c.life_s >= wanted_s - 5);
    mint_config_deinit(&c);
}

static void cut_refused(const struct user *caller, const char *json, const char *class_name)
{
    struct mint_config c;
    struct mint_error error;

    CHECK_INT(cut(caller, json, &c, &error), MINT_REFUSED);
    CHECK_TEXT(error.class_name, class_name);
    mint_config_deinit(&c);
}

/* req: D-04 */
CASE(a_child_mints_nothing_that_outlives_it)
{
    struct user *alice = user_with("alice", NULL, "");
    struct user *kid = user_with("kid", "alice", "ws:ws-user-alice#a");
    struct user *bound = user_with("bound", "alice", "ws:ws-user-alice#a cid:c1");
    struct user *anon = user_new_anonymous("c"),
                *unknown = user_from_mp(SLICE_LIT("\x81\xa2id\xa1x"));
    struct mint_config c;
    struct mint_error error;
    int64_t left = kid->lineage.until - clock_wall_ms() / 1000;

    CHECK(left > 0);
    life_is_cut(alice, "{\"expires_in\":2592000}", 2592000);
    life_is_cut(kid, "{\"expires_in\":2592000}", left);
    life_is_cut(kid, "{\"expires_in\":1}", 1);
    life_is_cut(anon, "{\"expires_in\":2592000}", TOKEN_ANONYMOUS_LIFE_MAX_S);
    cut_refused(unknown, "{}", "ConnectionError");
    CHECK_INT(cut(bound, "{}", &c, &error), MINT_OK);
    CHECK_TEXT(c.client_id, "c1");
    mint_config_deinit(&c);
    cut_refused(bound, "{\"client_id\":\"c2\"}", "PermissionError");
    kid->lineage.until = 1;
    cut_refused(kid, "{}", "PermissionError");
    while (alice->lineage.n < LINEAGE_MAX)
        lineage_add(&alice->lineage, (const uint8_t[LINEAGE_DIGEST_BYTES]){1});
    cut_refused(alice, "{}", "PermissionError");
    user_unref(alice);
    user_unref(kid);
    user_unref(bound);
    user_unref(anon);
    user_unref(unknown);
}

/* req: A-033 D-03 */
CASE(root_passes_on_its_role_only_whole)
{
    struct user *root = user_new_root("ws-user-root");
    struct token t = minted(root, "{\"workspace\":\"*\",\"permission\":\"admin\"}", false);

    CHECK(user_has_role(t.user, "admin"));
    CHECK_TEXT(t.user->parent, "root");
    token_deinit(&t);
    t = minted(root, "{\"workspace\":\"*\",\"permission\":\"read_write\"}", false);
    CHECK(!user_has_role(t.user, "admin"));
    token_deinit(&t);
    t = minted(root, "{\"workspace\":\"w-1\",\"permission\":\"admin\"}", false);
    CHECK(!user_has_role(t.user, "admin"));
    CHECK_INT(user_permission(t.user, SLICE_LIT("w-2")), PERMISSION_NONE);
    token_deinit(&t);
    user_unref(root);
}

/* req: A-027 A-028 A-030 A-031 A-032 */
CASE(who_may_not_is_told)
{
    struct user *alice = user_with("alice", NULL, "ws:w-r#r ws:w-rw#rw");
    struct user *kid = user_with("kid", "alice", "ws:alice-team#rw wid:alice-team");
    struct user *reader = user_with("reader", "alice", "ws:ws-user-alice#r");
    struct user *wide = user_with("wide", NULL, "ws:*#rw");

    mint_refused(alice, "{\"workspace\":\"bob-team\"}", false,
                 "You do not have any permission for workspace: bob-team");
    mint_refused(alice, "{\"workspace\":\"*\"}", false,
                 "You do not have any permission for workspace: *");
    mint_refused(alice, "{\"workspace\":\"w-r\"}", false, "Only admin can generate token.");
    mint_refused(alice, "{\"workspace\":\"w-rw\",\"permission\":\"read\"}", false,
                 "Only admin can generate token.");
    gives_scope(alice, "{\"workspace\":\"w-r\",\"permission\":\"admin\"}", true,
                "ws:w-r#a wid:w-r");
    /* D-04 */
    mint_refused(kid, "{\"workspace\":\"alice-team\",\"permission\":\"admin\"}", true,
                 "Only admin can generate token.");
    gives_scope(kid, "{\"workspace\":\"alice-team\",\"permission\":\"read_write\"}", true,
                "ws:alice-team#rw wid:alice-team");
    mint_refused(kid, "{\"workspace\":\"alice-team\"}", false, "Only admin can generate token.");
    mint_refused(kid, "{\"workspace\":\"alice-two\"}", true,
                 "You do not have any permission for workspace: alice-two");
    mint_refused(reader, "{}", true, "Only admin can generate token.");
    gives_scope(reader, "{\"permission\":\"read\"}", true, "ws:ws-user-alice#r wid:ws-user-alice");
    /* */
    gives_scope(wide, "{\"workspace\":\"ws-user-wide\",\"permission\":\"admin\"}", false,
                "ws:ws-user-wide#a wid:ws-user-wide");
    mint_refused(alice, "{\"email\":\"a@b.org\"}", false,
                 "Only callers with the 'admin' role may set TokenConfig.email");
    struct user *root = user_new_root("ws-user-root");
    struct token t = minted(root, "{\"email\":\"a@b.org\"}", false);
    CHECK_TEXT(t.user->email, "a@b.org");
    token_deinit(&t);
    user_unref(root);
    user_unref(alice);
    user_unref(kid);
    user_unref(reader);
    user_unref(wide);
}

/* req: A-029 */
CASE(an_anonymous_user_passes_on_the_own_workspace)
{
    struct user *u = user_new_anonymous("c1");
    char personal[USER_WORKSPACE_MAX], json[400], wanted[700];

    user_personal_workspace(u, personal);
    (void)snprintf(json, sizeof(json), "{\"workspace\":\"%s\"}", personal);
    (void)snprintf(wanted, sizeof(wanted), "ws:%s#rw wid:%s", personal, personal);
    struct token t = minted(u, json, false);
    CHECK(t.user->is_anonymous);
    gives_scope(t.user, json, true, wanted);
    token_deinit(&t);
    user_unref(u);
}

/* req: A-023 */
CASE(lifetimes)
{
    static const struct {
        const char *json;
        int64_t wanted;
    } good[] = {{"{}", 3600},
                {"{\"expires_in\":0}", 3600},
                {"{\"expires_in\":null}", 3600},
                {"{\"expires_in\":60}", 60},
                {"{\"expires_in\":\"60\"}", 60},
                {"{\"expires_in\":60.0}", 60}};
    struct mint_config c;
    struct mint_error error;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        CHECK_INT(read_config(good[i].json, &c, &error), MINT_OK);
        CHECK_INT(c.life_s, good[i].wanted);
        mint_config_deinit(&c);
    }
    config_refused("{\"expires_in\":-1}", "AssertionError", "expires_in should be greater than 0");
    config_refused("{\"expires_in\":1.5}", "ValidationError", "expires_in");
    config_refused("{\"expires_in\":\"soon\"}", "ValidationError", "expires_in");
    config_refused("{\"expires_in\":9000000000000000000}", "ValidationError", "expires_in");
}

/* req: A-024 A-026 D-01 */
CASE(configs_that_would_be_grants)
{
    config_refused("{\"permission\":\"rw\"}", "ValidationError",
                   "String should match pattern '^(read|read_write|admin)$'");
    config_refused("{\"permission\":\"rw\"}", "ValidationError", "permission");
    config_refused("{\"extra_scopes\":[\"ws:victim#a\"]}", "ValueError",
                   "Invalid scope, cannot start with ws or cid");
    config_refused("{\"extra_scopes\":[\"wid:x\"]}", "ValueError", "Invalid scope");
    config_refused("{\"extra_scopes\":[\"cid:x\"]}", "ValueError", "Invalid scope");
    config_refused("{\"extra_scopes\":[\"a ws:victim#a\"]}", "ValueError", "Invalid scope");
    config_refused("{\"extra_scopes\":[1]}", "ValidationError", "extra_scopes");
    config_refused("{\"extra_scopes\":\"openid\"}", "ValidationError", "extra_scopes");
    config_refused("{\"client_id\":\"x ws:victim#a\"}", "ValueError", "Invalid client id");
    config_refused("{\"workspace\":\"w-1#a ws:victim\"}", "ValueError", "Invalid workspace name");
    config_refused("{\"workspace\":1}", "ValidationError", "workspace");
    config_refused("{\"email\":\"nobody\"}", "ValidationError", "email");
    config_refused("[]", "ValidationError", "TokenConfig");
}

CASE(extras_have_a_limit)
{
    struct buf json;

    buf_init(&json, 0);
    buf_add_text(&json, "{\"extra_scopes\":[\"a\"");
    for (int i = 0; i < MINT_EXTRAS_MAX; i++)
        buf_add_text(&json, ",\"a\"");
    buf_add_text(&json, "]}");
    char *text = buf_take(&json);
    config_refused(text, "ValueError", "Too many");
    mem_free(text);
    buf_init(&json, 0);
    buf_add_text(&json, "{\"extra_scopes\":[\"");
    for (int i = 0; i <= MINT_EXTRAS_BYTES_MAX; i++)
        buf_add_byte(&json, 'a');
    buf_add_text(&json, "\"]}");
    text = buf_take(&json);
    config_refused(text, "ValueError", "too long");
    mem_free(text);
}

CASES(RUN(a_child_mints_nothing_that_outlives_it), RUN(scopes_are_those_of_the_table),
      RUN(root_passes_on_its_role_only_whole), RUN(who_may_not_is_told), RUN(lifetimes),
      RUN(an_anonymous_user_passes_on_the_own_workspace), RUN(configs_that_would_be_grants),
      RUN(extras_have_a_limit))
