/* What a token descends from, and how long what is made of it may live. */
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

static bool descends(const struct token *t, const struct token *from)
{
    return lineage_has(&t->user->lineage, from->digest);
}

/* req: S-142 */
CASE(reconnection_tokens_of_one_login_are_revoked_together)
{
    struct token first = forge_accept(forge("\"sub\":\"u1\"")), t[4];
    uint8_t by[4][32];

    CHECK(!token_revoked_by(&first, by[0]));
    CHECK_INT(memcmp(by[0], first.digest, 32), 0);
    for (int i = 0; i < 2; i++) { /* two connections by one login */
        struct user *joined = user_join(first.user, "ws-user-u1", PERMISSION_ADMIN, "c1");
        lineage_begin_session(&joined->lineage);
        t[i] = forge_accept(token_mint_reconnection(&forge_keys, joined, 60));
        t[i + 2] = forge_accept(token_mint_reconnection(&forge_keys, joined, 61));
        user_unref(joined);
    }
    for (int i = 0; i < 4; i++)
        CHECK(token_revoked_by(&t[i], by[i]) && descends(&t[i], &first) &&
              !lineage_has(&first.user->lineage, by[i]));
    CHECK_INT(memcmp(by[0], by[2], 32), 0);
    CHECK_INT(memcmp(by[1], by[3], 32), 0);
    CHECK(memcmp(by[0], by[1], 32) != 0);
    /* However often it is continued, and by what is made then: the line grows by the session
     * alone. */
    struct user *joined = user_join(t[0].user, "ws-user-u1", PERMISSION_ADMIN, "c1");
    lineage_begin_session(&joined->lineage);
    struct token later = forge_accept(token_mint_reconnection(&forge_keys, joined, 60)),
                 child =
                     forge_accept(token_mint_from(&forge_keys, joined, joined, &joined->scope, 60));
    CHECK(lineage_has(&later.user->lineage, by[0]) && lineage_has(&child.user->lineage, by[0]));
    CHECK_INT(later.user->lineage.n, 2);
    CHECK_INT(child.user->lineage.n, 3);
    token_deinit(&child);
    token_deinit(&later);
    user_unref(joined);
    /* One of an earlier release: its own digest is what its followers have in common. */
    struct token old = forge_accept(token_mint_reconnection(&forge_keys, first.user, 60));
    CHECK(!token_revoked_by(&old, by[0]));
    joined = user_join(old.user, "ws-user-u1", PERMISSION_ADMIN, "c1");
    lineage_begin_session(&joined->lineage);
    later = forge_accept(token_mint_reconnection(&forge_keys, joined, 60));
    CHECK(lineage_has(&later.user->lineage, by[0]));
    token_deinit(&later);
    user_unref(joined);
    token_deinit(&old);
    for (int i = 0; i < 4; i++)
        token_deinit(&t[i]);
    token_deinit(&first);
}

/* req: A-040 */
CASE(a_reconnection_token_continues_a_login)
{
    struct token first = forge_accept(forge("\"sub\":\"u1\""));

    CHECK_INT(first.user->lineage.n, 1);
    CHECK(first.user->lineage.is_known && !first.user->lineage.is_continuation);
    struct token t = forge_accept(token_mint_reconnection(&forge_keys, first.user, 60));
    CHECK(descends(&t, &first) && descends(&t, &t));
    CHECK(t.user->lineage.is_continuation);
    /* However often it is continued: the line does not grow. */
    struct token later = forge_accept(token_mint_reconnection(&forge_keys, t.user, 61));
    CHECK(descends(&later, &first) && !descends(&later, &t));
    CHECK_INT(later.user->lineage.n, 2);
    token_deinit(&later);
    token_deinit(&t);
    token_deinit(&first);
}

/* req: A-040 */
CASE(a_minted_token_says_what_it_descends_from)
{
    struct token first = forge_accept(forge("\"sub\":\"u1\"")), line[LINEAGE_MAX];

    line[0] = first;
    for (unsigned i = 1; i < LINEAGE_MAX; i++) {
        line[i] = forge_accept(
            token_mint_from(&forge_keys, line[i - 1].user, first.user, &first.user->scope, 60 + i));
        for (unsigned k = 0; k <= i; k++)
            CHECK(descends(&line[i], &line[k]));
        CHECK_INT(line[i].user->lineage.n, i + 1);
    }
    struct token end =
        forge_accept(token_mint_reconnection(&forge_keys, line[LINEAGE_MAX - 1].user, 60));
    CHECK_INT(end.user->lineage.n, LINEAGE_MAX + 1);
    struct token again = forge_accept(token_mint_reconnection(&forge_keys, end.user, 61));
    CHECK(descends(&again, &first));
    token_deinit(&again);
    token_deinit(&end);
    for (unsigned i = 0; i < LINEAGE_MAX; i++)
        token_deinit(&line[i]);
}

/* A reconnection of a reconnection, and so on: how long it may live does not move. */
static void reconnections_end_at(const struct user *u, int64_t until)
{
    struct user *joined = user_join(u, "w-1", PERMISSION_READ, "c1");

    for (int i = 0; i < 3; i++) {
        struct token t = forge_accept(token_mint_reconnection(&forge_keys, joined, 100000));
        CHECK(t.user->lineage.is_continuation);
        CHECK_INT(t.user->lineage.until, until);
        CHECK_INT(t.expires_at, until);
        user_unref(joined);
        joined = user_join(t.user, "w-1", PERMISSION_READ, "c1");
        token_deinit(&t);
    }
    user_unref(joined);
}

/* req: S-120 */
CASE(a_reconnection_ends_with_the_child_it_came_by)
{
    struct token kid = forge_accept(forge(
        "\"sub\":\"k\",\"https://amun.ai/parent\":\"p\",\"scope\":\"ws:w-1#r cid:c1 wid:w-1\""));
    struct token login = forge_accept(forge("\"sub\":\"p\",\"scope\":\"cid:c1\""));
    struct user *anonymous = user_new_anonymous("c1");

    CHECK_TEXT(kid.user->lineage.client_id, "c1");
    CHECK_INT(kid.user->lineage.until, kid.expires_at);
    CHECK_INT(login.user->lineage.until, 0);
    CHECK(!login.user->lineage.client_id);
    reconnections_end_at(kid.user, kid.expires_at);
    for (int i = 0; i < 2; i++) {
        struct token t =
            forge_accept(token_mint_reconnection(&forge_keys, i ? login.user : anonymous, 100000));
        CHECK_INT(t.user->lineage.until, 0);
        CHECK(t.expires_at > clock_wall_ms() / 1000 + 99000);
        CHECK_INT(token_life(&forge_keys, t.user, TOKEN_RECONNECTION, 200000), 200000);
        token_deinit(&t);
    }
    user_unref(anonymous);
    token_deinit(&kid);
    token_deinit(&login);
}

/* req: S-120 D-04 */
CASE(one_rule_says_how_long_what_is_made_may_live)
{
    struct token kid = forge_accept(
        forge("\"sub\":\"k\",\"https://amun.ai/parent\":\"p\",\"scope\":\"ws:w-1#r wid:w-1\""));
    struct token login = forge_accept(forge("\"sub\":\"p\""));
    struct user *anonymous = user_new_anonymous("c1"), *root = user_new_root("ws-user-root");
    struct scope none = {0};
    int64_t left = kid.expires_at - clock_wall_ms() / 1000, long_s = 10 * left;

    for (int kind = TOKEN_CHILD; kind <= TOKEN_RECONNECTION; kind++) {
        int64_t life = token_life(&forge_keys, kid.user, (enum token_kind)kind, long_s);
        CHECK(life <= left && life > left - 10);
        CHECK_INT(token_life(&forge_keys, root, (enum token_kind)kind, long_s), long_s);
    }
    for (int kind = TOKEN_CHILD; kind <= TOKEN_RECONNECTION; kind++)
        CHECK_INT(token_life(&forge_keys, login.user, (enum token_kind)kind, long_s), long_s);
    CHECK_INT(token_life(&forge_keys, anonymous, TOKEN_CHILD, 1000000), TOKEN_ANONYMOUS_LIFE_MAX_S);
    CHECK_INT(token_life(&forge_keys, anonymous, TOKEN_RECONNECTION, 1000000), 1000000);
    kid.user->lineage.until = 1;
    CHECK(!token_mint_reconnection(&forge_keys, kid.user, 100));
    CHECK(!token_mint_from(&forge_keys, kid.user, kid.user, &none, 100));
    user_unref(anonymous);
    user_unref(root);
    token_deinit(&kid);
    token_deinit(&login);
}

/* req: S-120 */
CASE(a_reconnection_token_that_says_it_goes_on_longer_does_not)
{
    static const char of[] =
        "\"sub\":\"k\",\"https://amun.ai/lineage\":{\"of\":[%s],\"continues\":true%s}";
    static const char digest[] = "\"AAAAAAAAAAAAAAAAAAAAAA==\"";
    char members[512];

    (void)snprintf(members, sizeof(members), of, digest, ",\"until\":1");
    forge_refused_free(forge(members), TOKEN_HAS_EXPIRED);
    (void)snprintf(members, sizeof(members), of, digest, ""); /* of a login */
    struct token t = forge_accept(forge(members));
    CHECK_INT(t.user->lineage.until, 0);
    token_deinit(&t);
}

/* req: S-128 */
CASE(what_root_continues_by_ends_with_the_root_token)
{
    struct token_keys keys = forge_keys, changed;
    char error[TOKEN_ERROR_MAX], *text;
    struct token t;

    keys.root_token = SLICE_LIT("zq8Yw3Nn5Kc0Xv7Lr2Tj6Hd4Bs9Pm1Gf");
    CHECK_INT(token_parse(&keys, keys.root_token, &t, error), TOKEN_OK);
    for (int i = 0; i < 3; i++) { /* by the root token, and by what that has made */
        struct user *joined = user_join(t.user, "ws-user-root", PERMISSION_ADMIN, "c1");
        text = token_mint_reconnection(&keys, joined, 3600);
        user_unref(joined);
        token_deinit(&t);
        changed = keys;
        changed.root_token = i == 0 ? SLICE_LIT("") : SLICE_LIT("Aq8Yw3Nn5Kc0Xv7Lr2Tj6Hd4Bs9Pm1Gf");
        CHECK_INT(token_parse(&changed, slice_of(text), &t, error), TOKEN_INVALID);
        CHECK(!t.user);
        CHECK_INT(token_parse(&keys, slice_of(text), &t, error), TOKEN_OK);
        CHECK(lineage_is_by_root(&t.user->lineage, keys.root_token));
        mem_free(text);
    }
    /* a token of its own does not */
    text = token_mint_from(&keys, t.user, t.user, &t.user->scope, 3600);
    token_deinit(&t);
    CHECK_INT(token_parse(&forge_keys, slice_of(text), &t, error), TOKEN_OK);
    token_deinit(&t);
    mem_free(text);
    forge_refused_free(forge("\"sub\":\"root\",\"scope\":\"ws:*#a\",\"https://amun.ai/"
                             "lineage\":{\"of\":[],\"continues\":true}"),
                       "The root token this one comes from is none any more");
}

CASE(a_lineage_that_is_none_is_refused)
{
    static const char *const bad[] = {"7",
                                      "\"short\"",
                                      "[]",
                                      "{}",
                                      "{\"of\":7}",
                                      "{\"of\":[\"short\"]}",
                                      "{\"of\":[7]}",
                                      "{\"of\":[],\"until\":\"x\"}",
                                      "{\"of\":[],\"until\":-1}",
                                      "{\"of\":[],\"client\":\"\"}"};
    char members[1024];
    size_t n;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)snprintf(members, sizeof(members), "\"sub\":\"u1\",\"https://amun.ai/lineage\":%s",
                       bad[i]);
        forge_refused_free(forge(members), "lineage should be");
    }
    n = (size_t)snprintf(members, sizeof(members),
                         "\"sub\":\"u1\",\"https://amun.ai/lineage\":{\"of\":[");
    for (unsigned i = 0; i < LINEAGE_MAX + 1; i++)
        n += (size_t)snprintf(members + n, sizeof(members) - n, "%s\"AAAAAAAAAAAAAAAAAAAAAA==\"",
                              i ? "," : "");
    (void)snprintf(members + n, sizeof(members) - n, "]}");
    forge_refused_free(forge(members), "lineage should be");
}

CASES(RUN(reconnection_tokens_of_one_login_are_revoked_together),
      RUN(a_reconnection_token_continues_a_login), RUN(a_minted_token_says_what_it_descends_from),
      RUN(a_reconnection_ends_with_the_child_it_came_by),
      RUN(one_rule_says_how_long_what_is_made_may_live),
      RUN(a_reconnection_token_that_says_it_goes_on_longer_does_not),
      RUN(what_root_continues_by_ends_with_the_root_token), RUN(a_lineage_that_is_none_is_refused))
