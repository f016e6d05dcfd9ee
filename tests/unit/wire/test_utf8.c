#include "wire/utf8.h"

#include "harness/check.h"
#include "unit/wire/dice.h"

CASE(characters_are_cut_one_by_one)
{
    struct slice text = SLICE_LIT("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xff\xe2\x82z");
    static const uint32_t wanted[] = {'a', 0xe9, 0x20ac, 0x1f600, 0xfffd, 0xfffd, 'z'};

    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        uint32_t c;
        CHECK(text.len && utf8_take(&text, &c) == (wanted[i] != 0xfffd));
        CHECK_INT(c, wanted[i]);
    }
    CHECK_INT(text.len, 0);
}

/* Two readers of the same rules: base's whole-text check and this walk. */
CASE(both_checks_of_a_text_agree)
{
    struct dice d = {23};
    unsigned n_good = 0;

    for (int round = 0; round < 200000; round++) {
        static const uint8_t likely[] = {0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
                                         0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed,
                                         0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff};
        char bytes[6];
        size_t n = dice_below(&d, sizeof(bytes) + 1);
        for (size_t i = 0; i < n; i++)
            bytes[i] = (char)likely[dice_below(&d, sizeof(likely))];
        struct slice text = slice_make(bytes, n), rest = text;
        struct buf whole;
        bool is_good = true;
        uint32_t c;
        while (rest.len)
            is_good = utf8_take(&rest, &c) && is_good;
        CHECK(is_good == slice_is_utf8(text));
        n_good += is_good;
        buf_init(&whole, 0);
        utf8_add(&whole, text);
        CHECK(slice_is_utf8(buf_slice(&whole)));
        CHECK(!is_good || slice_eq(buf_slice(&whole), text));
        buf_deinit(&whole);
    }
    CHECK(n_good > 1000);
}

CASE(what_nobody_sees_is_found)
{
    static const char *const directions[] = {"a\u202eb", "\u202aa", "a\u2066", "\u2069",
                                             "x\u200ey", "\u200f",  "\u061c"};
    static const char *const others[] = {"a\u200bb", "\ufeff",   "\u00ad",      "\U000e0041",
                                         "\u2060",   "a\u200db", "\u2764\ufe0f"};
    static const char *const plain[] = {
        "",           "abc",    "\u00e9t\u00e9", "\u0645\u0631\u062d\u0628\u0627",
        "\U0001f600", "\u2028", "\xff"};

    for (size_t i = 0; i < ARRAY_LEN(directions); i++)
        CHECK(utf8_has_direction(slice_of(directions[i])) &&
              utf8_has_invisible(slice_of(directions[i])));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        CHECK(!utf8_has_direction(slice_of(others[i])) && utf8_has_invisible(slice_of(others[i])));
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        CHECK(!utf8_has_direction(slice_of(plain[i])) && !utf8_has_invisible(slice_of(plain[i])));
}

CASES(RUN(what_nobody_sees_is_found), RUN(characters_are_cut_one_by_one),
      RUN(both_checks_of_a_text_agree))
