/* jws: base64 and JSON are read by the rooms below; only the shape is known here. */
#include "auth/jws.h"

#include <stdio.h>

#include "auth/token.h"
#include "wire/digest.h"
#include "wire/json.h"
#include "wire/mp.h"

bool jws_split(struct slice text, struct jws *ret)
{
    struct slice rest;

    if (text.len > TOKEN_MAX || slice_has_byte(text, '\0') ||
        !slice_cut(text, '.', &ret->head, &rest) ||
        !slice_cut(rest, '.', &ret->payload, &ret->signature) ||
        slice_has_byte(ret->signature, '.'))
        return false;
    ret->signed_part = slice_to(text, ret->head.len + 1 + ret->payload.len);
    return ret->head.len && ret->payload.len && ret->signature.len;
}

/* Appends the JSON map a part holds; false when it holds none. */
static bool jws_read_map(struct slice part, struct buf *out)
{
    SCRATCH_BUF(text, TOKEN_MAX);
    bool ok;

    ok = base64_decode(part, &text) && json_to_mp(buf_slice(&text), out, NULL) == JSON_OK &&
         mp_is(buf_slice(out), MP_MAP);
    return ok;
}

bool jws_header_read(const struct jws *j, struct jws_header *ret)
{
    struct slice algorithm, id, critical;
    struct buf map;
    bool ok;

    *ret = (struct jws_header){0};
    buf_init(&map, 2 * TOKEN_MAX);
    ok = jws_read_map(j->head, &map) && mp_find_str(buf_slice(&map), "alg", &algorithm);
    if (ok) {
        algorithm = slice_utf8_prefix(algorithm, sizeof(ret->algorithm) - 1);
        (void)snprintf(ret->algorithm, sizeof(ret->algorithm), SLICE_FMT, SLICE_ARG(algorithm));
        if (mp_find_str(buf_slice(&map), "kid", &id) && id.len < JWKS_ID_MAX &&
            !slice_has_byte(id, '\0'))
            (void)snprintf(ret->key_id, sizeof(ret->key_id), SLICE_FMT, SLICE_ARG(id));
        ret->has_critical = mp_find(buf_slice(&map), "crit", &critical);
    }
    buf_deinit(&map);
    return ok;
}

bool jws_is_signed_by(const struct jws *j, const struct rsa_key *key)
{
    uint8_t digest[32];
    SCRATCH_BUF(signature, TOKEN_MAX);
    bool ok;

    digest_sha256(j->signed_part, digest);
    ok = base64_decode(j->signature, &signature) &&
         rsa_verify_sha256(key, digest, buf_slice(&signature));
    return ok;
}

bool jws_claims(const struct jws *j, struct buf *out)
{
    return jws_read_map(j->payload, out);
}
