/* meter: the last minute, whatever the windows. */
#include "base/meter.h"

#include "harness/check.h"

static void count(struct meter *m, unsigned n)
{
    while (n--)
        meter_count(m);
}

CASE(a_minute_slides)
{
    struct meter *m = meter_new(1000);

    CHECK(meter_per_minute(m, 1000) == 0);
    count(m, 60);
    CHECK(meter_per_minute(m, 31000) == 60);
    CHECK(meter_per_minute(m, 61000) == 60); /* the window is full and turns */
    CHECK(meter_per_minute(m, 91000) == 30); /* half of it is older than a minute */
    count(m, 10);
    CHECK(meter_per_minute(m, 91000) == 40);
    CHECK(meter_per_minute(m, 121000) == 10);
    CHECK(meter_per_minute(m, 181000) == 0);
    meter_unref(m);
}

CASE(long_silence_forgets)
{
    struct meter *m = meter_new(0);

    count(m, 1000);
    CHECK(meter_per_minute(m, 600000) == 0);
    count(m, 5);
    CHECK(meter_per_minute(m, 600001) == 5);
    meter_unref(m);
    CHECK(meter_per_minute(NULL, 5) == 0);
}

CASES(RUN(a_minute_slides), RUN(long_silence_forgets))
