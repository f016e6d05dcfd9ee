#include "base/list.h"

#include "harness/check.h"

struct member {
    struct list link;
    int n;
};

CASE(keeps_order_and_survives_unlinking_in_a_walk)
{
    struct list head, other;
    struct member m[4];
    int sum = 0;

    list_init(&head);
    list_init(&other);
    for (int i = 0; i < 4; i++) {
        m[i].n = i;
        list_link(&head, &m[i].link);
    }
    LIST_FOREACH (it, &head) {
        struct member *x = LIST_ENTRY(it, struct member, link);
        CHECK_INT(x->n, sum);
        sum++;
        list_unlink(it);
        if (x->n % 2)
            list_link(&other, it);
    }
    CHECK(list_is_empty(&head));
    list_move_all(&head, &other);
    CHECK(list_is_empty(&other));
    CHECK(head.next == &m[1].link && head.prev == &m[3].link);
}

CASES(RUN(keeps_order_and_survives_unlinking_in_a_walk))
