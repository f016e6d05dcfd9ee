#include "auth/user.h"

#include <stdio.h>

#include "auth/scope.h"
#include "auth/user_mp.h"
#include "base/memory.h"
#include "harness/check.h"
#include "wire/json.h"
#include "wire/mp.h"

/* The user as JSON; the caller frees it. */
static char *show(const struct user *u, bool with_scope)
{
    struct buf map, json;

    buf_init(&map, 0);
    buf_init(&json, 0);
    user_add_mp(&map, u, with_scope);
    CHECK_INT(json_from_mp(buf_slice(&map), &json), JSON_OK);
    buf_deinit(&map);
    return buf_take(&json);
}

static void expect(const struct user *u, bool with_scope, const char *wanted)
{
    char *text = show(u, with_scope);

    CHECK_TEXT(text, wanted);
    mem_free(text);
}

CASE(root_may_do_all)
{
    struct user *u = user_new_root("*");

    expect(u, true,
           "{\"id\":\"root\",\"roles\":[\"admin\"],\"is_anonymous\":false,\"scope\":{\"current_"
           "workspace\":\"*\","
           "\"workspaces\":{\"*\":\"a\"},\"client_id\":null,\"extra_scopes\":null},\"email\":null,"
           "\"parent\":null,"
           "\"expires_at\":null,\"current_workspace\":\"*\"}");
    CHECK_INT(user_permission(u, SLICE_LIT("any-where")), PERMISSION_ADMIN);
    user_unref(u);
}

CASE(anonymous_users_never_meet)
{
    char personal[USER_WORKSPACE_MAX];
    struct user *a = user_new_anonymous("c1"), *b = user_new_anonymous("c1");

    CHECK(slice_starts(slice_of(a->id), "anonymouz-"));
    CHECK(strcmp(a->id, b->id) != 0);
    CHECK(a->is_anonymous && user_has_role(a, "anonymous"));
    user_personal_workspace(a, personal);
    CHECK_INT(user_permission(a, slice_of(personal)), PERMISSION_ADMIN);
    CHECK_INT(user_permission(b, slice_of(personal)), PERMISSION_NONE);
    CHECK_TEXT(a->scope.client_id, "c1");
    CHECK(!a->current_workspace && !a->scope.has_extras && a->expires_at > 0);
    user_unref(a);
    user_unref(b);
    a = user_new_http_anonymous();
    CHECK_TEXT(a->id, "anonymouz-http");
    CHECK_INT(user_permission(a, SLICE_LIT("ws-anonymous")), PERMISSION_READ);
    user_unref(a);
}

CASE(the_stronger_grant_counts)
{
    struct user *u = user_new_http_anonymous();

    scope_grant(&u->scope, "*", PERMISSION_READ_WRITE);
    scope_grant(&u->scope, "w-1", PERMISSION_ADMIN);
    CHECK_INT(user_permission(u, SLICE_LIT("ws-anonymous")), PERMISSION_READ_WRITE);
    CHECK_INT(user_permission(u, SLICE_LIT("w-1")), PERMISSION_ADMIN);
    CHECK_INT(user_permission(u, SLICE_LIT("w-2")), PERMISSION_READ_WRITE);
    CHECK_INT(user_permission(u, SLICE_LIT("*")), PERMISSION_READ_WRITE);
    CHECK(!user_is_specialized(u));
    scope_add_extra(&u->scope, SLICE_LIT("openid"));
    CHECK(!user_is_specialized(u));
    scope_add_extra(&u->scope, SLICE_LIT("get_file:a:b"));
    CHECK(user_is_specialized(u));
    user_unref(u);
}

CASE(joining_makes_a_new_version)
{
    struct user *u = user_new_http_anonymous();
    struct user *owner = user_join(u, "w-1", PERMISSION_ADMIN, "c1");
    struct user *again = user_join(owner, "ws-anonymous", PERMISSION_ADMIN, NULL);

    /* the old one is untouched */
    CHECK_INT(user_permission(u, SLICE_LIT("w-1")), PERMISSION_NONE);
    CHECK_INT(user_permission(owner, SLICE_LIT("w-1")), PERMISSION_ADMIN);
    CHECK_TEXT(owner->scope.current_workspace, "w-1");
    CHECK_TEXT(owner->scope.client_id, "c1");
    CHECK(!owner->current_workspace);
    /* a weaker grant is not lifted */
    CHECK_INT(user_permission(again, SLICE_LIT("ws-anonymous")), PERMISSION_READ);
    CHECK(!again->scope.client_id);
    user_unref(u);
    user_unref(owner);
    user_unref(again);
    u = user_new_root("ws-user-root");
    owner = user_join(u, "w-1", PERMISSION_NONE, "c");
    /* "*" covers it; the grant is written out as the original does */
    CHECK_INT(owner->scope.n_grants, 2);
    user_unref(u);
    user_unref(owner);
}

static struct user *read_back(const struct user *u, bool with_scope)
{
    struct buf map;

    buf_init(&map, 0);
    user_add_mp(&map, u, with_scope);
    struct user *back = user_from_mp(buf_slice(&map));
    CHECK(back);
    buf_deinit(&map);
    return back;
}

CASE(a_stamped_user_is_read_back)
{
    struct user *u = user_new_anonymous("c1");

    u->email = mem_copy("a@b.c", 5);
    u->parent = mem_copy("p", 1);
    scope_add_extra(&u->scope, SLICE_LIT("openid"));
    struct user *back = read_back(u, true), *bare = read_back(u, false);
    char *text = show(u, true);
    expect(back, true, text);
    CHECK_INT(bare->scope.n_grants, 0);
    CHECK_TEXT(user_effective_id(back), "p");
    mem_free(text);
    user_unref(u);
    user_unref(back);
    user_unref(bare);
}

CASE(what_is_sealed_is_read_back_by_the_manager_alone)
{
    struct user *u = user_new_anonymous("c1");
    struct buf map, sealed;

    buf_init(&map, 0);
    buf_init(&sealed, 0);
    u->origin = mem_copy("0123456789abcdef", USER_ORIGIN_LEN);
    user_add_mp(&map, u, true);
    user_add_sealed_mp(&sealed, buf_slice(&map), u);
    struct user *plain = user_from_mp(buf_slice(&map)), *back = user_from_mp(buf_slice(&sealed));
    CHECK(plain && back && !plain->origin && back->origin);
    CHECK(memcmp(back->origin, u->origin, USER_ORIGIN_LEN) == 0);
    buf_deinit(&map);
    buf_deinit(&sealed);
    user_unref(u);
    user_unref(plain);
    user_unref(back);
}

CASE(other_maps_are_no_users)
{
    static const char *const bad[] = {
        "[]",
        "{}",
        "{\"id\":\"\"}",
        "{\"id\":1}",
        "{\"id\":\"a\",\"roles\":[1]}",
        "{\"id\":\"a\",\"email\":1}",
        "{\"id\":\"a\",\"scope\":[]}",
        "{\"id\":\"a\",\"scope\":{\"workspaces\":{\"w-1\":\"x\"}}}",
        "{\"id\":\"a\\u0000b\"}",
        "{\"id\":\"a\",\"scope\":{\"extra_scopes\":[1]}}",
        "{\"id\":\"a\",\"expires_at\":-1}",
    };
    struct buf map;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        buf_init(&map, 0);
        CHECK_INT(json_to_mp(slice_of(bad[i]), &map, NULL), JSON_OK);
        struct user *u = user_from_mp(buf_slice(&map));
        if (u)
            check_fail(__FILE__, __LINE__, "%s was accepted", bad[i]);
        buf_deinit(&map);
    }
}

CASES(RUN(root_may_do_all), RUN(anonymous_users_never_meet), RUN(the_stronger_grant_counts),
      RUN(joining_makes_a_new_version), RUN(a_stamped_user_is_read_back),
      RUN(what_is_sealed_is_read_back_by_the_manager_alone), RUN(other_maps_are_no_users))
