/* claims: from the claims of a token that was verified to a user, and from the user a provider
 * names. Times and parties are checked here, by us, whoever has checked the signature. */
#include "auth/claims.h"

#include <stdio.h>

#include "auth/scope.h"
#include "auth/token_keys.h"
#include "auth/user_make.h"
#include "auth/user_mp.h"
#include "base/clock.h"
#include "base/memory.h"
#include "wire/mp.h"

enum { CLAIM_KEY_MAX = 256 };

int token_refuse(char ret_error[TOKEN_ERROR_MAX], const char *text)
{
    (void)snprintf(ret_error, TOKEN_ERROR_MAX, "%s", text);
    return TOKEN_INVALID;
}

static bool is_or_holds(struct slice value, const char *wanted)
{
    struct slice text;
    struct mp_iter it;

    if (mp_get_str(value, &text))
        return slice_is(text, wanted);
    mp_iter_init(&it, mp_is(value, MP_ARRAY) ? value : (struct slice){0});
    while (mp_iter_next(&it, &value)) {
        if (mp_get_str(value, &text) && slice_is(text, wanted))
            return true;
    }
    return false;
}

static int check_times(struct slice claims, int64_t *ret_expires_at,
                       char ret_error[TOKEN_ERROR_MAX])
{
    double now = (double)clock_wall_ms() / 1000, exp, nbf;
    struct slice value;

    if (mp_find(claims, "nbf", &value)) {
        if (!mp_get_num(value, &nbf))
            return token_refuse(ret_error, "Not Before claim (nbf) must be an integer.");
        if (!(nbf <= now))
            return token_refuse(ret_error, "The token is not yet valid (nbf)");
    }
    if (!mp_find(claims, "exp", &value))
        return token_refuse(ret_error, "The token has no expiration time (exp)");
    if (!mp_get_num(value, &exp) || !(exp < 1e15))
        return token_refuse(ret_error, "Expiration Time claim (exp) must be an integer.");
    *ret_expires_at = (int64_t)exp;
    return TOKEN_OK;
}

/* 0: it does not say. */
static uint32_t issued_at(struct slice claims)
{
    struct slice value;
    double iat;

    return mp_find(claims, "iat", &value) && mp_get_num(value, &iat) && iat > 0 && iat < UINT32_MAX
               ? (uint32_t)iat
               : 0;
}

static int check_parties(const struct token_keys *keys, struct slice claims,
                         char ret_error[TOKEN_ERROR_MAX])
{
    struct slice value;

    if (!mp_find(claims, "aud", &value) || !is_or_holds(value, keys->audience))
        return token_refuse(ret_error, "Invalid audience");
    if (!mp_find(claims, "iss", &value) || !mp_is(value, MP_STR) ||
        !is_or_holds(value, keys->issuer))
        return token_refuse(ret_error, "Invalid issuer");
    return TOKEN_OK;
}

/* A claim of our namespace that is a text or null (or absent). */
static bool claims_read_text(const struct token_keys *keys, struct slice claims, const char *name,
                             char **ret)
{
    char key[CLAIM_KEY_MAX];
    struct slice value, text;

    if (snprintf(key, sizeof(key), "%s%s", keys->name_space, name) >= (int)sizeof(key))
        return false;
    if (!mp_find(claims, key, &value) || mp_is(value, MP_NIL))
        return true;
    if (!mp_get_str(value, &text) || slice_has_byte(text, '\0'))
        return false;
    *ret = text.len ? mem_copy(text.ptr, text.len) : NULL;
    return true;
}

/* A child keeps the role admin only when its own grant says admin everywhere: roles are inherited,
 * power is not (D-03). */
static bool may_have_role(const struct user *u, struct slice role)
{
    return !u->parent || !slice_is(role, "admin") ||
           user_permission(u, SLICE_LIT("*")) == PERMISSION_ADMIN;
}

static bool claims_read_roles(const struct token_keys *keys, struct slice claims, struct user *u)
{
    char key[CLAIM_KEY_MAX];
    struct slice value, role;
    struct mp_iter it;

    if (snprintf(key, sizeof(key), "%sroles", keys->name_space) >= (int)sizeof(key))
        return false;
    if (!mp_find(claims, key, &value) || mp_is(value, MP_NIL))
        return true;
    if (!mp_is(value, MP_ARRAY))
        return false;
    mp_iter_init(&it, value);
    while (mp_iter_next(&it, &value)) {
        if (!mp_get_str(value, &role) || slice_has_byte(role, '\0'))
            return false;
        if (may_have_role(u, role))
            user_add_role(u, role);
    }
    return true;
}

static int claims_read_scope(struct slice claims, struct user *u, char ret_error[TOKEN_ERROR_MAX])
{
    struct slice value, text = {0};

    if (mp_find(claims, "scope", &value) && !mp_is(value, MP_NIL) && !mp_get_str(value, &text))
        return token_refuse(ret_error, "Invalid token scope");
    if (scope_parse(text, &u->scope) != SCOPE_OK)
        return token_refuse(ret_error, "Invalid token scope");
    if (u->scope.current_workspace)
        u->current_workspace =
            mem_copy(u->scope.current_workspace, strlen(u->scope.current_workspace));
    return TOKEN_OK;
}

static int read_user(const struct token_keys *keys, struct slice claims, struct user **ret,
                     char ret_error[TOKEN_ERROR_MAX])
{
    struct slice sub;
    struct user *u;
    int r;

    if (mp_find_str(claims, "sub", &sub) && sub.len > USER_ID_MAX)
        return token_refuse(
            ret_error,
            "1 validation error for UserInfo: id: it is too long (at most 255 bytes are allowed)");
    if (!mp_find_str(claims, "sub", &sub) || !user_id_is_valid(sub))
        return token_refuse(ret_error,
                            "1 validation error for UserInfo: id: Input should be a valid string");
    u = user_new(sub);
    r = claims_read_scope(claims, u, ret_error);
    if (!r && (!claims_read_text(keys, claims, "email", &u->email) ||
               !claims_read_text(keys, claims, "parent", &u->parent) ||
               !claims_read_roles(keys, claims, u) ||
               (u->parent && !user_id_is_valid(slice_of(u->parent)))))
        r = token_refuse(ret_error, "1 validation error for UserInfo: roles, email and parent "
                                    "should be a list, a string, a string");
    if (r) {
        user_unref(u);
        return r;
    }
    user_add_own_grants(u);
    *ret = u;
    return TOKEN_OK;
}

/* What is made by a child ends with it, and stays with the client it was for. A reconnection token
 * brings that along from the token whose login it continues, and ends with that too. */
static void settle_terms(struct user *u)
{
    struct lineage *l = &u->lineage;

    l->is_known = true;
    if (u->parent && !l->is_continuation) {
        l->until = u->expires_at;
        if (u->scope.client_id)
            l->client_id = mem_copy(u->scope.client_id, strlen(u->scope.client_id));
    } else if (l->until && l->until < u->expires_at) {
        u->expires_at = l->until;
    }
}

/* Tokens of the original, and those of a login, say nothing of where they come from. */
static bool claims_read_lineage(const struct token_keys *keys, struct slice claims,
                                struct lineage *ret)
{
    char key[CLAIM_KEY_MAX];
    struct slice value;

    if (snprintf(key, sizeof(key), "%slineage", keys->name_space) >= (int)sizeof(key))
        return false;
    if (!mp_find(claims, key, &value))
        return true;
    return lineage_read_claim(value, ret);
}

/* What root continues by ends with the root token it came by, which an operator changes when
 * somebody else may know it. One by which root came with no token at all was made by an earlier
 * release, which did not tell. */
static bool has_its_root(const struct token_keys *keys, const struct user *u)
{
    const struct lineage *l = &u->lineage;
    bool is_root = strcmp(user_effective_id(u), "root") == 0;

    return !l->is_continuation || !is_root || (l->n && !l->root) ||
           lineage_is_by_root(l, keys->root_token);
}

int claims_read(const struct token_keys *keys, struct slice claims, struct token *ret,
                char ret_error[TOKEN_ERROR_MAX])
{
    int r = check_times(claims, &ret->expires_at, ret_error);

    if (!r)
        r = check_parties(keys, claims, ret_error);
    if (!r)
        r = read_user(keys, claims, &ret->user, ret_error);
    if (r)
        return r;
    if (!claims_read_lineage(keys, claims, &ret->user->lineage)) {
        ret->user = user_unref(ret->user);
        return token_refuse(ret_error,
                            "1 validation error for UserInfo: lineage should be a list of digests");
    }
    if (!has_its_root(keys, ret->user)) {
        ret->user = user_unref(ret->user);
        return token_refuse(ret_error, "The root token this one comes from is none any more");
    }
    ret->user->expires_at = ret->expires_at;
    ret->user->issued_at = issued_at(claims);
    settle_terms(ret->user);
    ret->expires_at = ret->user->expires_at;
    ret->has_expired = ret->expires_at <= token_now_ms(keys) / 1000;
    ret->has_workspace = ret->user->current_workspace != NULL;
    ret->has_client_id = ret->user->scope.client_id != NULL;
    return TOKEN_OK;
}

/* Names with a meaning of their own here. Others may give them to whom they give all power, or
 * none. */
static bool may_be_called(const struct user *u)
{
    bool is_root = strcmp(u->id, "root") == 0 || strcmp(user_effective_id(u), "root") == 0;

    if (is_root)
        return user_permission(u, SLICE_LIT("*")) == PERMISSION_ADMIN;
    return u->is_anonymous || !slice_starts(slice_of(u->id), "anonymouz-");
}

int claims_check_foreign(const struct user *u, char ret_error[TOKEN_ERROR_MAX])
{
    return may_be_called(u)
               ? TOKEN_OK
               : token_refuse(ret_error,
                              "1 validation error for UserInfo: id: the name is reserved");
}

/* What a provider calls the current workspace stands in the user or in its scope; the user's
 * counts. */
static void settle_workspace(struct user *u)
{
    const char *named = u->current_workspace && *u->current_workspace ? u->current_workspace
                                                                      : u->scope.current_workspace;
    char *workspace = named && *named ? mem_copy(named, strlen(named)) : NULL;

    mem_free(u->current_workspace);
    mem_free(u->scope.current_workspace);
    u->current_workspace = workspace;
    u->scope.current_workspace = workspace ? mem_copy(workspace, strlen(workspace)) : NULL;
    if (u->scope.client_id && !*u->scope.client_id)
        u->scope.client_id = mem_free(u->scope.client_id);
}

int claims_from_user(struct slice map, struct token *ret, char ret_error[TOKEN_ERROR_MAX])
{
    struct user *u = user_from_mp(map);

    *ret = (struct token){0};
    if (!u)
        return token_refuse(ret_error, "The authentication provider named no user");
    if (u->expires_at && u->expires_at <= clock_wall_ms() / 1000) {
        user_unref(u);
        return token_refuse(ret_error, TOKEN_HAS_EXPIRED);
    }
    if (u->parent && !*u->parent)
        u->parent = mem_free(u->parent);
    lineage_deinit(&u->lineage);
    settle_workspace(u);
    user_add_own_grants(u);
    if (claims_check_foreign(u, ret_error) != TOKEN_OK) {
        user_unref(u);
        return TOKEN_INVALID;
    }
    settle_terms(u);
    ret->user = u;
    ret->has_workspace = u->current_workspace != NULL;
    ret->has_client_id = u->scope.client_id != NULL;
    return TOKEN_OK;
}
