#include "login/rates.h"

#include <stdio.h>

#include "harness/check.h"
#include "http/rate.h"

/* How many of those an address asks for in that time it gets, when it asks three times a second. */
static unsigned asked(struct http_rate *r, struct login_asking a, uint64_t begin_ms,
                      uint64_t end_ms)
{
    unsigned n = 0, after;

    for (a.now_ms = begin_ms; a.now_ms < end_ms; a.now_ms += 333)
        n += login_rates_take(r, &a, &after);
    return n;
}

/* req: S-68 */
CASE(an_address_asks_for_a_tenth_of_the_codes_that_may_wait)
{
    enum { HOUR_MS = 3600 * 1000 };
    struct http_rate *r = http_rate_new();
    struct login_asking a = {
        .kind = LOGIN_RATE_MAILS, .address = "192.0.2.1", .max_pending = 10000};
    unsigned first = asked(r, a, 0, HOUR_MS), second = asked(r, a, HOUR_MS, 2 * (uint64_t)HOUR_MS);

    CHECK(first >= 900 && first <= 1000);
    CHECK(second >= 400 && second <= 501);
    a.address = "192.0.2.2";
    CHECK(asked(r, a, HOUR_MS, HOUR_MS + 1000) == 4);
    a.max_pending = 10; /* a small table is no reason to send nobody a mail */
    a.address = "192.0.2.3";
    CHECK(asked(r, a, 0, 20 * 1000) == LOGIN_MAILS_PER_MINUTE);
    http_rate_free(r);
}

CASE(starts_and_tries_are_counted_apart)
{
    struct http_rate *r = http_rate_new();
    struct login_asking a = {
        .kind = LOGIN_RATE_STARTS, .address = "192.0.2.1", .max_pending = 10000};
    unsigned after;

    for (int i = 0; i < LOGIN_STARTS_PER_MINUTE; i++)
        CHECK(login_rates_take(r, &a, &after));
    CHECK(!login_rates_take(r, &a, &after));
    CHECK_INT(after, 6);
    a.kind = LOGIN_RATE_TRIES;
    for (int i = 0; i < LOGIN_TRIES_PER_MINUTE; i++)
        CHECK(login_rates_take(r, &a, &after));
    CHECK(!login_rates_take(r, &a, &after));
    a.address = "192.0.2.2";
    CHECK(login_rates_take(r, &a, &after));
    http_rate_free(r);
}

CASES(RUN(an_address_asks_for_a_tenth_of_the_codes_that_may_wait),
      RUN(starts_and_tries_are_counted_apart))
