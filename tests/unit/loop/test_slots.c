#include "loop/slots.h"

#include <stddef.h>

#include "harness/check.h"

CASE(a_stale_handle_names_nobody)
{
    struct slots s;
    int a, b;

    slots_init(&s, 3);
    struct handle first = slots_put(&s, &a);
    CHECK(first.loop == 3 && slots_find(&s, first) == &a);
    slots_remove(&s, first);
    CHECK(slots_find(&s, first) == NULL);
    struct handle second = slots_put(&s, &b);
    CHECK(second.slot == first.slot && !handle_eq(first, second));
    CHECK(slots_find(&s, first) == NULL && slots_find(&s, second) == &b);
    for (int i = 0; i < 1000; i++)
        slots_put(&s, &a);
    CHECK(slots_find(&s, second) == &b);
    struct handle none = {0};
    CHECK(slots_find(&s, none) == NULL);
    for (uint32_t i = 0; i < s.n_slots; i++) {
        if (s.slots[i].object)
            slots_remove(
                &s, (struct handle){.loop = 3, .slot = i, .generation = s.slots[i].generation});
    }
    slots_deinit(&s);
}

enum { CROWD = 5000 };

static void check_survivor(struct slots *s, struct handle survivor, const void *object)
{
    CHECK(slots_find(s, survivor) == object);
}

CASE(what_a_crowd_needed_goes_with_it)
{
    struct slots s;
    struct handle all[CROWD];
    int a, b;

    slots_init(&s, 0);
    for (int i = 0; i < CROWD; i++)
        all[i] = slots_put(&s, &a);
    uint32_t most = s.n_slots;
    for (int i = 1; i < CROWD; i++)
        slots_remove(&s, all[i]);
    CHECK(s.n_slots < most / 32);
    check_survivor(&s, all[0], &a);
    /* Slots that come again are nobody's they were before. */
    struct handle again[CROWD];
    for (int i = 1; i < CROWD; i++)
        again[i] = slots_put(&s, &b);
    for (int i = 1; i < CROWD; i++)
        CHECK(slots_find(&s, all[i]) == NULL && slots_find(&s, again[i]) == &b);
    for (int i = 1; i < CROWD; i++)
        slots_remove(&s, again[i]);
    slots_remove(&s, all[0]);
    slots_deinit(&s);
}

CASE(a_survivor_at_the_end_is_in_the_way_until_it_goes)
{
    struct slots s;
    struct handle all[CROWD];
    int a, b;

    slots_init(&s, 0);
    for (int i = 0; i < CROWD; i++)
        all[i] = slots_put(&s, &a);
    uint32_t most = s.n_slots;
    for (int i = 0; i < CROWD - 1; i++)
        slots_remove(&s, all[i]);
    CHECK(s.n_slots == most);
    check_survivor(&s, all[CROWD - 1], &a);
    struct handle next = slots_put(&s, &b);
    slots_remove(&s, next);
    for (int i = 0; i < 100; i++)
        slots_remove(&s, slots_put(&s, &b));
    next = slots_put(&s, &b);
    slots_remove(&s, all[CROWD - 1]);
    slots_remove(&s, next);
    next = slots_put(&s, &b);
    CHECK(s.n_slots < most / 32);
    check_survivor(&s, next, &b);
    slots_remove(&s, next);
    slots_deinit(&s);
}

CASES(RUN(a_stale_handle_names_nobody), RUN(what_a_crowd_needed_goes_with_it),
      RUN(a_survivor_at_the_end_is_in_the_way_until_it_goes))
