#include "base/slice.h"

#include "harness/check.h"

CASE(cut_splits_at_the_first_byte)
{
    struct slice head = SLICE_LIT("h"), tail = SLICE_LIT("t");

    CHECK(slice_cut(SLICE_LIT("ws/a/b"), '/', &head, &tail));
    CHECK(slice_is(head, "ws") && slice_is(tail, "a/b"));
    CHECK(slice_cut(SLICE_LIT("/"), '/', &head, &tail));
    CHECK(head.len == 0 && tail.len == 0);
    head = SLICE_LIT("h");
    CHECK(!slice_cut(SLICE_LIT("none"), '/', &head, &tail));
    CHECK(slice_is(head, "h"));
}

CASE(utf8_is_checked_as_rfc_3629_says)
{
    CHECK(slice_is_utf8(SLICE_LIT("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80")));
    CHECK(!slice_is_utf8(SLICE_LIT("\xc0\x80")));
    CHECK(!slice_is_utf8(SLICE_LIT("\xed\xa0\x80")));
    CHECK(!slice_is_utf8(SLICE_LIT("\xf4\x90\x80\x80")));
    CHECK(!slice_is_utf8(SLICE_LIT("\xe2\x82")));
    CHECK(slice_is(slice_utf8_prefix(SLICE_LIT("a\xe2\x82\xac"), 3), "a"));
    CHECK(slice_utf8_prefix(SLICE_LIT("a\xe2\x82\xac"), 4).len == 4);
}

CASE(secrets_compare_by_content)
{
    CHECK(slice_eq_secret(SLICE_LIT("abc"), SLICE_LIT("abc")));
    CHECK(!slice_eq_secret(SLICE_LIT("abc"), SLICE_LIT("abd")));
    CHECK(!slice_eq_secret(SLICE_LIT("abcabc"), SLICE_LIT("abc")));
    CHECK(!slice_eq_secret(SLICE_LIT("abc"), SLICE_LIT("abcabc")));
    CHECK(!slice_eq_secret(SLICE_LIT(""), SLICE_LIT("a")));
}

/* Whatever is cut, the parts are looked at as the whole is. */
CASE(a_cut_character_waits_for_its_rest)
{
    static const struct {
        const char *text;
        size_t whole;
    } rows[] = {{"", 0},
                {"a", 1},
                {"a\xc3", 1},
                {"a\xc3\xa9", 3},
                {"\xe2\x82", 0},
                {"\xe2\x82\xac", 3},
                {"\xf0\x9f\x98", 0},
                {"\xf0\x9f\x98\x80", 4},
                {"\x80\x80\x80\x80", 4},
                {"a\x80", 2},
                {"a\xff", 1}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_INT(slice_utf8_whole(slice_of(rows[i].text)).len, rows[i].whole);
}

CASES(RUN(a_cut_character_waits_for_its_rest), RUN(cut_splits_at_the_first_byte),
      RUN(utf8_is_checked_as_rfc_3629_says), RUN(secrets_compare_by_content))
