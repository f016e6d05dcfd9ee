/* mp_read: looking at MessagePack values in place.
 *
 * Nothing is built: a value is the slice of its own bytes, and finding a key is a walk over the
 * heads of its siblings. That suits a hub, which looks at a few keys of a message and forwards the
 * rest. The price is that a walk inside a walk costs again; nobody here loops over mp_at().
 *
 * Trust is given once, by mp_take(). Behind it a broken encoding is a mistake of ours and aborts.
 * Any thread. */
#include "wire/mp.h"

#include "wire/mp_head.h"

#define MAP(n) [0x80 + (n)] = {.kind = MP_MAP, .inside = 2 * (n)}
#define ARRAY(n) [0x90 + (n)] = {.kind = MP_ARRAY, .inside = (n)}
#define TEXT(n) [0xa0 + (n)] = {.kind = MP_STR, .body = (n)}
#define SIXTEEN(X, at)                                                                             \
    X((at) + 0), X((at) + 1), X((at) + 2), X((at) + 3), X((at) + 4), X((at) + 5), X((at) + 6),     \
        X((at) + 7), X((at) + 8), X((at) + 9), X((at) + 10), X((at) + 11), X((at) + 12),           \
        X((at) + 13), X((at) + 14), X((at) + 15)

const struct mp_first mp_firsts[256] = {
    [0x00 ... 0x7f] = {.kind = MP_INT},
    SIXTEEN(MAP, 0),
    SIXTEEN(ARRAY, 0),
    SIXTEEN(TEXT, 0),
    SIXTEEN(TEXT, 16),
    [0xc0] = {.kind = MP_NIL},
    [0xc1] = {.is_long = true},
    [0xc2 ... 0xc3] = {.kind = MP_BOOL},
    [0xc4 ... 0xc9] = {.is_long = true},
    [0xca] = {.kind = MP_FLOAT, .body = 4},
    [0xcb] = {.kind = MP_FLOAT, .body = 8},
    [0xcc] = {.kind = MP_INT, .body = 1},
    [0xcd] = {.kind = MP_INT, .body = 2},
    [0xce] = {.kind = MP_INT, .body = 4},
    [0xcf] = {.kind = MP_INT, .body = 8},
    [0xd0] = {.kind = MP_INT, .body = 1},
    [0xd1] = {.kind = MP_INT, .body = 2},
    [0xd2] = {.kind = MP_INT, .body = 4},
    [0xd3] = {.kind = MP_INT, .body = 8},
    [0xd4] = {.kind = MP_EXT, .body = 2},
    [0xd5] = {.kind = MP_EXT, .body = 3},
    [0xd6] = {.kind = MP_EXT, .body = 5},
    [0xd7] = {.kind = MP_EXT, .body = 9},
    [0xd8] = {.kind = MP_EXT, .body = 17},
    [0xd9 ... 0xdf] = {.is_long = true},
    [0xe0 ... 0xff] = {.kind = MP_INT},
};

int mp_take_some(struct slice *in, unsigned max_depth, size_t *n_values, struct slice *ret_value)
{
    uint64_t left[MP_MAX_DEPTH];
    unsigned depth = 0;
    const uint8_t *p = (const uint8_t *)in->ptr;
    size_t n = in->len, n_left = *n_values;
    struct mp_head h;

    ASSERT(max_depth <= MP_MAX_DEPTH);
    for (;; n_left--) {
        if (!n_left)
            return MP_LATE;
        int r = mp_head_read(p, n, &h);
        if (r != MP_OK)
            return r;
        /* Every value inside takes a byte at least, so a count past the input is known to be cut
         * short. */
        if (h.head_len > n || h.body_len > n - h.head_len || h.n_inside > n - h.head_len)
            return MP_MORE;
        p += h.head_len + h.body_len;
        n -= h.head_len + h.body_len;
        if (h.kind == MP_ARRAY || h.kind == MP_MAP) {
            if (depth == max_depth)
                return MP_DEEP;
            left[depth++] = h.n_inside;
        }
        while (depth && left[depth - 1] == 0)
            depth--;
        if (!depth)
            break;
        left[depth - 1]--;
    }
    *n_values = n_left - 1;
    *ret_value = slice_make(in->ptr, in->len - n);
    *in = slice_make(p, n);
    return MP_OK;
}

int mp_take(struct slice *in, unsigned max_depth, struct slice *ret_value)
{
    size_t n_values = SIZE_MAX;

    return mp_take_some(in, max_depth, &n_values, ret_value);
}

/* Inlined by hand: every message passes through mp_skip, which has no bound and needs none of its
 * count. */
static inline __attribute__((always_inline)) int skip_some(struct slice *in, uint64_t *owed,
                                                           size_t n_most)
{
    const uint8_t *p = (const uint8_t *)in->ptr;
    size_t n = in->len;
    uint64_t due = *owed;
    struct mp_head h;

    for (; due && n_most; n_most--) {
        int r = mp_head_read(p, n, &h);
        if (r != MP_OK)
            return r;
        if (h.head_len > n || h.body_len > n - h.head_len)
            return MP_MORE;
        p += h.head_len + h.body_len;
        n -= h.head_len + h.body_len;
        due += h.n_inside;
        due--;
        if (due > n)
            return MP_MORE;
    }
    *owed = due;
    *in = slice_make(p, n);
    return due ? MP_LATE : MP_OK;
}

int mp_skip_some(struct slice *in, uint64_t *owed, size_t n_most)
{
    return skip_some(in, owed, n_most);
}

int mp_skip(struct slice *in, struct slice *ret_value)
{
    struct slice rest = *in;
    uint64_t owed = 1;
    int r = skip_some(&rest, &owed, SIZE_MAX);

    if (r != MP_OK)
        return r;
    *ret_value = slice_make(in->ptr, in->len - rest.len);
    *in = rest;
    return MP_OK;
}

bool mp_take_head(struct slice *in, enum mp_kind kind, uint32_t *ret_n)
{
    struct mp_head h;

    if (mp_head_read((const uint8_t *)in->ptr, in->len, &h) != MP_OK || h.kind != kind ||
        h.head_len > in->len)
        return false;
    *in = slice_from(*in, h.head_len);
    *ret_n = (uint32_t)(kind == MP_MAP ? h.n_inside / 2 : h.n_inside);
    return true;
}

/* The head of a value that is known to be sound. */
static struct mp_head mp_read_head_of(struct slice v)
{
    struct mp_head h;

    ASSERT(mp_head_read((const uint8_t *)v.ptr, v.len, &h) == MP_OK);
    ASSERT(h.body_len <= v.len - h.head_len);
    return h;
}

enum mp_kind mp_kind(struct slice v)
{
    return (enum mp_kind)mp_read_head_of(v).kind;
}

bool mp_get_bool(struct slice v, bool *ret_bool)
{
    if (!mp_is(v, MP_BOOL))
        return false;
    *ret_bool = (uint8_t)v.ptr[0] == 0xc3;
    return true;
}

/* 0xd0 to 0xd3. */
static int64_t signed_load(const uint8_t *p)
{
    switch (p[0]) {
    case 0xd0:
        return (int8_t)p[1];
    case 0xd1:
        return (int16_t)mp_load(p + 1, 2);
    case 0xd2:
        return (int32_t)mp_load(p + 1, 4);
    default:
        return (int64_t)mp_load(p + 1, 8);
    }
}

/* An MP_INT as its 64 bits and whether they are to be read as signed. */
static uint64_t int_bits(struct slice v, bool *ret_is_negative)
{
    const uint8_t *p = (const uint8_t *)v.ptr;
    uint64_t bits;

    if (p[0] < 0xcc) {
        bits = p[0];
        *ret_is_negative = false;
    } else if (p[0] >= 0xe0) {
        bits = (uint64_t)(int64_t)(int8_t)p[0];
        *ret_is_negative = true;
    } else if (p[0] <= 0xcf) {
        bits = mp_load(p + 1, 1u << (p[0] & 3));
        *ret_is_negative = false;
    } else {
        bits = (uint64_t)signed_load(p);
        *ret_is_negative = (int64_t)bits < 0;
    }
    return bits;
}

static double float_of(struct slice v)
{
    const uint8_t *p = (const uint8_t *)v.ptr;

    if (p[0] == 0xca) {
        uint32_t bits = (uint32_t)mp_load(p + 1, 4);
        float f;
        memcpy(&f, &bits, sizeof(f));
        return f;
    }
    uint64_t bits = mp_load(p + 1, 8);
    double d;
    memcpy(&d, &bits, sizeof(d));
    return d;
}

bool mp_get_int(struct slice v, int64_t *ret_int)
{
    if (mp_is(v, MP_INT)) {
        bool is_negative;
        uint64_t bits = int_bits(v, &is_negative);
        if (!is_negative && bits > INT64_MAX)
            return false;
        *ret_int = (int64_t)bits;
        return true;
    }
    if (!mp_is(v, MP_FLOAT))
        return false;
    double d = float_of(v);
    /* 2^63 is exact as a double, INT64_MAX is not. */
    if (!(d >= -9223372036854775808.0 && d < 9223372036854775808.0) || (double)(int64_t)d != d)
        return false;
    *ret_int = (int64_t)d;
    return true;
}

bool mp_get_num(struct slice v, double *ret_num)
{
    if (mp_is(v, MP_FLOAT)) {
        *ret_num = float_of(v);
        return true;
    }
    if (!mp_is(v, MP_INT))
        return false;
    bool is_negative;
    uint64_t bits = int_bits(v, &is_negative);
    *ret_num = is_negative ? (double)(int64_t)bits : (double)bits;
    return true;
}

bool mp_get_uint64(struct slice v, uint64_t *ret_uint)
{
    bool is_negative;

    if (!mp_is(v, MP_INT))
        return false;
    uint64_t bits = int_bits(v, &is_negative);
    if (is_negative)
        return false;
    *ret_uint = bits;
    return true;
}

static bool get_body(struct slice v, enum mp_kind kind, struct slice *ret_body)
{
    if (!v.len)
        return false;
    struct mp_head h = mp_read_head_of(v);
    if (h.kind != kind)
        return false;
    *ret_body = slice_make(v.ptr + h.head_len, h.body_len);
    return true;
}

bool mp_get_str(struct slice v, struct slice *ret_text)
{
    return get_body(v, MP_STR, ret_text);
}

bool mp_get_bin(struct slice v, struct slice *ret_bytes)
{
    return get_body(v, MP_BIN, ret_bytes);
}

uint32_t mp_count(struct slice v)
{
    if (!v.len)
        return 0;
    struct mp_head h = mp_read_head_of(v);
    return (uint32_t)(h.kind == MP_MAP ? h.n_inside / 2 : h.n_inside);
}

void mp_iter_init(struct mp_iter *it, struct slice array_or_map)
{
    *it = (struct mp_iter){.rest = array_or_map};
    if (!array_or_map.len)
        return;
    struct mp_head h = mp_read_head_of(array_or_map);
    it->n_left = mp_count(array_or_map);
    it->rest = slice_from(array_or_map, h.head_len);
}

static struct slice iter_cut(struct mp_iter *it)
{
    struct slice v;

    ASSERT(mp_skip(&it->rest, &v) == MP_OK);
    return v;
}

bool mp_iter_next(struct mp_iter *it, struct slice *ret_value)
{
    if (!it->n_left)
        return false;
    it->n_left--;
    *ret_value = iter_cut(it);
    return true;
}

bool mp_iter_pair(struct mp_iter *it, struct slice *ret_key, struct slice *ret_value)
{
    if (!it->n_left)
        return false;
    it->n_left--;
    *ret_key = iter_cut(it);
    *ret_value = iter_cut(it);
    return true;
}

bool mp_find(struct slice map, const char *key, struct slice *ret_value)
{
    struct mp_iter it;
    struct slice k, v, text, wanted = slice_of(key);
    bool is_found = false;

    if (!mp_is(map, MP_MAP))
        return false;
    mp_iter_init(&it, map);
    while (mp_iter_pair(&it, &k, &v)) {
        if (mp_get_str(k, &text) && slice_eq(text, wanted)) {
            *ret_value = v;
            is_found = true;
        }
    }
    return is_found;
}

bool mp_at(struct slice array, uint32_t index, struct slice *ret_value)
{
    struct mp_iter it;
    struct slice v;

    if (!mp_is(array, MP_ARRAY) || index >= mp_count(array))
        return false;
    mp_iter_init(&it, array);
    for (uint32_t i = 0; mp_iter_next(&it, &v); i++) {
        if (i == index) {
            *ret_value = v;
            return true;
        }
    }
    return false;
}

bool mp_find_str(struct slice map, const char *key, struct slice *ret_text)
{
    struct slice v;

    return mp_find(map, key, &v) && mp_get_str(v, ret_text);
}

bool mp_find_bool(struct slice map, const char *key, bool *ret_bool)
{
    struct slice v;

    return mp_find(map, key, &v) && mp_get_bool(v, ret_bool);
}
