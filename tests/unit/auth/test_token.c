#include "auth/token.h"

#include <stdlib.h>

#include "auth/scope.h"
#include "auth/user.h"
#include "base/clock.h"
#include "base/memory.h"
#include "harness/check.h"
#include "unit/auth/forge.h"
#include "wire/json.h"
#include "wire/mp.h"

/* req: A-038 */
CASE(a_login_token_names_a_person)
{
    struct token t = forge_accept(forge(
        "\"sub\":\"u1\",\"scope\":\"ws:w-1#rw openid\",\"https://amun.ai/roles\":[\"editor\"],"
        "\"https://amun.ai/email\":\"u1@x.org\""));

    CHECK_TEXT(t.user->id, "u1");
    CHECK_TEXT(t.user->email, "u1@x.org");
    CHECK(user_has_role(t.user, "editor") && !t.user->is_anonymous);
    CHECK_INT(user_permission(t.user, SLICE_LIT("w-1")), PERMISSION_READ_WRITE);
    CHECK_INT(user_permission(t.user, SLICE_LIT("ws-user-u1")), PERMISSION_ADMIN);
    CHECK(!t.has_workspace && !t.has_client_id && !t.is_root);
    CHECK_INT(t.expires_at, t.user->expires_at);
    token_deinit(&t);
    /* no scope claim: nothing but one's own */
    t = forge_accept(forge("\"sub\":\"u1\""));
    CHECK_INT(t.user->scope.n_grants, 1);
    token_deinit(&t);
    t = forge_accept(forge("\"sub\":\"u1\",\"scope\":\"cid:c1 wid:w-1\""));
    CHECK(t.has_workspace && t.has_client_id);
    CHECK_TEXT(t.user->current_workspace, "w-1");
    CHECK_TEXT(t.user->scope.client_id, "c1");
    token_deinit(&t);
}

CASE(a_child_inherits_no_power)
{
    struct token t = forge_accept(forge("\"sub\":\"kid\",\"scope\":\"ws:w-1#r "
                                        "wid:w-1\",\"https://amun.ai/roles\":[\"admin\",\"x\"],"
                                        "\"https://amun.ai/parent\":\"u1\""));

    CHECK_TEXT(user_effective_id(t.user), "u1");
    CHECK_INT(t.user->scope.n_grants, 1);
    CHECK(!user_has_role(t.user, "admin") && user_has_role(t.user, "x"));
    /* D-03, A-033 */
    CHECK_INT(user_permission(t.user, SLICE_LIT("w-2")), PERMISSION_NONE);
    CHECK_INT(user_permission(t.user, SLICE_LIT("ws-user-kid")), PERMISSION_NONE);
    token_deinit(&t);
    t = forge_accept(forge("\"sub\":\"kid\",\"scope\":\"ws:*#a\",\"https://amun.ai/"
                           "roles\":[\"admin\"],\"https://amun.ai/parent\":\"root\""));
    CHECK(user_has_role(t.user, "admin"));
    token_deinit(&t);
    t = forge_accept(forge("\"sub\":\"boss\",\"https://amun.ai/roles\":[\"admin\"]"));
    CHECK_INT(user_permission(t.user, SLICE_LIT("w-2")), PERMISSION_ADMIN);
    token_deinit(&t);
}

/* req: A-034 A-035 */
CASE(claims_are_checked)
{
    static const char head[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    static const char parties[] = "\"iss\":\"https://amun.ai/\",\"aud\":\"https://"
                                  "amun-ai.eu.auth0.com/api/v2/\",\"sub\":\"u\"";
    char claims[512];

    (void)snprintf(claims, sizeof(claims), "{%s,\"exp\":%lld}", parties,
                   (long long)(clock_wall_ms() / 1000 - 1));
    forge_refused_free(forge_with(head, claims, FORGE_SECRET),
                       "The token has expired. Please fetch a new one");
    (void)snprintf(claims, sizeof(claims), "{%s}", parties);
    forge_refused_free(forge_with(head, claims, FORGE_SECRET), "exp");
    (void)snprintf(claims, sizeof(claims), "{%s,\"exp\":\"9999999999\"}", parties);
    forge_refused_free(forge_with(head, claims, FORGE_SECRET), "exp");
    (void)snprintf(claims, sizeof(claims), "{%s,\"exp\":1e300}", parties);
    forge_refused_free(forge_with(head, claims, FORGE_SECRET), "exp");
    forge_refused_free(forge("\"sub\":\"u\",\"nbf\":9999999999"), "not yet valid");
    forge_refused_free(forge("\"sub\":\"u\",\"aud\":\"other\""), "Invalid audience");
    forge_refused_free(forge("\"sub\":\"u\",\"aud\":[\"other\",1]"), "Invalid audience");
    forge_refused_free(forge("\"sub\":\"u\",\"iss\":\"https://amun.ai\""), "Invalid issuer");
    forge_refused_free(forge("\"sub\":\"u\",\"iss\":[\"https://amun.ai/\"]"), "Invalid issuer");
    forge_refused_free(forge("\"scope\":\"\""), "1 validation error for UserInfo");
    forge_refused_free(forge("\"sub\":\"\""), "1 validation error for UserInfo");
    forge_refused_free(forge("\"sub\":7"), "1 validation error for UserInfo");
    forge_refused_free(forge("\"sub\":\"a\\u0000b\""), "");
    forge_refused_free(forge("\"sub\":\"u\",\"scope\":\"ws:w-1\""), "scope");
    forge_refused_free(forge("\"sub\":\"u\",\"scope\":[]"), "scope");
    forge_refused_free(forge("\"sub\":\"u\",\"https://amun.ai/roles\":\"admin\""),
                       "1 validation error for UserInfo");
    struct token t = forge_accept(forge(
        "\"sub\":\"u\",\"aud\":[\"other\",\"https://amun-ai.eu.auth0.com/api/v2/\"],\"nbf\":1"));
    token_deinit(&t);
}

/* req: A-036 */
CASE(the_token_does_not_choose_the_algorithm)
{
    static const char *const names[] = {"none",  "HS512", "HS384", "RS256", "RS512",
                                        "ES256", "hs256", "None",  ""};
    static const char claims[] = "{\"sub\":\"u\"}";
    char head[64], wanted[64];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(head, sizeof(head), "{\"alg\":\"%s\",\"typ\":\"JWT\"}", names[i]);
        (void)snprintf(wanted, sizeof(wanted), "Invalid algorithm: %s", names[i]);
        forge_refused_free(forge_with(head, claims, FORGE_SECRET), wanted);
    }
    forge_refused_free(forge_with("{\"alg\":\"HS256\",\"alg\":\"none\"}", claims, FORGE_SECRET),
                       "Invalid algorithm: none");
    forge_refused_free(forge_with("{\"typ\":\"JWT\"}", claims, FORGE_SECRET),
                       "Error decoding token");
    forge_refused_free(forge_with("[]", claims, FORGE_SECRET), "Error decoding token");
    forge_refused_free(forge_with("{\"alg\":\"HS256\"}", claims, "another secret"),
                       "Signature verification failed");
}

CASE(what_is_no_token_is_refused)
{
    forge_refused("", "Authorization is required");
    forge_refused("  \t ", "Authorization is required");
    forge_refused("Bearer", "Token not found");
    forge_refused("Bearer a b", "Authorization header must be 'Bearer' token");
    forge_refused("abc", "Error decoding token");
    forge_refused("a.b.c", "Error decoding token");
    forge_refused("..", "Error decoding token");
    forge_refused("a.b.c.d", "Error decoding token");
    forge_refused("eyJhbGciOiJIUzI1NiJ9..", "Error decoding token");
}

/* Every token that differs from a good one in one character is refused, or is that token for
 * revocation too. */
CASE(no_altered_token_dodges_revocation)
{
    char *good = forge("\"sub\":\"u1\",\"scope\":\"ws:w-1#rw\"");
    size_t len = strlen(good);
    char error[TOKEN_ERROR_MAX];
    struct token t, other;

    CHECK_INT(token_parse(&forge_keys, slice_of(good), &t, error), TOKEN_OK);
    for (size_t i = 0; i < len; i++) {
        for (const char *c = "AQZgw059-_=+/. "; *c; c++) {
            char kept = good[i];
            good[i] = *c;
            if (*c != kept && token_parse(&forge_keys, slice_of(good), &other, error) == TOKEN_OK) {
                CHECK_BYTES(other.digest, 32, t.digest, 32);
                token_deinit(&other);
            }
            good[i] = kept;
        }
    }
    static const char *const forms[] = {"Bearer %s",  "bearer   %s ", "  %s\r\n",
                                        "BEARER\t%s", "%s=",          "%s=="};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct buf b;
        buf_init(&b, 0);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        buf_add_fmt(&b, forms[i], good);
#pragma GCC diagnostic pop
        int r = token_parse(&forge_keys, buf_slice(&b), &other, error);
        CHECK(i >= 4 || r == TOKEN_OK);
        if (r == TOKEN_OK) {
            CHECK_BYTES(other.digest, 32, t.digest, 32);
            token_deinit(&other);
        }
        buf_deinit(&b);
    }
    for (size_t n = 0; n < len; n++)
        CHECK(token_parse(&forge_keys, slice_make(good, n), &other, error) != TOKEN_OK);
    token_deinit(&t);
    mem_free(good);
}

CASE(the_root_token_is_root)
{
    struct token_keys keys = forge_keys;
    char error[TOKEN_ERROR_MAX];
    struct token t;

    keys.root_token = SLICE_LIT("zq8Yw3Nn5Kc0Xv7Lr2Tj6Hd4Bs9Pm1Gf");
    CHECK_INT(token_parse(&keys, SLICE_LIT("Bearer zq8Yw3Nn5Kc0Xv7Lr2Tj6Hd4Bs9Pm1Gf"), &t, error),
              TOKEN_OK);
    CHECK(t.is_root && t.has_workspace && t.expires_at == 0);
    CHECK_TEXT(t.user->id, "root");
    CHECK_TEXT(t.user->current_workspace, "ws-user-root");
    token_deinit(&t);
    CHECK(token_parse(&keys, SLICE_LIT("zq8Yw3Nn5Kc0Xv7Lr2Tj6Hd4Bs9Pm1G"), &t, error) != TOKEN_OK);
    CHECK(token_parse(&keys, SLICE_LIT(""), &t, error) != TOKEN_OK);
}

/* Header and payload of a token, decoded; the caller frees it. */
static char *decoded(struct slice part)
{
    struct buf b;

    buf_init(&b, 0);
    CHECK(base64_decode(part, &b));
    return buf_take(&b);
}

/* The claim set of 3.2, as other servers with the same secret read it. req: A-020 */
CASE(the_claims_are_those_of_the_original)
{
    struct token t = forge_accept(
        forge("\"sub\":\"kid\",\"scope\":\"ws:w-1#rw wid:w-1\",\"https://amun.ai/roles\":[\"r\"],"
              "\"https://amun.ai/email\":\"a@b.org\",\"https://amun.ai/parent\":\"alice\""));
    char *text = token_mint(&forge_keys, t.user, &t.user->scope, 3600), wanted[600];
    struct slice head, rest, payload, signature;
    long long now = clock_wall_ms() / 1000;

    CHECK(slice_cut(slice_of(text), '.', &head, &rest) &&
          slice_cut(rest, '.', &payload, &signature));
    char *header = decoded(head), *claims = decoded(payload);
    CHECK(strstr(header, "\"alg\":\"HS256\"") && strstr(header, "\"typ\":\"JWT\""));
    /* the clock may have moved on since */
    for (long long at = now - 2; at <= now; at++) {
        (void)snprintf(wanted, sizeof(wanted),
                       "{\"aud\":\"https://amun-ai.eu.auth0.com/api/v2/"
                       "\",\"exp\":%lld,\"gty\":\"client-credentials\","
                       "\"https://amun.ai/email\":\"a@b.org\",\"https://amun.ai/"
                       "parent\":\"alice\",\"https://amun.ai/roles\":[\"r\"],"
                       "\"iat\":%lld,\"iss\":\"https://amun.ai/\",\"scope\":\"ws:w-1#rw "
                       "wid:w-1\",\"sub\":\"kid\"}",
                       at + 3600, at);
        if (strcmp(wanted, claims) == 0)
            break;
    }
    CHECK_TEXT(claims, wanted);
    mem_free(text), mem_free(header), mem_free(claims);
    token_deinit(&t);
}

CASE(minted_tokens_come_back)
{
    struct token t =
        forge_accept(forge("\"sub\":\"alice\",\"https://amun.ai/email\":\"alice@example.org\""));
    struct user *joined = user_join(t.user, "alice-two", PERMISSION_ADMIN, "rc1");
    char *text = token_mint(&forge_keys, joined, &joined->scope, 172800);
    struct buf out;

    CHECK(text);
    CHECK(slice_starts(slice_of(text), "eyJ"));
    struct token back = forge_accept(text);
    CHECK_TEXT(back.user->id, "alice");
    CHECK_TEXT(back.user->email, "alice@example.org");
    CHECK(back.has_workspace && back.has_client_id && !back.user->parent);
    buf_init(&out, 0);
    scope_format(&back.user->scope, &out);
    buf_add_byte(&out, '\0');
    /* 3.8 */
    CHECK_TEXT(out.ptr, "ws:ws-user-alice#a ws:alice-two#a cid:rc1 wid:alice-two");
    int64_t life = back.expires_at - clock_wall_ms() / 1000;
    CHECK(life > 172790 && life <= 172800);
    buf_deinit(&out);
    token_deinit(&back);
    token_deinit(&t);
    user_unref(joined);
}

/* A name from an identity provider that reads as a grant once it stands in a scope claim. */
CASE(no_name_is_a_grant)
{
    struct token t = forge_accept(forge("\"sub\":\"x#a ws:victim\",\"scope\":\"ws:w-1#r\""));
    char *text = token_mint(&forge_keys, t.user, &t.user->scope, 60);

    CHECK(text);
    struct token again = forge_accept(text);
    CHECK_INT(again.user->scope.n_grants, 1);
    CHECK_INT(user_permission(again.user, SLICE_LIT("victim")), PERMISSION_NONE);
    token_deinit(&again);
    struct user *joined = user_join(t.user, "w-1", PERMISSION_READ, "c ws:victim#a");
    CHECK(!token_mint(&forge_keys, joined, &joined->scope, 60));
    user_unref(joined);
    token_deinit(&t);
}

/* req: S-107 */
CASE(a_clock_that_is_set_back_makes_no_token_good_again)
{
    struct token_keys keys = forge_keys;
    char error[TOKEN_ERROR_MAX];
    struct token t;
    struct user *root = user_new_root("*");
    char *text = token_mint(&keys, root, &root->scope, 3600);

    user_unref(root);
    keys.since_ms = clock_mono_ms();
    /* a minute less than an hour ahead: not yet */
    keys.since_wall_ms = clock_wall_ms() + 3599000 - 60000;
    CHECK_INT(token_parse(&keys, slice_of(text), &t, error), TOKEN_OK);
    token_deinit(&t);
    /* set back since, by more than it is good for */
    keys.since_wall_ms = clock_wall_ms() + 3601000;
    CHECK_INT(token_parse(&keys, slice_of(text), &t, error), TOKEN_INVALID);
    CHECK_TEXT(error, TOKEN_HAS_EXPIRED);
    /* it was behind: the wall clock says what it is */
    keys.since_wall_ms = clock_wall_ms() - 7200000;
    CHECK_INT(token_parse(&keys, slice_of(text), &t, error), TOKEN_OK);
    token_deinit(&t);
    CHECK(llabs(token_now_ms(&keys) - clock_wall_ms()) < 1000);
    mem_free(text);
}

CASE(a_token_too_long_is_not_made)
{
    struct user *u = user_new_root("*");

    for (int i = 0; i < 1000; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "some-workspace-%d", i);
        scope_grant(&u->scope, name, PERMISSION_READ);
    }
    CHECK(!token_mint(&forge_keys, u, &u->scope, 60));
    user_unref(u);
}

/* req: S-121 */
CASE(what_has_expired_is_read_for_revoking_alone)
{
    char error[TOKEN_ERROR_MAX];
    struct token t;
    char *text = forge("\"sub\":\"u1\",\"exp\":1000");

    CHECK_INT(token_parse(&forge_keys, slice_of(text), &t, error), TOKEN_INVALID);
    CHECK_TEXT(error, TOKEN_HAS_EXPIRED);
    CHECK(!t.user);
    CHECK_INT(token_read(&forge_keys, slice_of(text), &t, error), TOKEN_OK);
    CHECK(t.has_expired);
    CHECK_TEXT(t.user->id, "u1");
    token_deinit(&t);
    mem_free(text);
}

CASES(RUN(a_login_token_names_a_person), RUN(a_child_inherits_no_power), RUN(claims_are_checked),
      RUN(the_token_does_not_choose_the_algorithm), RUN(what_is_no_token_is_refused),
      RUN(no_altered_token_dodges_revocation), RUN(the_root_token_is_root),
      RUN(the_claims_are_those_of_the_original), RUN(minted_tokens_come_back),
      RUN(no_name_is_a_grant), RUN(a_clock_that_is_set_back_makes_no_token_good_again),
      RUN(a_token_too_long_is_not_made), RUN(what_has_expired_is_read_for_revoking_alone))
