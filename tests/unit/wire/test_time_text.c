#include "wire/time_text.h"

#include <math.h>

#include "harness/check.h"

static const int64_t US = 1000000;

static void expect(const char *text, int64_t wanted_us)
{
    int64_t us = -1;

    if (!time_text_read(slice_of(text), &us))
        check_fail(__FILE__, __LINE__, "\"%s\" is not read", text);
    CHECK_INT(us, wanted_us);
}

CASE(forms)
{
    expect("1970-01-01", 0);
    expect("1970-01-01T00:00", 0);
    expect("1970-01-01 00:00:01", US);
    expect("1970-01-01T00:00:00.5Z", US / 2);
    expect("1970-01-01T00:00:00,000001", 1);
    expect("1970-01-01T00:00:00.1234569", 123456);
    expect("1970-01-01T01:00:00+01:00", 0);
    expect("1970-01-01T00:00-0130", 5400 * US);
    expect("1969-12-31T23:59:59.999999", -1);
    expect("2026-11-21T09:33:54.673970", 1795253634673970);
    expect("2024-02-29", 1709164800 * US);
    expect(" 9999-12-31T23:59:59.999999 ", 253402300799 * US + 999999);
    expect("0001-01-01", -62135596800 * US);
}

CASE(what_is_no_time)
{
    static const char *const texts[] = {"",
                                        "now",
                                        "2026",
                                        "2026-13-01",
                                        "2026-00-01",
                                        "2026-01-32",
                                        "2026-02-29",
                                        "2026-01-00",
                                        "0000-01-01",
                                        "2026-01-01T",
                                        "2026-01-01T24:00",
                                        "2026-01-01T10:60",
                                        "2026-01-01T10:00:60",
                                        "2026-01-01T10:00:00.",
                                        "2026-01-01T10:00Zx",
                                        "2026-01-01x10:00",
                                        "2026-01-01T10:00+",
                                        "2026-01-01T10:00+1",
                                        "2026-01-01T10:00+24:00",
                                        "2026-01-01T10:00+01:",
                                        "-026-01-01",
                                        "20260101",
                                        "2026-1-1"};
    int64_t us = 7;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (time_text_read(slice_of(texts[i]), &us))
            check_fail(__FILE__, __LINE__, "\"%s\" is read as %lld", texts[i], (long long)us);
    }
    CHECK(!time_text_read(slice_make("2026-01-01\0", 11), &us));
    CHECK_INT(us, 7);
}

/* Every day of two thousand years comes back as it went. */
CASE(round_trip)
{
    struct buf b;
    int64_t us;

    buf_init(&b, 0);
    for (int64_t day = -400000; day < 400000; day += 13) {
        int64_t at = (day * 86400 + (day & 0xffff)) * US + 1;
        buf_clear(&b);
        time_text_add(&b, at);
        CHECK(time_text_read(buf_slice(&b), &us));
        CHECK_INT(us, at);
    }
    buf_clear(&b);
    time_text_add(&b, 1795253634673970);
    CHECK(slice_is(buf_slice(&b), "2026-11-21T09:33:54.673970"));
    buf_clear(&b);
    time_text_add(&b, INT64_MIN);
    CHECK(slice_is(buf_slice(&b), "0001-01-01T00:00:00.000000"));
    buf_deinit(&b);
}

CASE(seconds)
{
    int64_t us = 7;

    CHECK(time_from_seconds(1.5, &us));
    CHECK_INT(us, 1500000);
    CHECK(time_from_seconds(-1, &us));
    CHECK_INT(us, -US);
    CHECK(!time_from_seconds(NAN, &us));
    CHECK(!time_from_seconds(INFINITY, &us));
    CHECK(!time_from_seconds(1e300, &us));
}

CASES(RUN(forms), RUN(what_is_no_time), RUN(round_trip), RUN(seconds))
