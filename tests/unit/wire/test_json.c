#include "wire/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/check.h"
#include "unit/wire/dice.h"
#include "wire/mp.h"

/* The text after a journey through MessagePack. */
static void check_journey(const char *text, const char *wanted)
{
    struct buf mp, back;
    struct slice in, v;

    buf_init(&mp, 0);
    buf_init(&back, 0);
    CHECK_INT(json_to_mp(slice_of(text), &mp, NULL), JSON_OK);
    in = buf_slice(&mp);
    CHECK(mp_take(&in, MP_MAX_DEPTH, &v) == MP_OK && in.len == 0);
    CHECK_INT(json_from_mp(v, &back), JSON_OK);
    CHECK_BYTES(back.ptr, back.len, wanted, strlen(wanted));
    buf_deinit(&mp);
    buf_deinit(&back);
}

CASE(texts_keep_their_meaning)
{
    check_journey(" {\"b\" : [1, -2.5, true, false, null, \"x\"], \"a\": {}} ",
                  "{\"b\":[1,-2.5,true,false,null,\"x\"],\"a\":{}}");
    check_journey("\xef\xbb\xbf[]", "[]");
    check_journey("7", "7");
    check_journey("\"\\u00e9\\ud83d\\ude00\\u2028\\/\"",
                  "\"\xc3\xa9\xf0\x9f\x98\x80\xe2\x80\xa8/\"");
    check_journey("\"\\u0000\\u001f\\b\\f\\n\\r\\t\\\"\\\\\\u007f\"",
                  "\"\\u0000\\u001f\\b\\f\\n\\r\\t\\\"\\\\\x7f\"");
    check_journey("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}");
}

CASE(numbers_past_int64_become_floats)
{
    check_journey("[9223372036854775807,-9223372036854775808]",
                  "[9223372036854775807,-9223372036854775808]");
    check_journey("[9223372036854775808,-9223372036854775809]",
                  "[9.223372036854776e+18,-9.223372036854776e+18]");
    check_journey("{\"18446744073709551616\":18446744073709551616}",
                  "{\"18446744073709551616\":1.8446744073709552e+19}");
    check_journey("[10000000000000000000.5,1e5,10000000000000000000e2]", "[1e+19,100000.0,1e+21]");
    check_journey("[0.10000000000000000000001,1e-0000000000000000000007]", "[0.1,1e-07]");
    check_journey("\"\\\"99999999999999999999\"", "\"\\\"99999999999999999999\"");
}

/* Part of H-131; the scenes prove the whole. */
CASE(floats_print_as_python_does)
{
    static const struct {
        double v;
        const char *text;
    } rows[] = {
        {5.0, "5.0"},
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1e16, "1e+16"},
        {1e15, "1000000000000000.0"},
        {1e-7, "1e-07"},
        {0.0001, "0.0001"},
        {0.00001, "1e-05"},
        {100000.0, "100000.0"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {123456789012345678.5, "1.2345678901234568e+17"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {2.5e-320, "2.5e-320"},
        {-1.5e300, "-1.5e+300"},
        {9007199254740993.0, "9007199254740992.0"},
        {123.456, "123.456"},
        {0.30000000000000004, "0.30000000000000004"},
        {1e22, "1e+22"},
        {12345678901234.5, "12345678901234.5"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf mp, text;
        buf_init(&mp, 0);
        buf_init(&text, 0);
        mp_add_float(&mp, rows[i].v);
        CHECK_INT(json_from_mp(buf_slice(&mp), &text), JSON_OK);
        CHECK_BYTES(text.ptr, text.len, rows[i].text, strlen(rows[i].text));
        buf_deinit(&mp);
        buf_deinit(&text);
    }
}

CASE(every_float_reads_back)
{
    struct dice d = {17};

    for (int round = 0; round < 100000; round++) {
        struct buf mp, text;
        uint64_t bits = dice_next(&d);
        double v;
        memcpy(&v, &bits, sizeof(v));
        if (round % 2)
            v = (double)(int64_t)dice_below(&d, 2000000) / 1000;
        if (!isfinite(v))
            continue;
        buf_init(&mp, 0);
        buf_init(&text, 0);
        mp_add_float(&mp, v);
        CHECK_INT(json_from_mp(buf_slice(&mp), &text), JSON_OK);
        char *z = buf_take(&text);
        CHECK(strtod(z, NULL) == v && strpbrk(z, ".e") != NULL);
        free(z);
        buf_deinit(&mp);
    }
}

static void check_refused(const char *bytes, size_t len, int outcome)
{
    struct buf out;

    buf_init(&out, 0);
    buf_add_text(&out, "kept");
    CHECK_INT(json_from_mp(slice_make(bytes, len), &out), outcome);
    CHECK(slice_is(buf_slice(&out), "kept") && !out.is_failed);
    buf_deinit(&out);
}

/* Part of H-030; the scenes prove the whole. */
CASE(what_json_cannot_say)
{
    check_refused("\x92\x01\xc4\x01\xff", 5, JSON_HAS_BYTES);
    check_refused("\xd4\x01\x02", 3, JSON_HAS_BYTES);
    check_refused("\x81\xa1k\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", 12, JSON_HAS_NAN);
    check_refused("\xca\x7f\x80\x00\x00", 5, JSON_HAS_NAN);
    check_refused("\x81\x01\x02", 3, JSON_BAD_KEY);
    check_refused("\x81\xc4\x01k\x02", 5, JSON_BAD_KEY);
}

CASE(broken_texts_are_explained)
{
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":}",
        "{a:1}",
        "nul",
        "[1] 2",
        "NaN",
        "Infinity",
        "1e400",
        "\"\xff\"",
        "\"\xc0\x80\"",
        "'x'",
        "01",
        "+1",
        "\"\\ud800\"",
        "\"a\nb\"",
        "[1}",
        "\"\\x\"",
        "99999999999999999999x",
        "\"",
        "\"\\",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct buf out;
        char error[JSON_ERROR_MAX] = "";
        buf_init(&out, 0);
        CHECK_INT(json_to_mp(slice_of(bad[i]), &out, error), JSON_SYNTAX);
        CHECK(out.len == 0 && error[0]);
        buf_deinit(&out);
    }
}

CASE(nesting_is_bounded)
{
    char text[2 * JSON_MAX_DEPTH + 2];
    struct buf out;

    buf_init(&out, 0);
    for (size_t depth = JSON_MAX_DEPTH; depth <= JSON_MAX_DEPTH + 1; depth++) {
        bool is_over = depth > JSON_MAX_DEPTH;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        CHECK_INT(json_to_mp(slice_make(text, 2 * depth), &out, NULL),
                  is_over ? JSON_SYNTAX : JSON_OK);
    }
    buf_deinit(&out);
}

/* What a text costs in memory is in proportion to it, whatever its shape. */
CASE(size_is_that_of_the_text)
{
    static const char *const units[] = {"{},",       "[],",  "0,",   "{\"a\":0},",
                                        "[[[[]]]],", "1.5,", "\"\","};

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        struct buf text, out;
        buf_init(&text, 0);
        buf_init(&out, 0);
        buf_add_byte(&text, '[');
        for (int n = 0; n < 1 << 16; n++)
            buf_add_text(&text, units[i]);
        buf_add_text(&text, "1]");
        CHECK_INT(json_to_mp(buf_slice(&text), &out, NULL), JSON_OK);
        CHECK(out.len <= 3 * text.len);
        buf_deinit(&text);
        buf_deinit(&out);
    }
    struct buf out;
    buf_init(&out, 10);
    CHECK_INT(json_to_mp(SLICE_LIT("\"much longer than ten\""), &out, NULL), JSON_NO_MEMORY);
    CHECK_INT(out.len, 0);
    buf_deinit(&out);
}

/* Keys that come twice: in few and in many, inside others, next to equal ones of other objects. */
CASE(of_equal_keys_the_last_counts_where_the_first_stands)
{
    struct buf text, wanted;

    check_journey("{\"a\":{\"b\":1,\"b\":2},\"b\":3,\"a\":{\"b\":4}}", "{\"a\":{\"b\":4},\"b\":3}");
    check_journey("[{\"a\":1},{\"a\":2,\"\\u0061\":[3,{}]}]", "[{\"a\":1},{\"a\":[3,{}]}]");
    buf_init(&text, 0);
    buf_init(&wanted, 0);
    for (int i = 0; i < 3000; i++) {
        buf_add_fmt(&text, "%s\"k%d\":%d", i ? "," : "{", i % 1000, i);
        if (i < 1000)
            buf_add_fmt(&wanted, "%s\"k%d\":%d", i ? "," : "{", i, i + 2000);
    }
    buf_add_text(&text, "}");
    buf_add_text(&wanted, "}");
    char *a = buf_take(&text), *b = buf_take(&wanted);
    check_journey(a, b);
    free(a);
    free(b);
}

CASE(faults_are_told_as_python_tells_them)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"{x", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"},
        {"[1,\n 2 3]", "Expecting ',' delimiter: line 2 column 4 (char 7)"},
        {"{\"a\" 1}", "Expecting ':' delimiter: line 1 column 6 (char 5)"},
        {"", "Expecting value: line 1 column 1 (char 0)"},
        {"[1] 2", "Extra data: line 1 column 5 (char 4)"},
        {"[\"a", "Unterminated string starting at: line 1 column 2 (char 1)"},
        {"\"\\x\"", "Invalid \\escape: line 1 column 2 (char 1)"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        char error[JSON_ERROR_MAX] = "";
        buf_init(&out, 0);
        CHECK_INT(json_to_mp(slice_of(rows[i].text), &out, error), JSON_SYNTAX);
        CHECK_TEXT(error, rows[i].error);
        buf_deinit(&out);
    }
}

CASE(texts_are_always_valid)
{
    struct buf b;

    buf_init(&b, 0);
    json_add_text(&b, SLICE_LIT("a\xff\"\xe2\x82z\xed\xa0\x80"));
    CHECK(slice_is(buf_slice(&b),
                   "\"a\xef\xbf\xbd\\\"\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""));
    buf_clear(&b);
    json_add_text(&b, (struct slice){NULL, 0});
    CHECK(slice_is(buf_slice(&b), "\"\""));
    buf_deinit(&b);
}

CASES(RUN(texts_keep_their_meaning), RUN(numbers_past_int64_become_floats),
      RUN(floats_print_as_python_does), RUN(every_float_reads_back), RUN(what_json_cannot_say),
      RUN(broken_texts_are_explained), RUN(nesting_is_bounded), RUN(size_is_that_of_the_text),
      RUN(of_equal_keys_the_last_counts_where_the_first_stands),
      RUN(faults_are_told_as_python_tells_them), RUN(texts_are_always_valid))
