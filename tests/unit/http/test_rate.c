#include "http/rate.h"

#include <stdio.h>

#include "harness/check.h"

static const struct http_rate_tier tier = {.per_s = 10, .burst = 5};

CASE(a_burst_then_the_rate)
{
    struct http_rate *r = http_rate_new();
    unsigned after = 0;

    for (int i = 0; i < 5; i++)
        CHECK(http_rate_take(r, SLICE_LIT("a"), tier, 1000, &after));
    CHECK(!http_rate_take(r, SLICE_LIT("a"), tier, 1000, &after));
    CHECK_INT(after, 1);
    CHECK(http_rate_take(r, SLICE_LIT("b"), tier, 1000, &after));
    CHECK(!http_rate_take(r, SLICE_LIT("a"), tier, 1099, &after));
    CHECK(http_rate_take(r, SLICE_LIT("a"), tier, 1101, &after));
    CHECK(!http_rate_take(r, SLICE_LIT("a"), tier, 1101, &after));
    for (int i = 0; i < 5; i++)
        CHECK(http_rate_take(r, SLICE_LIT("a"), tier, 100000, &after));
    CHECK(!http_rate_take(r, SLICE_LIT("a"), tier, 100000, &after));
    struct http_rate_tier slow = {.per_s = 0.1, .burst = 1};
    CHECK(http_rate_take(r, SLICE_LIT("c"), slow, 0, &after));
    CHECK(!http_rate_take(r, SLICE_LIT("c"), slow, 500, &after));
    CHECK_INT(after, 10);
    CHECK(http_rate_take(r, SLICE_LIT("d"), (struct http_rate_tier){0, 0}, 0, &after));
    http_rate_free(r);
}

/* A flood of keys passes each once and does not open the limit of a key that stays busy. */
CASE(a_flood_of_keys_is_bounded)
{
    struct http_rate *r = http_rate_new();
    unsigned after, n_passed = 0;
    char key[32];

    for (unsigned i = 0; i < 100000; i++) {
        int len = snprintf(key, sizeof(key), "10.%u", i);
        CHECK(http_rate_take(r, slice_make(key, (size_t)len), tier, i / 100, &after));
        n_passed += http_rate_take(r, SLICE_LIT("busy"), tier, i / 100, &after);
    }
    CHECK(n_passed >= 5 + 9);
    CHECK(n_passed <= 5 + 10);
    http_rate_free(r);
}

/* req: D-34 */
CASE(a_bucket_nobody_used_for_long_is_forgotten)
{
    const struct http_rate_tier slow = {.per_s = 0.01, .burst = 50};
    struct http_rate *r = http_rate_new();
    uint64_t now_ms = 0;
    unsigned after;

    for (int i = 0; i < 50; i++)
        CHECK(http_rate_take(r, SLICE_LIT("a"), slow, now_ms, &after));
    CHECK(!http_rate_take(r, SLICE_LIT("a"), slow, now_ms, &after));
    now_ms += HTTP_RATE_FORGET_MS - 1; /* not yet: two tokens have come */
    CHECK(http_rate_take(r, SLICE_LIT("a"), slow, now_ms, &after));
    CHECK(http_rate_take(r, SLICE_LIT("a"), slow, now_ms, &after));
    CHECK(!http_rate_take(r, SLICE_LIT("a"), slow, now_ms, &after));
    now_ms += HTTP_RATE_FORGET_MS;
    for (int i = 0; i < 50; i++)
        CHECK(http_rate_take(r, SLICE_LIT("a"), slow, now_ms, &after));
    CHECK(!http_rate_take(r, SLICE_LIT("a"), slow, now_ms, &after));
    http_rate_free(r);
}

/* Who has used up a slow bucket does not get another one by using many others.
 * req: S-68 */
CASE(a_flood_of_keys_does_not_fill_an_empty_bucket)
{
    const struct http_rate_tier slow = {
        .per_s = 20 / 3600.0, .burst = 20, .forget_ms = 3600 * 1000};
    struct http_rate *r = http_rate_new();
    unsigned after, n_passed = 0;
    char key[32];

    for (int i = 0; i < 20; i++)
        CHECK(http_rate_take(r, SLICE_LIT("a"), slow, 0, &after));
    for (unsigned i = 0; i < 100000; i++) {
        int len = snprintf(key, sizeof(key), "10.%u", i);
        CHECK(http_rate_take(r, slice_make(key, (size_t)len), slow, i, &after));
    }
    for (int i = 0; i < 20; i++)
        n_passed += http_rate_take(r, SLICE_LIT("a"), slow, 100000, &after);
    CHECK_INT(n_passed, 0);
    /* one has come, and it was not forgotten */
    CHECK(http_rate_take(r, SLICE_LIT("a"), slow, HTTP_RATE_FORGET_MS, &after));
    CHECK(!http_rate_take(r, SLICE_LIT("a"), slow, HTTP_RATE_FORGET_MS, &after));
    http_rate_free(r);
}

CASES(RUN(a_burst_then_the_rate), RUN(a_bucket_nobody_used_for_long_is_forgotten),
      RUN(a_flood_of_keys_is_bounded), RUN(a_flood_of_keys_does_not_fill_an_empty_bucket))
