/* meter: the last minute, whatever the windows. */
#include "base/rate_counter.h"

#include "harness/check.h"

static void count(struct rate_counter *m, unsigned n)
{
    while (n--)
        rate_counter_count(m);
}

CASE(a_minute_slides)
{
    struct rate_counter *m = rate_counter_new(1000);

    CHECK(rate_counter_per_minute(m, 1000) == 0);
    count(m, 60);
    CHECK(rate_counter_per_minute(m, 31000) == 60);
    CHECK(rate_counter_per_minute(m, 61000) == 60); /* the window is full and turns */
    CHECK(rate_counter_per_minute(m, 91000) == 30); /* half of it is older than a minute */
    count(m, 10);
    CHECK(rate_counter_per_minute(m, 91000) == 40);
    CHECK(rate_counter_per_minute(m, 121000) == 10);
    CHECK(rate_counter_per_minute(m, 181000) == 0);
    rate_counter_unref(m);
}

CASE(long_silence_forgets)
{
    struct rate_counter *m = rate_counter_new(0);

    count(m, 1000);
    CHECK(rate_counter_per_minute(m, 600000) == 0);
    count(m, 5);
    CHECK(rate_counter_per_minute(m, 600001) == 5);
    rate_counter_unref(m);
    CHECK(rate_counter_per_minute(NULL, 5) == 0);
}

CASES(RUN(a_minute_slides), RUN(long_silence_forgets))
