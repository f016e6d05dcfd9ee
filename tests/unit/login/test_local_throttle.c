#include "login/local_throttle.h"

#include <stdio.h>

#include "harness/check.h"

static const struct slice eve = {"eve@example.org", 15}, mal = {"mal@example.org", 15};

/* req: A-194, D-24 */
CASE(ten_failures_in_a_quarter_of_an_hour_are_the_last)
{
    struct throttle t;

    throttle_init(&t);
    for (int i = 0; i < THROTTLE_FAILURES; i++)
        CHECK(throttle_try(&t, eve, (uint64_t)i * 1000));
    CHECK(!throttle_try(&t, eve, 10000));
    CHECK(throttle_try(&t, mal, 10000));
    CHECK(!throttle_try(&t, eve, THROTTLE_WINDOW_MS - 1));
    CHECK(throttle_try(&t, eve, THROTTLE_WINDOW_MS));
    throttle_deinit(&t);
}

CASE(a_success_starts_afresh_and_what_was_not_tried_is_not_counted)
{
    struct throttle t;

    throttle_init(&t);
    for (int i = 0; i < THROTTLE_FAILURES; i++)
        CHECK(throttle_try(&t, eve, 0));
    throttle_take_back(&t, eve);
    CHECK(throttle_try(&t, eve, 0));
    CHECK(!throttle_try(&t, eve, 0));
    throttle_clear(&t, eve);
    CHECK(throttle_try(&t, eve, 0));
    throttle_take_back(&t, mal);
    throttle_clear(&t, mal);
    throttle_deinit(&t);
}

CASE(the_table_is_bounded_and_swept)
{
    struct throttle t;
    char email[16];

    throttle_init(&t);
    for (unsigned i = 0; i < THROTTLE_ADDRESSES + 5; i++) {
        snprintf(email, sizeof(email), "%u@x", i);
        CHECK(throttle_try(&t, slice_of(email), 0));
    }
    CHECK_INT(t.by_email.n_entries, THROTTLE_ADDRESSES);
    throttle_sweep(&t, THROTTLE_WINDOW_MS);
    CHECK_INT(t.by_email.n_entries, 0);
    throttle_deinit(&t);
}

/* req: S-68 */
CASE(a_flood_of_addresses_takes_no_count_away_that_matters)
{
    struct throttle t;
    char email[16];

    throttle_init(&t);
    for (int i = 0; i < THROTTLE_FAILURES; i++)
        CHECK(throttle_try(&t, eve, 0));
    for (unsigned i = 0; i < THROTTLE_ADDRESSES + 5; i++) {
        snprintf(email, sizeof(email), "%u@x", i);
        CHECK(throttle_try(&t, slice_of(email), 0));
    }
    CHECK_INT(t.by_email.n_entries, THROTTLE_ADDRESSES);
    CHECK(!throttle_try(&t, eve, 0));
    throttle_deinit(&t);
}

CASE(a_try_that_was_not_made_leaves_no_entry)
{
    struct throttle t;

    throttle_init(&t);
    CHECK(throttle_try(&t, eve, 0));
    throttle_take_back(&t, eve);
    CHECK_INT(t.by_email.n_entries, 0);
    throttle_deinit(&t);
}

CASES(RUN(ten_failures_in_a_quarter_of_an_hour_are_the_last),
      RUN(a_success_starts_afresh_and_what_was_not_tried_is_not_counted),
      RUN(the_table_is_bounded_and_swept),
      RUN(a_flood_of_addresses_takes_no_count_away_that_matters),
      RUN(a_try_that_was_not_made_leaves_no_entry))
