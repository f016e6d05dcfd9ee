#include "wire/mp.h"

#include <math.h>
#include <stdlib.h>

#include "harness/check.h"

static struct slice take_all(struct buf *b)
{
    struct slice in = buf_slice(b), v;

    CHECK_INT(mp_take(&in, MP_MAX_DEPTH, &v), MP_OK);
    CHECK_INT(in.len, 0);
    return v;
}

CASE(integers_take_their_shortest_form)
{
    static const struct {
        int64_t v;
        size_t len;
    } rows[] = {
        {0, 1},
        {127, 1},
        {128, 2},
        {255, 2},
        {256, 3},
        {65535, 3},
        {65536, 5},
        {4294967295, 5},
        {4294967296, 9},
        {INT64_MAX, 9},
        {-1, 1},
        {-32, 1},
        {-33, 2},
        {-128, 2},
        {-129, 3},
        {-32768, 3},
        {-32769, 5},
        {INT32_MIN, 5},
        {(int64_t)INT32_MIN - 1, 9},
        {INT64_MIN, 9},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;
        int64_t back;
        buf_init(&b, 0);
        mp_add_int(&b, rows[i].v);
        CHECK_INT(b.len, rows[i].len);
        CHECK(mp_get_int(take_all(&b), &back));
        CHECK_INT(back, rows[i].v);
        buf_deinit(&b);
    }
}

/* Part of W-044; the scenes prove the whole. */
CASE(numbers_are_read_from_either_kind)
{
    struct buf b;
    int64_t i;
    uint64_t u;
    double d;

    buf_init(&b, 0);
    mp_add_float(&b, 15.0);
    CHECK(mp_get_int(take_all(&b), &i) && i == 15);
    CHECK(mp_get_num(take_all(&b), &d) && d == 15.0);
    CHECK(!mp_get_uint64(take_all(&b), &u));
    buf_clear(&b);
    mp_add_int(&b, 15);
    CHECK(mp_get_num(take_all(&b), &d) && d == 15.0);
    buf_clear(&b);
    buf_add(&b, "\xca\x3f\xc0\x00\x00", 5);
    CHECK(mp_get_num(take_all(&b), &d) && d == 1.5);
    CHECK(!mp_get_int(take_all(&b), &i));
    static const double out_of_range[] = {1.5, 9223372036854775808.0, -9.3e18, INFINITY, NAN};
    for (size_t k = 0; k < ARRAY_LEN(out_of_range); k++) {
        buf_clear(&b);
        mp_add_float(&b, out_of_range[k]);
        CHECK(!mp_get_int(take_all(&b), &i));
    }
    buf_clear(&b);
    mp_add_uint(&b, UINT64_MAX);
    CHECK(!mp_get_int(take_all(&b), &i));
    CHECK(mp_get_uint64(take_all(&b), &u) && u == UINT64_MAX);
    buf_deinit(&b);
}

CASE(depth_is_counted_in_containers)
{
    struct buf b;
    struct slice in, v;

    buf_init(&b, 0);
    for (int i = 0; i < 200; i++)
        mp_add_array(&b, 1);
    mp_add_nil(&b);
    in = buf_slice(&b);
    CHECK_INT(mp_take(&in, MP_MAX_DEPTH, &v), MP_DEEP);
    CHECK(in.len == b.len);
    in = slice_from(buf_slice(&b), 200 - 128);
    CHECK_INT(mp_take(&in, 128, &v), MP_OK);
    in = slice_from(buf_slice(&b), 199);
    CHECK_INT(mp_take(&in, 0, &v), MP_DEEP);
    in = slice_from(buf_slice(&b), 200);
    CHECK_INT(mp_take(&in, 0, &v), MP_OK);
    buf_deinit(&b);
}

CASE(broken_bytes_have_names)
{
    static const struct {
        const char *bytes;
        size_t len;
        int outcome;
    } rows[] = {
        {"", 0, MP_MORE},
        {"\xc1", 1, MP_BAD},
        {"\x92\x01\xc1", 3, MP_BAD},
        {"\xa3xy", 3, MP_MORE},
        {"\xdb\xff\xff\xff\xffxy", 7, MP_MORE},
        {"\xdd\xff\xff\xff\xff\x01\x02", 7, MP_MORE},
        {"\xdf\xff\xff\xff\xff\x01\x02", 7, MP_MORE},
        {"\x81\xa1k", 3, MP_MORE},
        {"\xc9\xff\xff\xff\xff\x01", 6, MP_MORE},
        {"\xd9", 1, MP_MORE},
        {"\xcf\x01\x02", 3, MP_MORE},
        {"\xcb\x01\x02\x03\x04\x05\x06\x07", 8, MP_MORE},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice in = slice_make(rows[i].bytes, rows[i].len), v = {NULL, 0};
        CHECK_INT(mp_take(&in, MP_MAX_DEPTH, &v), rows[i].outcome);
        CHECK(in.len == rows[i].len && !v.ptr);
    }
}

CASE(values_follow_one_another)
{
    struct slice in = slice_make("\x01\xa1x\x91\xc0\xff", 6), v;

    CHECK(mp_take(&in, 4, &v) == MP_OK && mp_kind(v) == MP_INT && v.len == 1);
    CHECK(mp_take(&in, 4, &v) == MP_OK && mp_kind(v) == MP_STR && v.len == 2);
    CHECK(mp_take(&in, 4, &v) == MP_OK && mp_kind(v) == MP_ARRAY && v.len == 2);
    CHECK(mp_take(&in, 4, &v) == MP_OK && mp_kind(v) == MP_INT && in.len == 0);
}

static void build_sample(struct buf *b)
{
    struct mp_open map, list;

    mp_open_map(&map, b);
    mp_key(&map, "name");
    mp_add_text(b, "first");
    mp_key(&map, "list");
    mp_open_array(&list, b);
    for (int i = 0; i < 3; i++) {
        mp_item(&list);
        mp_add_int(b, i * 10);
    }
    mp_close(&list);
    mp_key(&map, "ok");
    mp_add_bool(b, true);
    mp_key(&map, "raw");
    mp_add_bin(b, SLICE_LIT("\0\1\2"));
    mp_key(&map, "nothing");
    mp_add_text(b, NULL);
    mp_key(&map, "name");
    mp_add_text(b, "last");
    mp_key(&map, "absent");
    mp_add_raw(b, (struct slice){NULL, 0});
    mp_close(&map);
}

CASE(maps_are_searched_by_text)
{
    struct buf b;
    struct slice map, v, text;
    bool is_ok = false;
    int64_t i;

    buf_init(&b, 0);
    build_sample(&b);
    map = take_all(&b);
    CHECK_INT(mp_count(map), 7);
    CHECK(mp_find_str(map, "name", &text) && slice_is(text, "last"));
    CHECK(mp_find_bool(map, "ok", &is_ok) && is_ok);
    CHECK(!mp_find_bool(map, "name", &is_ok));
    CHECK(!mp_find(map, "nam", &v));
    CHECK(mp_find(map, "nothing", &v) && mp_is(v, MP_NIL));
    CHECK(mp_find(map, "absent", &v) && mp_is(v, MP_NIL));
    CHECK(mp_find(map, "raw", &v) && mp_get_bin(v, &text) && text.len == 3 &&
          !mp_get_str(v, &text));
    CHECK(mp_find(map, "list", &v) && mp_count(v) == 3);
    CHECK(mp_at(v, 2, &v) && mp_get_int(v, &i) && i == 20);
    CHECK(!mp_at(map, 0, &v));
    buf_deinit(&b);
}

CASE(absent_and_scalar_values_hold_nothing)
{
    struct slice none = {NULL, 0}, v;
    struct mp_iter it;
    int64_t i;

    CHECK(!mp_is(none, MP_NIL) && !mp_get_int(none, &i) && !mp_get_str(none, &v) &&
          !mp_find(none, "x", &v));
    CHECK_INT(mp_count(none), 0);
    mp_iter_init(&it, none);
    CHECK(!mp_iter_next(&it, &v));
    mp_iter_init(&it, SLICE_LIT("\xa3xyz"));
    CHECK(!mp_iter_next(&it, &v) && !mp_iter_pair(&it, &v, &v));
}

CASE(a_failed_buffer_swallows_the_rest)
{
    struct buf b;

    buf_init(&b, 20);
    build_sample(&b);
    CHECK(b.is_failed && b.len <= 20);
    buf_deinit(&b);
}

CASE(the_longest_heads_round_trip)
{
    static const size_t sizes[] = {0, 31, 32, 255, 256, 65535, 65536};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf b;
        struct slice text, bin, v, in;
        char *bytes = calloc(1, sizes[i] + 1);
        buf_init(&b, 0);
        mp_add_str(&b, slice_make(bytes, sizes[i]));
        mp_add_bin(&b, slice_make(bytes, sizes[i]));
        mp_add_array(&b, (uint32_t)sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            mp_add_nil(&b);
        in = buf_slice(&b);
        CHECK(mp_take(&in, 1, &v) == MP_OK && mp_get_str(v, &text) && text.len == sizes[i]);
        CHECK(mp_take(&in, 1, &v) == MP_OK && mp_get_bin(v, &bin) && bin.len == sizes[i]);
        CHECK(mp_take(&in, 1, &v) == MP_OK && mp_count(v) == sizes[i] && in.len == 0);
        buf_deinit(&b);
        free(bytes);
    }
}

CASES(RUN(integers_take_their_shortest_form), RUN(numbers_are_read_from_either_kind),
      RUN(depth_is_counted_in_containers), RUN(broken_bytes_have_names),
      RUN(values_follow_one_another), RUN(maps_are_searched_by_text),
      RUN(absent_and_scalar_values_hold_nothing), RUN(a_failed_buffer_swallows_the_rest),
      RUN(the_longest_heads_round_trip))
