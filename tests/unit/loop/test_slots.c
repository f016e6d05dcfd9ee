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
            slots_remove(&s, (struct handle){3, i, s.slots[i].generation});
    }
    slots_deinit(&s);
}

CASES(RUN(a_stale_handle_names_nobody))
