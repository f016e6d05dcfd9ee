#include "base/ring.h"

#include <stdint.h>

#include "harness/check.h"

CASE(first_in_first_out_across_growth)
{
    struct ring r;
    uintptr_t in = 1, out = 1;

    ring_init(&r);
    for (int round = 0; round < 1000; round++) {
        for (int i = 0; i < round % 17; i++)
            ring_push(&r, (void *)in++);
        for (int i = 0; i < round % 13 && r.n_items; i++)
            CHECK(ring_take(&r) == (void *)out++);
        if (r.n_items) {
            CHECK(ring_at(&r, 0) == (void *)out);
            CHECK(ring_at(&r, r.n_items - 1) == (void *)(in - 1));
        }
        CHECK(ring_at(&r, r.n_items) == NULL);
    }
    while (r.n_items)
        CHECK(ring_take(&r) == (void *)out++);
    CHECK(in == out && ring_take(&r) == NULL);
    ring_trim(&r);
    CHECK(r.slots == NULL);
}

CASES(RUN(first_in_first_out_across_growth))
