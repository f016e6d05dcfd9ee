/* lineage: in a claim a digest is base64 text, because claims are JSON; between parts of the server
 * it is bytes. Both are maps of the same keys, of which only those that say something are
 * written. */
#include "auth/lineage.h"

#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "wire/digest.h"
#include "wire/mp.h"

void lineage_deinit(struct lineage *l)
{
    mem_free(l->digests);
    mem_free(l->client_id);
    mem_free(l->root);
    *l = (struct lineage){0};
}

/* Most have none, so it lies outside of the record. */
static uint8_t *lineage_make_root(struct lineage *l)
{
    mem_free(l->root);
    l->root = mem_new(LINEAGE_DIGEST_BYTES);
    return l->root;
}

const uint8_t *lineage_session(const struct lineage *l)
{
    return l->has_session ? l->digests[l->n] : NULL;
}

/* Room for the session, which is filled in. */
static uint8_t *lineage_make_session(struct lineage *l)
{
    if (!l->has_session)
        l->digests = mem_resize(l->digests, (l->n + 1) * sizeof(*l->digests));
    l->has_session = true;
    return l->digests[l->n];
}

/* One that comes from an earlier release is what its followers have in common. */
void lineage_begin_session(struct lineage *l)
{
    if (l->has_session)
        return;
    uint8_t *session = lineage_make_session(l);
    if (l->is_continuation && l->n)
        memcpy(session, l->digests[l->n - 1], LINEAGE_DIGEST_BYTES);
    else
        random_bytes(session, LINEAGE_DIGEST_BYTES);
}

void lineage_copy(const struct lineage *l, struct lineage *ret)
{
    *ret = *l;
    ret->digests = NULL;
    size_t n_bytes = (l->n + l->has_session) * sizeof(*l->digests);
    if (n_bytes)
        ret->digests = (void *)mem_copy(l->digests, n_bytes);
    ret->client_id = l->client_id ? mem_copy(l->client_id, strlen(l->client_id)) : NULL;
    ret->root = NULL;
    if (l->root)
        memcpy(lineage_make_root(ret), l->root, LINEAGE_DIGEST_BYTES);
}

size_t lineage_taken(const struct lineage *l)
{
    return mem_taken(l->digests) + mem_taken(l->client_id) + mem_taken(l->root);
}

bool lineage_has(const struct lineage *l, const uint8_t *digest)
{
    for (unsigned i = 0; i < l->n + l->has_session; i++) {
        if (memcmp(l->digests[i], digest, LINEAGE_DIGEST_BYTES) == 0)
            return true;
    }
    return false;
}

void lineage_add(struct lineage *l, const uint8_t *digest)
{
    /* LINEAGE_MAX tokens, and a reconnection token of the last one */
    ASSERT(l->n <= LINEAGE_MAX);
    l->digests = mem_resize(l->digests, (l->n + 1 + l->has_session) * sizeof(*l->digests));
    if (l->has_session)
        memcpy(l->digests[l->n + 1], l->digests[l->n], LINEAGE_DIGEST_BYTES);
    memcpy(l->digests[l->n++], digest, LINEAGE_DIGEST_BYTES);
}

static void digest_root(struct slice root_token, uint8_t ret[LINEAGE_DIGEST_BYTES])
{
    uint8_t digest[32];

    digest_sha256(root_token, digest);
    memcpy(ret, digest, LINEAGE_DIGEST_BYTES);
}

void lineage_set_root(struct lineage *l, struct slice root_token)
{
    digest_root(root_token, lineage_make_root(l));
}

bool lineage_is_by_root(const struct lineage *l, struct slice root_token)
{
    uint8_t digest[LINEAGE_DIGEST_BYTES];

    digest_root(root_token, digest);
    return l->root && root_token.len && memcmp(digest, l->root, sizeof(digest)) == 0;
}

/* ---- writing ---- */

static void add_digest(struct buf *b, const uint8_t *digest)
{
    SCRATCH_BUF(text, 0);

    base64_encode(slice_make(digest, LINEAGE_DIGEST_BYTES), &text);
    mp_add_str(b, buf_slice(&text));
}

static void add_terms(struct mp_open *map, const struct lineage *l)
{
    if (l->has_session) {
        mp_key(map, "session");
        add_digest(map->buf, lineage_session(l));
    }
    if (l->root) {
        mp_key(map, "root");
        add_digest(map->buf, l->root);
    }
    if (l->until) {
        mp_key(map, "until");
        mp_add_int(map->buf, l->until);
    }
    if (l->client_id) {
        mp_key(map, "client");
        mp_add_text(map->buf, l->client_id);
    }
}

void lineage_add_claim(struct buf *b, const struct lineage *l, bool as_continuation)
{
    bool by_session = !as_continuation && l->is_continuation && l->has_session;
    unsigned n = l->n - ((as_continuation || by_session) && l->is_continuation && l->n);
    struct mp_open map;

    mp_open_map(&map, b);
    mp_key(&map, "of");
    mp_add_array(b, n + by_session);
    for (unsigned i = 0; i < n; i++)
        add_digest(b, l->digests[i]);
    if (by_session)
        add_digest(b, lineage_session(l));
    /* the terms of a token that is minted follow from its own claims */
    if (as_continuation) {
        mp_key(&map, "continues");
        mp_add_bool(b, true);
        add_terms(&map, l);
    }
    mp_close(&map);
}

void lineage_add_mp(struct buf *b, const struct lineage *l)
{
    struct mp_open map;

    mp_open_map(&map, b);
    mp_key(&map, "of");
    mp_add_array(b, l->n);
    for (unsigned i = 0; i < l->n; i++)
        mp_add_bin(b, slice_make(l->digests[i], LINEAGE_DIGEST_BYTES));
    mp_key(&map, "continues");
    mp_add_bool(b, l->is_continuation);
    add_terms(&map, l);
    mp_close(&map);
}

/* ---- reading ---- */

static bool read_digest(struct slice text, uint8_t ret[LINEAGE_DIGEST_BYTES])
{
    SCRATCH_BUF(bytes, 0);

    bool ok = base64_decode(text, &bytes) && bytes.len == LINEAGE_DIGEST_BYTES;
    if (ok)
        memcpy(ret, bytes.ptr, LINEAGE_DIGEST_BYTES);
    return ok;
}

static bool add_base64(struct slice text, struct lineage *l)
{
    uint8_t digest[LINEAGE_DIGEST_BYTES];

    if (!read_digest(text, digest))
        return false;
    lineage_add(l, digest);
    return true;
}

static bool read_digests(struct slice map, struct lineage *l)
{
    struct slice list, item, bytes;
    struct mp_iter it;

    if (!mp_find(map, "of", &list) || !mp_is(list, MP_ARRAY) || mp_count(list) > LINEAGE_MAX + 1)
        return false;
    mp_iter_init(&it, list);
    while (mp_iter_next(&it, &item)) {
        if (mp_get_bin(item, &bytes) && bytes.len == LINEAGE_DIGEST_BYTES)
            lineage_add(l, (const uint8_t *)bytes.ptr);
        else if (!mp_get_str(item, &bytes) || !add_base64(bytes, l))
            return false;
    }
    return true;
}

static bool read_terms(struct slice map, struct lineage *l)
{
    struct slice value, text;

    (void)mp_find_bool(map, "continues", &l->is_continuation);
    if (mp_find(map, "until", &value) && (!mp_get_int(value, &l->until) || l->until < 0))
        return false;
    if (mp_find(map, "session", &value) &&
        (!mp_get_str(value, &text) || !read_digest(text, lineage_make_session(l))))
        return false;
    if (mp_find(map, "root", &value) &&
        (!mp_get_str(value, &text) || !read_digest(text, lineage_make_root(l))))
        return false;
    if (!mp_find(map, "client", &value))
        return true;
    if (!mp_get_str(value, &text) || !text.len || slice_has_byte(text, '\0'))
        return false;
    l->client_id = mem_copy(text.ptr, text.len);
    return true;
}

bool lineage_read_mp(struct slice value, struct lineage *ret)
{
    struct lineage l = {.is_known = true};

    if (!mp_is(value, MP_MAP) || !read_digests(value, &l) || !read_terms(value, &l)) {
        lineage_deinit(&l);
        return false;
    }
    *ret = l;
    return true;
}

bool lineage_read_claim(struct slice value, struct lineage *ret)
{
    if (!lineage_read_mp(value, ret))
        return false;
    if (ret->n <= LINEAGE_MAX)
        return true;
    lineage_deinit(ret);
    return false;
}
