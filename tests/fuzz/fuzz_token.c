/* Hostile credentials. The first byte chooses the door: t the text of a token; c header and claims,
 * signed here, because no fuzzer finds a MAC; s a scope claim; m a TokenConfig as JSON. */
#include "auth/mint.h"
#include "auth/scope.h"
#include "auth/user_mp.h"
#include "fuzz/fuzz.h"
#include "unit/auth/forge.h"
#include "wire/json.h"
#include "wire/mp.h"

static void format(const struct scope *s, struct buf *out)
{
    buf_init(out, 0);
    scope_format(s, out);
}

static void check_same_scope(const struct scope *a, const struct scope *b)
{
    struct buf x, y;

    format(a, &x);
    format(b, &y);
    ASSERT(!x.is_failed && !y.is_failed);
    ASSERT(slice_eq(buf_slice(&x), buf_slice(&y)));
    buf_deinit(&x);
    buf_deinit(&y);
}

/* What any accepted token must satisfy; its map reads back, and a token minted from it says the
 * same. */
static void check_token(const struct token *t)
{
    char error[TOKEN_ERROR_MAX];
    struct token again;
    struct buf map;

    ASSERT(t->user && (t->expires_at > 0 || t->is_root));
    ASSERT(!t->user->parent || !user_has_role(t->user, "admin") ||
           user_permission(t->user, SLICE_LIT("*")) == PERMISSION_ADMIN);
    ASSERT(t->has_workspace == (t->user->current_workspace != NULL));
    buf_init(&map, 0);
    user_add_mp(&map, t->user, true);
    struct user *back = user_from_mp(buf_slice(&map));
    ASSERT(back);
    check_same_scope(&t->user->scope, &back->scope);
    user_unref(back);
    buf_deinit(&map);
    char *text = token_mint(&forge_keys, t->user, &t->user->scope, 3600);
    if (!text)
        return; /* longer than a token may be */
    ASSERT(token_parse(&forge_keys, slice_of(text), &again, error) == TOKEN_OK);
    check_same_scope(&t->user->scope, &again.user->scope);
    token_deinit(&again);
    mem_free(text);
}

static void parse(struct slice text)
{
    char error[TOKEN_ERROR_MAX] = "";
    struct token t;

    if (token_parse(&forge_keys, text, &t, error) == TOKEN_OK) {
        check_token(&t);
        token_deinit(&t);
    } else {
        ASSERT(error[0] && !t.user);
    }
}

static void parse_claims(struct slice in)
{
    struct slice head = fuzz_line(&in);
    char *header = mem_copy(head.ptr, head.len), *claims = mem_copy(in.ptr, in.len);
    char *text = forge_with(header, claims, FORGE_SECRET);

    parse(slice_of(text));
    mem_free(header);
    mem_free(claims);
    mem_free(text);
}

static void parse_scope(struct slice in)
{
    struct scope s, again;
    struct buf text;

    if (scope_parse(in, &s) != SCOPE_OK)
        return;
    format(&s, &text);
    ASSERT(scope_parse(buf_slice(&text), &again) == SCOPE_OK);
    check_same_scope(&s, &again);
    buf_deinit(&text);
    scope_deinit(&s);
    scope_deinit(&again);
}

/* Whatever was asked for, the token carries one grant and bindings as configured. */
static void mint(struct slice in)
{
    struct user *caller = user_new_root("ws-user-root");
    struct mint_config c;
    struct mint_error error;
    struct buf map;
    struct token t;
    char *text = NULL, why[TOKEN_ERROR_MAX];

    buf_init(&map, 0);
    if (json_to_mp(in, &map, NULL) == JSON_OK &&
        mint_config_read(buf_slice(&map), SLICE_LIT("ws-user-root"), &c, &error) == MINT_OK) {
        c.life_s += 60; /* a wish for one second may be over before it is looked at */
        if (mint_child(&forge_keys, caller, &c, true, &text, &error) == MINT_OK) {
            ASSERT(token_parse(&forge_keys, slice_of(text), &t, why) == TOKEN_OK);
            ASSERT(t.user->scope.n_grants == 1 &&
                   t.user->scope.grants[0].permission == c.permission);
            ASSERT(strcmp(t.user->scope.grants[0].workspace, c.workspace) == 0);
            ASSERT(t.user->scope.n_extras == c.extras.n_extras &&
                   t.has_client_id == (c.client_id != NULL));
            token_deinit(&t);
            mem_free(text);
        }
        mint_config_deinit(&c);
    }
    buf_deinit(&map);
    user_unref(caller);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct slice in = slice_from(slice_make(bytes, n_bytes), 1);

    if (n_bytes == 0)
        return 0;
    if (bytes[0] == 't')
        parse(in);
    else if (bytes[0] == 'c')
        parse_claims(in);
    else if (bytes[0] == 's')
        parse_scope(in);
    else if (bytes[0] == 'm')
        mint(in);
    return 0;
}
