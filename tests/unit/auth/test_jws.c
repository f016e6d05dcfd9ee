/* Tokens of another issuer, checked with its key. */
#include "auth/jws.h"

#include "auth/token.h"
#include "base/memory.h"
#include "harness/check.h"
#include "unit/auth/forge.h"
#include "unit/auth/vectors.h"
#include "wire/json.h"

static void key(struct rsa_key *ret)
{
    struct buf n;

    buf_init(&n, 0);
    CHECK(base64_decode(SLICE_LIT(VECTOR_N), &n));
    CHECK(rsa_key_make(buf_slice(&n), slice_make("\1\0\1", 3), ret));
    buf_deinit(&n);
}

static struct token_keys issuer(const char *name)
{
    struct token_keys keys = forge_keys;

    keys.secret = (struct slice){NULL, 0};
    keys.issuer = name;
    return keys;
}

static int parse(const char *text, const char *name, struct token *ret, char error[TOKEN_ERROR_MAX])
{
    struct token_keys keys = issuer(name);
    struct rsa_key k;

    key(&k);
    return token_parse_rs256(&keys, &k, slice_of(text), ret, error);
}

static void refused(const char *text, const char *name, const char *reason)
{
    char error[TOKEN_ERROR_MAX] = "";
    struct token t;

    CHECK_INT(parse(text, name, &t, error), TOKEN_INVALID);
    CHECK(!t.user);
    if (!strstr(error, reason))
        check_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", error, reason);
}

/* req: A-037 */
CASE(a_token_signed_by_the_key_names_a_person)
{
    char error[TOKEN_ERROR_MAX] = "", id[JWKS_ID_MAX];
    struct token t;

    CHECK(token_names_key(SLICE_LIT(VECTOR_TOKEN), id));
    CHECK_TEXT(id, "k1");
    CHECK_INT(parse(VECTOR_TOKEN, "https://issuer.test/", &t, error), TOKEN_OK);
    CHECK_TEXT(t.user->id, "ann");
    CHECK(user_has_role(t.user, "editor"));
    CHECK_INT(t.expires_at, 4102444800);
    CHECK_INT(user_permission(t.user, SLICE_LIT("ws-user-ann")), PERMISSION_ADMIN);
    token_deinit(&t);
}

CASE(parties_and_demands_are_checked)
{
    refused(VECTOR_TOKEN, "https://issuer.test", "Invalid issuer");
    refused(VECTOR_TOKEN, "https://amun.ai/", "Invalid issuer");
    refused(VECTOR_CRITICAL, "https://issuer.test/", "Error decoding token headers");
    refused("a.b.c", "https://issuer.test/", "Error decoding token headers");
}

/* Nothing of a token may change, be it header, claims or signature. */
CASE(no_byte_of_it_may_change)
{
    char *text = mem_copy(VECTOR_TOKEN, sizeof(VECTOR_TOKEN) - 1);
    size_t len = sizeof(VECTOR_TOKEN) - 1;

    /* the last character has bits that encode nothing */
    for (size_t i = 0; i < len - 1; i += 3) {
        char kept = text[i], error[TOKEN_ERROR_MAX];
        struct token t;
        text[i] = kept == 'A' ? 'B' : 'A';
        CHECK(parse(text, "https://issuer.test/", &t, error) != TOKEN_OK);
        text[i] = kept;
    }
    for (size_t n = 0; n < len; n += 7) {
        struct token t;
        char error[TOKEN_ERROR_MAX];
        char kept = text[n];
        text[n] = '\0';
        CHECK(parse(text, "https://issuer.test/", &t, error) != TOKEN_OK);
        text[n] = kept;
    }
    mem_free(text);
}

/* req: A-036 */
CASE(the_algorithm_is_never_the_tokens_choice)
{
    static const char *const headers[] = {
        "{\"alg\":\"HS256\",\"kid\":\"k1\"}",   "{\"alg\":\"none\",\"kid\":\"k1\"}",
        "{\"alg\":\"RS512\",\"kid\":\"k1\"}",   "{\"alg\":\"rs256\",\"kid\":\"k1\"}",
        "{\"alg\":[\"RS256\"],\"kid\":\"k1\"}", "{\"kid\":\"k1\"}"};
    char id[JWKS_ID_MAX], error[TOKEN_ERROR_MAX];
    struct token t;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        char *text = forge_with(headers[i], "{\"sub\":\"ann\"}", VECTOR_N);
        CHECK(!token_names_key(slice_of(text), id));
        refused(text, "https://issuer.test/", "Error decoding token headers");
        CHECK(token_parse(&forge_keys, slice_of(text), &t, error) == TOKEN_FOREIGN);
        mem_free(text);
    }
    CHECK_INT(token_parse(&forge_keys, SLICE_LIT(VECTOR_TOKEN), &t, error), TOKEN_FOREIGN);
    CHECK_TEXT(error, "Invalid algorithm: RS256");
}

CASE(a_key_id_that_is_none_names_no_key)
{
    static const char *const headers[] = {"{\"alg\":\"RS256\"}", "{\"alg\":\"RS256\",\"kid\":\"\"}",
                                          "{\"alg\":\"RS256\",\"kid\":7}",
                                          "{\"alg\":\"RS256\",\"kid\":\"a\\u0000b\"}"};
    char id[JWKS_ID_MAX];

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        char *text = forge_with(headers[i], "{}", "x");
        CHECK(!token_names_key(slice_of(text), id));
        mem_free(text);
    }
}

CASE(a_provider_names_a_person)
{
    char error[TOKEN_ERROR_MAX] = "";
    struct token t;
    struct buf b;

    buf_init(&b, 0);
    CHECK_INT(json_to_mp(SLICE_LIT("{\"id\":\"ann\",\"roles\":[\"admin\"],\"email\":null,"
                                   "\"parent\":\"\",\"scope\":{\"current_workspace\":"
                                   "\"team\",\"workspaces\":{\"team\":\"r\"},\"client_id\":\"\"}}"),
                         &b, NULL),
              0);
    CHECK_INT(token_from_user(buf_slice(&b), SLICE_LIT("opaque"), &t, error), TOKEN_OK);
    CHECK(t.has_workspace && !t.has_client_id && !t.is_root && !t.expires_at);
    CHECK_TEXT(t.user->current_workspace, "team");
    CHECK_INT(user_permission(t.user, SLICE_LIT("other")), PERMISSION_ADMIN);
    CHECK_INT(user_permission(t.user, SLICE_LIT("ws-user-ann")), PERMISSION_ADMIN);
    token_deinit(&t);
    buf_clear(&b);
    CHECK_INT(json_to_mp(SLICE_LIT("{\"id\":\"ann\",\"expires_at\":1}"), &b, NULL), 0);
    CHECK_INT(token_from_user(buf_slice(&b), SLICE_LIT("opaque"), &t, error), TOKEN_INVALID);
    CHECK(!t.user && strstr(error, "expired"));
    buf_deinit(&b);
}

CASES(RUN(a_token_signed_by_the_key_names_a_person), RUN(parties_and_demands_are_checked),
      RUN(no_byte_of_it_may_change), RUN(the_algorithm_is_never_the_tokens_choice),
      RUN(a_key_id_that_is_none_names_no_key), RUN(a_provider_names_a_person))
