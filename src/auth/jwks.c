/* jwks: what is not a plain RSA signing key is passed over, not an error: issuers publish keys for
 * other algorithms and uses in the same set, and one of them must not lock everybody out. */
#include "auth/jwks.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/memory.h"
#include "wire/digest.h"
#include "wire/json.h"
#include "wire/mp.h"

/* A member that may be absent, and otherwise must be this text. */
static bool may_be(struct slice map, const char *key, const char *wanted)
{
    struct slice value, text;

    return !mp_find(map, key, &value) || (mp_get_str(value, &text) && slice_is(text, wanted));
}

static bool jwks_read_number(struct slice map, const char *key, struct buf *out)
{
    struct slice text;

    buf_init(out, RSA_MODULUS_MAX + 8);
    return mp_find_str(map, key, &text) && base64_decode(text, out) && !out->is_failed;
}

static bool jwks_read_key(struct slice map, struct jwk *ret)
{
    struct slice type, id;
    struct buf n, e;

    if (!mp_find_str(map, "kty", &type) || !slice_is(type, "RSA") || !may_be(map, "use", "sig") ||
        !may_be(map, "alg", "RS256") || !mp_find_str(map, "kid", &id) || !id.len ||
        id.len >= JWKS_ID_MAX || slice_has_byte(id, '\0'))
        return false;
    bool has_n = jwks_read_number(map, "n", &n), has_e = jwks_read_number(map, "e", &e);
    bool is_good = has_n && has_e && rsa_key_make(buf_slice(&n), buf_slice(&e), &ret->rsa);
    buf_deinit(&n);
    buf_deinit(&e);
    (void)snprintf(ret->id, sizeof(ret->id), SLICE_FMT, SLICE_ARG(id));
    return is_good;
}

static struct jwks *read_keys(struct slice list)
{
    struct jwks *set = mem_new(sizeof(*set) + JWKS_KEYS_MAX * sizeof(set->keys[0]));
    struct slice map;
    struct mp_iter it;

    mp_iter_init(&it, list);
    while (set->n_keys < JWKS_KEYS_MAX && mp_iter_next(&it, &map)) {
        struct jwk *key = &set->keys[set->n_keys];
        if (jwks_read_key(map, key) && !jwks_find(set, slice_of(key->id)))
            set->n_keys++;
    }
    return set;
}

int jwks_read(struct slice json, struct jwks **ret)
{
    struct slice list;
    struct buf b;

    *ret = NULL;
    buf_init(&b, 2 * JWKS_BYTES_MAX);
    if (json.len <= JWKS_BYTES_MAX && json_to_mp(json, &b, NULL) == JSON_OK &&
        mp_find(buf_slice(&b), "keys", &list) && mp_is(list, MP_ARRAY))
        *ret = read_keys(list);
    buf_deinit(&b);
    if (*ret && !(*ret)->n_keys)
        *ret = mem_free(*ret);
    return *ret ? JWKS_OK : JWKS_BAD;
}

const struct jwk *jwks_find(const struct jwks *set, struct slice id)
{
    for (size_t i = 0; set && i < set->n_keys; i++) {
        if (slice_is(id, set->keys[i].id))
            return &set->keys[i];
    }
    return NULL;
}

static bool read_url(struct slice map, const char *key, char ret[JWKS_URL_MAX])
{
    struct slice text;

    if (!mp_find_str(map, key, &text) || !text.len || text.len >= JWKS_URL_MAX ||
        slice_has_byte(text, '\0'))
        return false;
    (void)snprintf(ret, JWKS_URL_MAX, SLICE_FMT, SLICE_ARG(text));
    return true;
}

bool jwks_discovery_read(struct slice json, char ret_issuer[JWKS_URL_MAX],
                         char ret_keys_url[JWKS_URL_MAX])
{
    struct buf b;
    bool is_good;

    buf_init(&b, 2 * JWKS_BYTES_MAX);
    is_good = json.len <= JWKS_BYTES_MAX && json_to_mp(json, &b, NULL) == JSON_OK &&
              read_url(buf_slice(&b), "issuer", ret_issuer) &&
              read_url(buf_slice(&b), "jwks_uri", ret_keys_url);
    buf_deinit(&b);
    return is_good;
}
