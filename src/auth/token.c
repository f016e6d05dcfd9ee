/* token: libjwt signs and checks the MAC; it validates no claim and would take the algorithm from the token. So the header is
 * read first and anything but HS256 is refused before a key is touched, and every claim is checked here, after the MAC.
 *
 * The claims are read from what libjwt itself parsed (its JSON text, turned into MessagePack), so the verifier and the reader
 * cannot disagree about the same bytes.
 *
 * Revocation names a token by its signing input: whatever is done to prefix, blanks or signature encoding leaves it the same. */
#include "auth/token.h"

#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/scope.h"
#include "auth/user_make.h"
#include "base/clock.h"
#include "base/memory.h"
#include "wire/digest.h"
#include "wire/json.h"
#include "wire/mp.h"

enum { CLAIM_KEY_MAX = 256 };

static int refuse(char ret_error[TOKEN_ERROR_MAX], const char *text)
{
    (void)snprintf(ret_error, TOKEN_ERROR_MAX, "%s", text);
    return TOKEN_INVALID;
}

/* ---- the text ---- */

static int strip_prefix(struct slice *text, char ret_error[TOKEN_ERROR_MAX])
{
    struct slice s = slice_trim(*text), rest;

    if (s.len == 0)
        return refuse(ret_error, "Authorization is required");
    if (slice_is_nocase(s, "bearer"))
        return refuse(ret_error, "Token not found");
    if (slice_is_nocase(slice_to(s, 6), "bearer")) {
        rest = slice_from(s, 6);
        s = rest.ptr[0] == ' ' || rest.ptr[0] == '\t' ? slice_trim(rest) : s;
        if (slice_has_byte(s, ' ') || slice_has_byte(s, '\t'))
            return refuse(ret_error, "Authorization header must be 'Bearer' token");
    }
    *text = s;
    return TOKEN_OK;
}

/* Cuts header.payload.signature; false when there are not exactly three non-empty parts. */
static bool split(struct slice text, struct slice *ret_head, struct slice *ret_signed)
{
    struct slice rest, payload, signature;

    if (text.len > TOKEN_MAX || slice_has_byte(text, '\0') || !slice_cut(text, '.', ret_head, &rest) ||
        !slice_cut(rest, '.', &payload, &signature) || slice_has_byte(signature, '.'))
        return false;
    *ret_signed = slice_to(text, ret_head->len + 1 + payload.len);
    return ret_head->len && payload.len && signature.len;
}

/* Reads `alg`, into out as a text that may be shown; false when the header is no JSON map with one. */
static bool read_algorithm(struct slice head, char *out, size_t room)
{
    struct buf text, map;
    struct slice alg;
    bool ok;

    buf_init(&text, TOKEN_MAX);
    buf_init(&map, 2 * TOKEN_MAX);
    ok = base64_decode(head, &text) && json_to_mp(buf_slice(&text), &map, NULL) == JSON_OK &&
         mp_find_str(buf_slice(&map), "alg", &alg);
    if (ok) {
        alg = slice_utf8_prefix(alg, room - 1);
        (void)snprintf(out, room, SLICE_FMT, SLICE_ARG(alg));
    }
    buf_deinit(&text);
    buf_deinit(&map);
    return ok;
}

static int check_algorithm(struct slice head, char ret_error[TOKEN_ERROR_MAX])
{
    char algorithm[32];

    if (!read_algorithm(head, algorithm, sizeof(algorithm)))
        return refuse(ret_error, "Error decoding token headers.");
    if (strcmp(algorithm, "HS256") != 0) {
        (void)snprintf(ret_error, TOKEN_ERROR_MAX, "Invalid algorithm: %s", algorithm);
        return TOKEN_INVALID;
    }
    return TOKEN_OK;
}

/* Checks the MAC and appends the claims as a map. */
static int open_claims(const struct token_keys *keys, struct slice text, struct buf *claims, char ret_error[TOKEN_ERROR_MAX])
{
    char *copy = mem_copy(text.ptr, text.len);
    jwt_t *jwt = NULL;
    int r = jwt_decode(&jwt, copy, (const unsigned char *)keys->secret.ptr, (int)keys->secret.len);

    mem_free(copy);
    if (r || jwt_get_alg(jwt) != JWT_ALG_HS256) {
        jwt_free(jwt);
        return refuse(ret_error, "Signature verification failed.");
    }
    char *json = jwt_get_grants_json(jwt, NULL);
    bool ok = json && json_to_mp(slice_of(json), claims, NULL) == JSON_OK && mp_is(buf_slice(claims), MP_MAP);
    free(json);
    jwt_free(jwt);
    return ok ? TOKEN_OK : refuse(ret_error, "Error decoding token claims.");
}

/* ---- the claims ---- */

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

static int check_times(struct slice claims, int64_t *ret_expires_at, char ret_error[TOKEN_ERROR_MAX])
{
    double now = (double)clock_wall_ms() / 1000, exp, nbf;
    struct slice value;

    if (mp_find(claims, "nbf", &value)) {
        if (!mp_get_num(value, &nbf))
            return refuse(ret_error, "Not Before claim (nbf) must be an integer.");
        if (!(nbf <= now))
            return refuse(ret_error, "The token is not yet valid (nbf)");
    }
    if (!mp_find(claims, "exp", &value))
        return refuse(ret_error, "The token has no expiration time (exp)");
    if (!mp_get_num(value, &exp) || !(exp < 1e15))
        return refuse(ret_error, "Expiration Time claim (exp) must be an integer.");
    if (exp <= now)
        return refuse(ret_error, "The token has expired. Please fetch a new one");
    *ret_expires_at = (int64_t)exp;
    return TOKEN_OK;
}

static int check_parties(const struct token_keys *keys, struct slice claims, char ret_error[TOKEN_ERROR_MAX])
{
    struct slice value;

    if (!mp_find(claims, "aud", &value) || !is_or_holds(value, keys->audience))
        return refuse(ret_error, "Invalid audience");
    if (!mp_find(claims, "iss", &value) || !mp_is(value, MP_STR) || !is_or_holds(value, keys->issuer))
        return refuse(ret_error, "Invalid issuer");
    return TOKEN_OK;
}

/* A claim of our namespace that is a text or null (or absent). */
static bool read_text(const struct token_keys *keys, struct slice claims, const char *name, char **ret)
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

/* A child keeps the role admin only when its own grant says admin everywhere: roles are inherited, power is not (D-03). */
static bool may_have_role(const struct user *u, struct slice role)
{
    return !u->parent || !slice_is(role, "admin") || user_permission(u, SLICE_LIT("*")) == PERMISSION_ADMIN;
}

static bool read_roles(const struct token_keys *keys, struct slice claims, struct user *u)
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

static int read_scope(struct slice claims, struct user *u, char ret_error[TOKEN_ERROR_MAX])
{
    struct slice value, text = {0};

    if (mp_find(claims, "scope", &value) && !mp_is(value, MP_NIL) && !mp_get_str(value, &text))
        return refuse(ret_error, "Invalid token scope");
    if (scope_parse(text, &u->scope) != SCOPE_OK)
        return refuse(ret_error, "Invalid token scope");
    if (u->scope.current_workspace)
        u->current_workspace = mem_copy(u->scope.current_workspace, strlen(u->scope.current_workspace));
    return TOKEN_OK;
}

/* Grants that follow from who somebody is, not from the text of the token (3.6). */
static void add_own_grants(struct user *u)
{
    char personal[USER_WORKSPACE_MAX];

    user_personal_workspace(u, personal);
    /* An id with a blank in it has no personal workspace, and must not get one that reads as two grants in the next token. */
    if (!u->parent && scope_workspace_is_writable(slice_of(personal)))
        scope_grant(&u->scope, personal, PERMISSION_ADMIN);
    if (user_has_role(u, "admin"))
        scope_grant(&u->scope, "*", PERMISSION_ADMIN);
}

static int read_user(const struct token_keys *keys, struct slice claims, struct user **ret, char ret_error[TOKEN_ERROR_MAX])
{
    struct slice sub;
    struct user *u;
    int r;

    if (!mp_find_str(claims, "sub", &sub) || !user_id_is_valid(sub))
        return refuse(ret_error, "1 validation error for UserInfo: id: Input should be a valid string");
    u = user_new(sub);
    r = read_scope(claims, u, ret_error);
    if (!r && (!read_text(keys, claims, "email", &u->email) || !read_text(keys, claims, "parent", &u->parent) ||
               !read_roles(keys, claims, u) || (u->parent && !user_id_is_valid(slice_of(u->parent)))))
        r = refuse(ret_error, "1 validation error for UserInfo: roles, email and parent should be a list, a string, a string");
    if (r) {
        user_unref(u);
        return r;
    }
    add_own_grants(u);
    *ret = u;
    return TOKEN_OK;
}

static int read_claims(const struct token_keys *keys, struct slice claims, struct token *ret, char ret_error[TOKEN_ERROR_MAX])
{
    int r = check_times(claims, &ret->expires_at, ret_error);

    if (!r)
        r = check_parties(keys, claims, ret_error);
    if (!r)
        r = read_user(keys, claims, &ret->user, ret_error);
    if (r)
        return r;
    ret->user->expires_at = ret->expires_at;
    ret->has_workspace = ret->user->current_workspace != NULL;
    ret->has_client_id = ret->user->scope.client_id != NULL;
    return TOKEN_OK;
}

/* ---- in and out ---- */

int token_parse(const struct token_keys *keys, struct slice text, struct token *ret, char ret_error[TOKEN_ERROR_MAX])
{
    struct slice head, signed_part;
    struct buf claims;
    int r = strip_prefix(&text, ret_error);

    *ret = (struct token){0};
    if (r)
        return r;
    if (keys->root_token.len && slice_eq_secret(text, keys->root_token)) {
        ret->user = user_new_root("ws-user-root");
        ret->has_workspace = ret->is_root = true;
        return TOKEN_OK;
    }
    if (!split(text, &head, &signed_part))
        return refuse(ret_error, "Error decoding token headers.");
    r = check_algorithm(head, ret_error);
    if (r)
        return r;
    buf_init(&claims, 2 * TOKEN_MAX);
    r = open_claims(keys, text, &claims, ret_error);
    if (!r)
        r = read_claims(keys, buf_slice(&claims), ret, ret_error);
    buf_deinit(&claims);
    if (r)
        *ret = (struct token){0};
    else
        digest_sha256(signed_part, ret->digest);
    return r;
}

void token_deinit(struct token *t)
{
    t->user = user_unref(t->user);
}

static void claim_text(struct mp_open *map, const char *key, const char *text)
{
    mp_key(map, key);
    mp_add_text(map->buf, text);
}

static void claim_int(struct mp_open *map, const char *key, int64_t number)
{
    mp_key(map, key);
    mp_add_int(map->buf, number);
}

static void claim_scope(struct mp_open *map, const struct scope *scope)
{
    struct buf text;

    buf_init(&text, TOKEN_MAX);
    scope_format(scope, &text);
    mp_key(map, "scope");
    mp_add_str(map->buf, buf_slice(&text));
    if (text.is_failed)
        map->buf->is_failed = true;     /* a scope cut short, or read back differently, would be another scope */
    buf_deinit(&text);
}

/* The claims whose names carry the namespace. */
static void claim_person(struct mp_open *map, const char *name_space, const struct user *user)
{
    char key[CLAIM_KEY_MAX];

    (void)snprintf(key, sizeof(key), "%sroles", name_space);
    mp_key(map, key);
    mp_add_array(map->buf, (uint32_t)user->n_roles);
    for (size_t i = 0; i < user->n_roles; i++)
        mp_add_text(map->buf, user->roles[i]);
    (void)snprintf(key, sizeof(key), "%semail", name_space);
    claim_text(map, key, user->email);
    if (!user->parent)
        return;
    (void)snprintf(key, sizeof(key), "%sparent", name_space);
    claim_text(map, key, user->parent);
}

static void add_claims(const struct token_keys *keys, const struct user *user, const struct scope *scope, int64_t life_s,
                       struct buf *b)
{
    int64_t now = clock_wall_ms() / 1000;
    struct mp_open map;

    mp_open_map(&map, b);
    claim_text(&map, "iss", keys->issuer);
    claim_text(&map, "sub", user->id);
    claim_text(&map, "aud", keys->audience);
    claim_int(&map, "iat", now);
    claim_int(&map, "exp", now + life_s);
    claim_scope(&map, scope);
    claim_text(&map, "gty", "client-credentials");
    claim_person(&map, keys->name_space, user);
    mp_close(&map);
}

static char *sign(const struct token_keys *keys, const char *claims_json)
{
    jwt_t *jwt = NULL;
    char *out = NULL, *text = NULL;

    if (jwt_new(&jwt))
        return NULL;
    if (!jwt_add_grants_json(jwt, claims_json) &&
        !jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)keys->secret.ptr, (int)keys->secret.len))
        text = jwt_encode_str(jwt);
    jwt_free(jwt);
    if (text && strlen(text) <= TOKEN_MAX)
        out = mem_copy(text, strlen(text));
    free(text);
    return out;
}

char *token_mint(const struct token_keys *keys, const struct user *user, const struct scope *scope, int64_t life_s)
{
    struct buf claims, json;
    char *text, *out = NULL;

    buf_init(&claims, 2 * TOKEN_MAX);
    buf_init(&json, 2 * TOKEN_MAX);
    add_claims(keys, user, scope, life_s, &claims);
    if (!claims.is_failed && json_from_mp(buf_slice(&claims), &json) == JSON_OK && (text = buf_take(&json))) {
        out = sign(keys, text);
        mem_free(text);
    }
    buf_deinit(&claims);
    buf_deinit(&json);
    return out;
}
