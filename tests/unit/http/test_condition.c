#include "http/condition.h"

#include <string.h>

#include "harness/check.h"
#include "http/mime.h"

#define SOME(text) SLICE_LIT(text)
/* Sun, 06 Nov 1994 08:49:37 GMT */
static const struct representation file = {13, 784111777, {"\"e-1\"", 5}};

static void check_range(const char *range, enum condition_outcome expected, uint64_t first,
                        uint64_t last)
{
    uint64_t got_first = 0, got_last = 0;

    CHECK_INT(condition_decide(&(struct condition){.range = slice_of(range)}, &file, &got_first,
                               &got_last),
              expected);
    if (expected == CONDITION_PART) {
        CHECK_INT(got_first, first);
        CHECK_INT(got_last, last);
    }
}

/* req: H-157 */
CASE(one_range)
{
    check_range("bytes=0-0", CONDITION_PART, 0, 0);
    check_range("bytes=0-12", CONDITION_PART, 0, 12);
    check_range("bytes=4-", CONDITION_PART, 4, 12);
    check_range("bytes=-4", CONDITION_PART, 9, 12);
    check_range("bytes= 4 - 5 ", CONDITION_PART, 4, 5);
    check_range("bytes=12-18446744073709551615", CONDITION_PART, 12, 12);
    check_range("bytes=12-99999999999999999999999", CONDITION_PART, 12, 12);
    check_range("bytes=13-13", CONDITION_OUTSIDE, 0, 0);
    check_range("bytes=18446744073709551616-", CONDITION_OUTSIDE, 0, 0);
    check_range("bytes=-0", CONDITION_OUTSIDE, 0, 0);
    const char *const ignored[] = {"bytes=",     "bytes=-",       "bytes=5-4", "bytes=a-b",
                                   "bytes=+1-2", "bytes=0-1,3-4", "items=0-1", "",
                                   "bytes",      "bytes=0x1-2"};
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        check_range(ignored[i], CONDITION_WHOLE, 0, 0);
}

CASE(an_empty_file_has_no_range)
{
    const struct representation empty = {0, 0, SOME("\"x\"")};
    uint64_t first, last;

    CHECK_INT(
        condition_decide(&(struct condition){.range = SOME("bytes=0-")}, &empty, &first, &last),
        CONDITION_OUTSIDE);
    CHECK_INT(
        condition_decide(&(struct condition){.range = SOME("bytes=-1")}, &empty, &first, &last),
        CONDITION_OUTSIDE);
}

static void check_unchanged(struct condition c, bool expected)
{
    uint64_t first, last;

    CHECK_INT(condition_decide(&c, &file, &first, &last) == CONDITION_UNCHANGED, expected);
}

CASE(a_copy_that_is_good_is_not_sent_again)
{
    check_unchanged((struct condition){.none_match = SOME("\"e-1\"")}, true);
    check_unchanged((struct condition){.none_match = SOME("\"a\" , W/\"e-1\"")}, true);
    check_unchanged((struct condition){.none_match = SOME(" * ")}, true);
    check_unchanged((struct condition){.none_match = SOME("\"e-2\"")}, false);
    check_unchanged((struct condition){.none_match = SOME("")}, false);
    check_unchanged((struct condition){.modified_since = SOME("Sun, 06 Nov 1994 08:49:37 GMT")},
                    true);
    check_unchanged((struct condition){.modified_since = SOME("Sun, 06 Nov 1994 08:49:38 GMT")},
                    true);
    check_unchanged((struct condition){.modified_since = SOME("Sun, 06 Nov 1994 08:49:36 GMT")},
                    false);
    check_unchanged((struct condition){.modified_since = SOME("Sunday, 06-Nov-94 08:49:37 GMT")},
                    false);
    check_unchanged((struct condition){.none_match = SOME("\"e-2\""),
                                       .modified_since = SOME("Sun, 06 Nov 1994 08:49:37 GMT")},
                    false);
}

CASE(dates)
{
    const int64_t moments[] = {0, 784111777, 951782399, 1709251200, 253402300799};
    int64_t back;
    char text[HTTP_DATE_MAX];

    http_date(784111777, text);
    CHECK_TEXT(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
        http_date(moments[i], text);
        CHECK(http_date_read(slice_of(text), &back));
        CHECK_INT(back, moments[i]);
    }
    const char *const no_dates[] = {"",
                                    "x",
                                    "Sun, 06 Nov 1994",
                                    "Sun, 06 Nov 1994 08:49:37 CET",
                                    "Sun, 06 ovD 1994 08:49:37 GMT",
                                    "Sun, 06 Nov 1994 08:49:37 GMT and more words",
                                    "Sun, 06 Nov 1994 25:49:37 GMT"};
    for (size_t i = 0; i < ARRAY_LEN(no_dates); i++)
        CHECK(!http_date_read(slice_of(no_dates[i]), &back));
}

CASE(types_of_names)
{
    CHECK_TEXT(mime_of(SOME("a/b.JS")), "text/javascript; charset=utf-8");
    CHECK_TEXT(mime_of(SOME("x.tar.gz")), "application/gzip");
    CHECK_TEXT(mime_of(SOME("a.html/b")), "application/octet-stream");
    CHECK_TEXT(mime_of(SOME("")), "application/octet-stream");
    CHECK_TEXT(mime_of(SOME(".")), "application/octet-stream");
}

CASES(RUN(one_range), RUN(an_empty_file_has_no_range), RUN(a_copy_that_is_good_is_not_sent_again),
      RUN(dates), RUN(types_of_names))
