#include "wire/url.h"

#include <stdlib.h>

#include "harness/check.h"

static void check_decoded(struct slice text, bool plus_is_blank, const char *wanted)
{
    struct buf b;

    buf_init(&b, 0);
    url_decode(text, plus_is_blank, &b);
    CHECK_BYTES(b.ptr, b.len, wanted, strlen(wanted));
    buf_deinit(&b);
}

CASE(percent_decoding_never_fails)
{
    check_decoded(SLICE_LIT("a%2Fb%3a"), false, "a/b:");
    check_decoded(SLICE_LIT("a+b%2B"), true, "a b+");
    check_decoded(SLICE_LIT("a+b"), false, "a+b");
    check_decoded(SLICE_LIT("100%"), false, "100%");
    check_decoded(SLICE_LIT("%4"), false, "%4");
    check_decoded(SLICE_LIT("%zz%41"), false, "%zzA");
    check_decoded(SLICE_LIT("%E2%82%AC"), false, "\xe2\x82\xac");
    check_decoded(SLICE_LIT("x%FFy"), false, "x\xef\xbf\xbdy");
    check_decoded(SLICE_LIT("%E2%82y"), false, "\xef\xbf\xbdy");
    check_decoded(SLICE_LIT("%C0%80"), false, "\xef\xbf\xbd\xef\xbf\xbd");
}

CASE(encoding_is_undone_by_decoding)
{
    struct buf once, back;

    buf_init(&once, 0);
    buf_init(&back, 0);
    url_encode(SLICE_LIT("a-._~/ ?&=+%\xe2\x82\xac"), &once);
    CHECK(slice_is(buf_slice(&once), "a-._~%2F%20%3F%26%3D%2B%25%E2%82%AC"));
    url_decode(buf_slice(&once), true, &back);
    CHECK(slice_is(buf_slice(&back), "a-._~/ ?&=+%\xe2\x82\xac"));
    buf_deinit(&once);
    buf_deinit(&back);
}

CASE(targets_split_into_path_and_query)
{
    static const char *const rows[][3] = {
        {"/a/b?x=1&y=?", "/a/b", "x=1&y=?"},
        {"/a", "/a", ""},
        {"/a?", "/a", ""},
        {"/a?b#c", "/a", "b"},
        {"/a#c?d", "/a", ""},
        {"http://h:1/p?q", "/p", "q"},
        {"http://h", "/", ""},
        {"http://h?q", "/", "q"},
        {"/x?u=http://h/", "/x", "u=http://h/"},
        {"*", "*", ""},
        {"/http://x", "/http://x", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice path, query;
        url_split_target(slice_of(rows[i][0]), &path, &query);
        CHECK(slice_is(path, rows[i][1]) && slice_is(query, rows[i][2]));
    }
}

CASE(query_pieces_are_walked)
{
    struct slice rest = SLICE_LIT("&a=1&&b&c=x=y&=z&a=2&"), name, value;
    static const char *const wanted[][2] = {
        {"a", "1"}, {"b", ""}, {"c", "x=y"}, {"", "z"}, {"a", "2"}};

    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        CHECK(url_next_pair(&rest, &name, &value));
        CHECK(slice_is(name, wanted[i][0]) && slice_is(value, wanted[i][1]));
    }
    CHECK(!url_next_pair(&rest, &name, &value));
}

CASE(the_last_of_equal_names_wins)
{
    struct buf b;

    buf_init(&b, 0);
    CHECK(url_query_find(SLICE_LIT("tok%65n=a&token=b+%21"), "token", &b) &&
          slice_is(buf_slice(&b), "b !"));
    CHECK(!url_query_find(SLICE_LIT("tokens=1;token=2"), "token", &b));
    CHECK(!url_query_find((struct slice){NULL, 0}, "token", &b));
    buf_deinit(&b);
}

CASES(RUN(percent_decoding_never_fails), RUN(encoding_is_undone_by_decoding),
      RUN(targets_split_into_path_and_query), RUN(query_pieces_are_walked),
      RUN(the_last_of_equal_names_wins))
