/* token: libjwt signs and checks the MAC; it validates no claim and would take the algorithm from
 * the token. So the header is read first and anything but HS256 is refused before our secret is
 * touched, and every claim is checked by auth/claims.c, after the MAC. The keys of another issuer
 * never come near libjwt: they check RS256 and nothing else (wire/rsa.h).
 *
 * The claims are read from what libjwt itself parsed (its JSON text, turned into MessagePack), so
 * the verifier and the reader cannot disagree about the same bytes.
 *
 * Revocation names a token by its signing input: whatever is done to prefix, blanks or signature
 * encoding leaves it the same. */
#include "auth/token.h"

#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/claims.h"
#include "auth/jws.h"
#include "auth/scope.h"
#include "auth/user_make.h"
#include "base/clock.h"
#include "base/memory.h"
#include "wire/digest.h"
#include "wire/json.h"
#include "wire/mp.h"

enum { CLAIM_KEY_MAX = 256 };

/* ---- the text ---- */

static int token_foreign(char ret_error[TOKEN_ERROR_MAX], const char *text)
{
    (void)token_refuse(ret_error, text);
    return TOKEN_FOREIGN;
}

int token_strip(struct slice *text, char ret_error[TOKEN_ERROR_MAX])
{
    struct slice s = slice_trim(*text), rest;

    if (s.len == 0)
        return token_refuse(ret_error, "Authorization is required");
    if (slice_is_nocase(s, "bearer"))
        return token_refuse(ret_error, "Token not found");
    if (slice_is_nocase(slice_to(s, 6), "bearer")) {
        rest = slice_from(s, 6);
        s = rest.ptr[0] == ' ' || rest.ptr[0] == '\t' ? slice_trim(rest) : s;
        if (slice_has_byte(s, ' ') || slice_has_byte(s, '\t'))
            return token_refuse(ret_error, "Authorization header must be 'Bearer' token");
    }
    *text = s;
    return TOKEN_OK;
}

/* Reads the header; whatever is wrong with it makes the token one that is not ours. */
static int check_header(const struct jws *j, struct jws_header *ret,
                        char ret_error[TOKEN_ERROR_MAX])
{
    if (!jws_header_read(j, ret))
        return token_foreign(ret_error, "Error decoding token headers.");
    if (strcmp(ret->algorithm, "HS256") == 0)
        return TOKEN_OK;
    (void)snprintf(ret_error, TOKEN_ERROR_MAX, "Invalid algorithm: %s", ret->algorithm);
    return TOKEN_FOREIGN;
}

/* Checks the MAC and appends the claims as a map. */
static int open_claims(const struct token_keys *keys, struct slice text, struct buf *claims,
                       char ret_error[TOKEN_ERROR_MAX])
{
    char *copy = mem_copy(text.ptr, text.len);
    jwt_t *jwt = NULL;
    int r = jwt_decode(&jwt, copy, (const unsigned char *)keys->secret.ptr, (int)keys->secret.len);

    mem_free(copy);
    if (r || jwt_get_alg(jwt) != JWT_ALG_HS256) {
        jwt_free(jwt);
        return token_foreign(ret_error, "Signature verification failed.");
    }
    char *json = jwt_get_grants_json(jwt, NULL);
    bool ok = json && json_to_mp(slice_of(json), claims, NULL) == JSON_OK &&
              mp_is(buf_slice(claims), MP_MAP);
    free(json);
    jwt_free(jwt);
    return ok ? TOKEN_OK : token_refuse(ret_error, "Error decoding token claims.");
}

/* ---- in and out ---- */

/* The claims of a token whose signature is good. */
static int token_finish(const struct token_keys *keys, const struct jws *j, struct slice claims,
                        struct token *ret, char ret_error[TOKEN_ERROR_MAX])
{
    int r = claims_read(keys, claims, ret, ret_error);

    if (r) {
        *ret = (struct token){0};
        return r;
    }
    digest_sha256(j->signed_part, ret->digest);
    lineage_add(&ret->user->lineage, ret->digest);
    return r;
}

/* What a token says that may have expired, to somebody who wants to know whom it admits. */
static int refuse_expired(int r, struct token *t, char ret_error[TOKEN_ERROR_MAX])
{
    if (r != TOKEN_OK || !t->has_expired)
        return r;
    token_deinit(t);
    *t = (struct token){0};
    return token_refuse(ret_error, TOKEN_HAS_EXPIRED);
}

int token_parse(const struct token_keys *keys, struct slice text, struct token *ret,
                char ret_error[TOKEN_ERROR_MAX])
{
    return refuse_expired(token_read(keys, text, ret, ret_error), ret, ret_error);
}

int token_read(const struct token_keys *keys, struct slice text, struct token *ret,
               char ret_error[TOKEN_ERROR_MAX])
{
    struct jws_header header;
    struct buf claims;
    struct jws j;
    int r = token_strip(&text, ret_error);

    *ret = (struct token){0};
    if (r)
        return r;
    if (keys->root_token.len && slice_eq_secret(text, keys->root_token)) {
        ret->user = user_new_root("ws-user-root");
        lineage_set_root(&ret->user->lineage, keys->root_token);
        ret->has_workspace = ret->is_root = true;
        return TOKEN_OK;
    }
    if (!jws_split(text, &j))
        return token_foreign(ret_error, "Error decoding token headers.");
    r = check_header(&j, &header, ret_error);
    if (r)
        return r;
    buf_init(&claims, 2 * TOKEN_MAX);
    r = open_claims(keys, text, &claims, ret_error);
    if (!r)
        r = token_finish(keys, &j, buf_slice(&claims), ret, ret_error);
    buf_deinit(&claims);
    return r;
}

int token_parse_rs256(const struct token_keys *issuer, const struct rsa_key *key, struct slice text,
                      struct token *ret, char ret_error[TOKEN_ERROR_MAX])
{
    return refuse_expired(token_read_rs256(issuer, key, text, ret, ret_error), ret, ret_error);
}

int token_read_rs256(const struct token_keys *issuer, const struct rsa_key *key, struct slice text,
                     struct token *ret, char ret_error[TOKEN_ERROR_MAX])
{
    struct jws_header header;
    struct buf claims;
    struct jws j;
    int r;

    *ret = (struct token){0};
    if (!jws_split(text, &j) || !jws_header_read(&j, &header) ||
        strcmp(header.algorithm, "RS256") != 0 || header.has_critical)
        return token_refuse(ret_error, "Error decoding token headers.");
    if (!jws_is_signed_by(&j, key))
        return token_refuse(ret_error, "Signature verification failed.");
    buf_init(&claims, 2 * TOKEN_MAX);
    r = jws_claims(&j, &claims) ? token_finish(issuer, &j, buf_slice(&claims), ret, ret_error)
                                : token_refuse(ret_error, "Error decoding token claims.");
    buf_deinit(&claims);
    if (!r && claims_check_foreign(ret->user, ret_error) != TOKEN_OK) {
        token_deinit(ret);
        *ret = (struct token){0};
        r = TOKEN_INVALID;
    }
    return r;
}

bool token_names_key(struct slice text, char ret_key_id[JWKS_ID_MAX])
{
    struct jws_header header;
    struct jws j;

    if (!jws_split(text, &j) || !jws_header_read(&j, &header) ||
        strcmp(header.algorithm, "RS256") != 0 || !header.key_id[0])
        return false;
    memcpy(ret_key_id, header.key_id, JWKS_ID_MAX);
    return true;
}

int token_from_user(struct slice map, struct slice text, struct token *ret,
                    char ret_error[TOKEN_ERROR_MAX])
{
    int r = claims_from_user(map, ret, ret_error);

    if (r)
        return r;
    digest_sha256(text, ret->digest);
    lineage_add(&ret->user->lineage, ret->digest);
    return r;
}

bool token_revoked_by(const struct token *t, uint8_t ret_digest[32])
{
    const struct lineage *l = &t->user->lineage;
    bool by_session = l->is_continuation && l->has_session;

    memset(ret_digest, 0, 32);
    memcpy(ret_digest, by_session ? lineage_session(l) : t->digest,
           by_session ? LINEAGE_DIGEST_BYTES : 32);
    return by_session;
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
    SCRATCH_BUF(text, TOKEN_MAX);

    scope_format(scope, &text);
    mp_key(map, "scope");
    mp_add_str(map->buf, buf_slice(&text));
    if (text.is_failed)
        /* a scope cut short, or read back differently, would be another scope */
        map->buf->is_failed = true;
}

static void claim_lineage(struct mp_open *map, const char *name_space, const struct lineage *l,
                          bool is_continuation)
{
    char key[CLAIM_KEY_MAX];

    (void)snprintf(key, sizeof(key), "%slineage", name_space);
    mp_key(map, key);
    lineage_add_claim(map->buf, l, is_continuation);
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

/* What a token says besides who it is for. */
struct terms {
    const struct scope *scope;
    const struct lineage *lineage; /* of who makes it; NULL: it descends from nothing */
    bool is_continuation;
    int64_t life_s;
    /* Unix seconds it does not outlive, though a second may pass until it is signed; 0: none */
    int64_t until;
};

static void add_claims(const struct token_keys *keys, const struct user *user,
                       const struct terms *terms, struct buf *b)
{
    int64_t now = clock_wall_ms() / 1000, end = now + terms->life_s;
    /* what it grants was given then */
    bool is_as_old = terms->is_continuation && user->issued_at;
    struct mp_open map;

    mp_open_map(&map, b);
    claim_text(&map, "iss", keys->issuer);
    claim_text(&map, "sub", user->id);
    claim_text(&map, "aud", keys->audience);
    claim_int(&map, "iat", is_as_old ? user->issued_at : now);
    claim_int(&map, "exp", terms->until && terms->until < end ? terms->until : end);
    claim_scope(&map, terms->scope);
    claim_text(&map, "gty", "client-credentials");
    claim_person(&map, keys->name_space, user);
    if (terms->lineage && (terms->lineage->n || terms->is_continuation))
        claim_lineage(&map, keys->name_space, terms->lineage, terms->is_continuation);
    mp_close(&map);
}

static char *token_sign(const struct token_keys *keys, const char *claims_json)
{
    jwt_t *jwt = NULL;
    char *out = NULL, *text = NULL;

    if (jwt_new(&jwt))
        return NULL;
    if (!jwt_add_grants_json(jwt, claims_json) &&
        !jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)keys->secret.ptr,
                     (int)keys->secret.len))
        text = jwt_encode_str(jwt);
    jwt_free(jwt);
    if (text && strlen(text) <= TOKEN_MAX)
        out = mem_copy(text, strlen(text));
    free(text);
    return out;
}

static char *token_write(const struct token_keys *keys, const struct user *user,
                         const struct terms *terms)
{
    struct buf claims, json;
    char *text, *out = NULL;

    buf_init(&claims, 2 * TOKEN_MAX);
    buf_init(&json, 2 * TOKEN_MAX);
    add_claims(keys, user, terms, &claims);
    if (!claims.is_failed && json_from_mp(buf_slice(&claims), &json) == JSON_OK &&
        (text = buf_take(&json))) {
        out = token_sign(keys, text);
        mem_free(text);
    }
    buf_deinit(&claims);
    buf_deinit(&json);
    return out;
}

char *token_mint(const struct token_keys *keys, const struct user *user, const struct scope *scope,
                 int64_t life_s)
{
    return token_write(keys, user, &(struct terms){.scope = scope, .life_s = life_s});
}

int64_t token_life(const struct token_keys *keys, const struct user *maker, enum token_kind kind,
                   int64_t wanted_s)
{
    int64_t until = maker->lineage.until, left = wanted_s;

    if (until)
        left = until - token_now_ms(keys) / 1000;
    else if (kind == TOKEN_CHILD && maker->is_anonymous)
        left = TOKEN_ANONYMOUS_LIFE_MAX_S;
    return left < wanted_s ? left : wanted_s;
}

char *token_mint_from(const struct token_keys *keys, const struct user *maker,
                      const struct user *user, const struct scope *scope, int64_t life_s)
{
    struct terms terms = {.scope = scope,
                          .lineage = &maker->lineage,
                          .until = maker->lineage.until,
                          .life_s = token_life(keys, maker, TOKEN_CHILD, life_s)};

    return terms.life_s > 0 ? token_write(keys, user, &terms) : NULL;
}

char *token_mint_reconnection(const struct token_keys *keys, const struct user *user,
                              int64_t life_s)
{
    struct terms terms = {.scope = &user->scope,
                          .lineage = &user->lineage,
                          .is_continuation = true,
                          .until = user->lineage.until,
                          .life_s = token_life(keys, user, TOKEN_RECONNECTION, life_s)};

    return terms.life_s > 0 ? token_write(keys, user, &terms) : NULL;
}
