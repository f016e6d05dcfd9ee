/* Our reader and writer against msgpack-c: each reads what the other wrote, and both judge random
 * bytes alike. */
#include <math.h>
#include <msgpack.h>
#include <stdlib.h>

#include "harness/check.h"
#include "unit/wire/dice.h"
#include "wire/mp.h"

enum { ROUNDS = 20000, MUTATIONS = 50000 };

static void write_pair(struct dice *d, struct buf *b, msgpack_packer *pk, unsigned depth);

static void write_scalar(struct dice *d, struct buf *b, msgpack_packer *pk)
{
    static const char bytes[70000];
    uint64_t u = dice_next(d) >> dice_below(d, 64);
    size_t n = dice_below(d, 8) ? dice_below(d, 40) : dice_below(d, sizeof(bytes));
    double f = (double)(int64_t)u / 7.0;

    switch (dice_below(d, 7)) {
    case 0:
        mp_add_nil(b);
        msgpack_pack_nil(pk);
        break;
    case 1:
        mp_add_bool(b, u & 1);
        u & 1 ? msgpack_pack_true(pk) : msgpack_pack_false(pk);
        break;
    case 2:
        mp_add_int(b, (int64_t)(0 - u));
        msgpack_pack_int64(pk, (int64_t)(0 - u));
        break;
    case 3:
        mp_add_uint(b, u);
        msgpack_pack_uint64(pk, u);
        break;
    case 4:
        mp_add_float(b, f);
        msgpack_pack_double(pk, f);
        break;
    case 5:
        mp_add_str(b, slice_make(bytes, n));
        msgpack_pack_str_with_body(pk, bytes, n);
        break;
    default:
        mp_add_bin(b, slice_make(bytes, n));
        msgpack_pack_bin_with_body(pk, bytes, n);
    }
}

static void write_pair(struct dice *d, struct buf *b, msgpack_packer *pk, unsigned depth)
{
    unsigned kind = depth ? dice_below(d, 4) : 3;
    uint32_t n = dice_below(d, 30) ? dice_below(d, 6) : dice_below(d, 100);

    if (kind == 0) {
        mp_add_array(b, n);
        msgpack_pack_array(pk, n);
        for (uint32_t i = 0; i < n; i++)
            write_pair(d, b, pk, depth - 1);
    } else if (kind == 1) {
        mp_add_map(b, n);
        msgpack_pack_map(pk, n);
        for (uint32_t i = 0; i < 2 * n; i++)
            write_pair(d, b, pk, depth - 1);
    } else {
        write_scalar(d, b, pk);
    }
}

CASE(both_write_the_same_bytes)
{
    struct dice d = {0x9e3779b97f4a7c15};

    for (int round = 0; round < ROUNDS / 10; round++) {
        struct buf b;
        struct slice in, v;
        msgpack_sbuffer sb;
        msgpack_packer pk;
        buf_init(&b, 0);
        msgpack_sbuffer_init(&sb);
        msgpack_packer_init(&pk, &sb, msgpack_sbuffer_write);
        write_pair(&d, &b, &pk, 4);
        CHECK_BYTES(b.ptr, b.len, sb.data, sb.size);
        in = buf_slice(&b);
        CHECK(mp_take(&in, 4, &v) == MP_OK && in.len == 0);
        msgpack_sbuffer_destroy(&sb);
        buf_deinit(&b);
    }
}

static void same_value(struct slice v, const msgpack_object *o);

static void same_container(struct slice v, const msgpack_object *o)
{
    struct mp_iter it;
    struct slice key, value;
    uint32_t i = 0;

    mp_iter_init(&it, v);
    if (o->type == MSGPACK_OBJECT_ARRAY) {
        CHECK(mp_is(v, MP_ARRAY) && mp_count(v) == o->via.array.size);
        while (mp_iter_next(&it, &value))
            same_value(value, &o->via.array.ptr[i++]);
        return;
    }
    CHECK(mp_is(v, MP_MAP) && mp_count(v) == o->via.map.size);
    while (mp_iter_pair(&it, &key, &value)) {
        same_value(key, &o->via.map.ptr[i].key);
        same_value(value, &o->via.map.ptr[i++].val);
    }
}

static void same_value(struct slice v, const msgpack_object *o)
{
    struct slice bytes;
    int64_t i;
    uint64_t u;
    double d;
    bool is_true;

    switch (o->type) {
    case MSGPACK_OBJECT_NIL:
        CHECK(mp_is(v, MP_NIL));
        break;
    case MSGPACK_OBJECT_BOOLEAN:
        CHECK(mp_get_bool(v, &is_true) && is_true == o->via.boolean);
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        CHECK(mp_get_uint64(v, &u) && u == o->via.u64);
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        CHECK(mp_get_int(v, &i) && i == o->via.i64);
        break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        CHECK(mp_is(v, MP_FLOAT) && mp_get_num(v, &d) &&
              (d == o->via.f64 || (isnan(d) && isnan(o->via.f64))));
        break;
    case MSGPACK_OBJECT_STR:
        CHECK(mp_get_str(v, &bytes));
        CHECK_BYTES(bytes.ptr, bytes.len, o->via.str.ptr, o->via.str.size);
        break;
    case MSGPACK_OBJECT_BIN:
        CHECK(mp_get_bin(v, &bytes));
        CHECK_BYTES(bytes.ptr, bytes.len, o->via.bin.ptr, o->via.bin.size);
        break;
    case MSGPACK_OBJECT_EXT:
        CHECK(mp_is(v, MP_EXT));
        break;
    case MSGPACK_OBJECT_ARRAY:
    case MSGPACK_OBJECT_MAP:
        same_container(v, o);
    }
}

/* Structure bytes are likelier than letters, and lengths small, so that many of the inputs are
 * whole values. No containers with 32 bits of count: msgpack-c allocates for as many values as they
 * claim. */
static size_t random_bytes(struct dice *d, char *out, size_t room)
{
    size_t n = 1 + dice_below(d, (uint32_t)room - 1);

    for (size_t i = 0; i < n; i++) {
        uint64_t r = dice_next(d);
        out[i] = (char)(r % 3 == 0   ? 0x80 | (r >> 8 & 0x7f)
                        : r % 3 == 1 ? r >> 8 & 0x0f
                                     : 0x80 + (r >> 8) % 0x30);
        if ((uint8_t)out[i] == 0xdd || (uint8_t)out[i] == 0xdf)
            out[i]--;
    }
    return n;
}

CASE(both_judge_random_bytes_alike)
{
    struct dice d = {42};
    unsigned n_whole = 0;

    for (int round = 0; round < MUTATIONS; round++) {
        char bytes[64];
        size_t n = random_bytes(&d, bytes, sizeof(bytes)), at = 0;
        struct slice in = slice_make(bytes, n), v = {NULL, 0};
        int r = mp_take(&in, 30, &v);
        msgpack_unpacked u;
        msgpack_unpacked_init(&u);
        msgpack_unpack_return theirs = msgpack_unpack_next(&u, bytes, n, &at);
        if (r == MP_OK) {
            CHECK_INT(theirs, MSGPACK_UNPACK_SUCCESS);
            CHECK_INT(at, v.len);
            same_value(v, &u.data);
            n_whole++;
        } else if (r == MP_BAD) {
            CHECK_INT(theirs, MSGPACK_UNPACK_PARSE_ERROR);
        } else if (r == MP_MORE) {
            CHECK(theirs == MSGPACK_UNPACK_CONTINUE || theirs == MSGPACK_UNPACK_PARSE_ERROR ||
                  theirs == MSGPACK_UNPACK_NOMEM_ERROR);
        }
        msgpack_unpacked_destroy(&u);
    }
    CHECK(n_whole > MUTATIONS / 20);
}

CASES(RUN(both_write_the_same_bytes), RUN(both_judge_random_bytes_alike))
