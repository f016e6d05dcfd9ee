#include "base/holders.h"

#include <stdio.h>
#include <stdlib.h>

#include "harness/check.h"

enum { N_OWNERS = 20, N_HOLDINGS = 300, N_STEPS = 20000 };

static struct slice name_of(unsigned i, char room[8])
{
    return slice_make(room, (size_t)snprintf(room, 8, "o%u", i));
}

/* Random operations against sums that cannot be wrong.
 * req: S-66 */
CASE(agrees_with_a_naive_model)
{
    static struct holding holdings[N_HOLDINGS];
    static unsigned owner[N_HOLDINGS];
    size_t sums[N_OWNERS] = {0}, all = 0;
    struct holders h;
    char room[8];

    holders_init(&h);
    srandom(7);
    for (unsigned step = 0; step < N_STEPS; step++) {
        unsigned i = (unsigned)random() % N_HOLDINGS;
        if (holdings[i].holder) {
            sums[owner[i]] -= holdings[i].n;
            all -= holdings[i].n;
            holding_leave(&h, &holdings[i]);
        } else {
            size_t n = 1 + (size_t)random() % 100;
            owner[i] = (unsigned)random() % N_OWNERS;
            sums[owner[i]] += n;
            all += n;
            holding_take(&h, &holdings[i], name_of(owner[i], room), n);
        }
        unsigned asked = (unsigned)random() % N_OWNERS;
        size_t most = 0;
        for (unsigned o = 0; o < N_OWNERS; o++)
            most = sums[o] > most ? sums[o] : most;
        CHECK_INT(h.n, all);
        CHECK_INT(holders_of(&h, name_of(asked, room)), sums[asked]);
        const struct holding *way = holders_give_way(&h, name_of(asked, room), 1);
        bool takes = most > sums[asked];
        CHECK((way != NULL) == (takes || sums[asked] > 0));
        if (way)
            CHECK_INT(sums[owner[way - holdings]], takes ? most : sums[asked]);
    }
    for (unsigned i = 0; i < N_HOLDINGS; i++)
        holding_leave(&h, &holdings[i]);
    holders_deinit(&h);
}

/* req: S-66 */
CASE(who_has_most_gives_way_with_the_oldest)
{
    struct holding a[4] = {0}, b[2] = {0}, c = {0};
    struct slice ada = SLICE_LIT("ada"), bob = SLICE_LIT("bob"), eve = SLICE_LIT("eve");
    struct holders h;

    holders_init(&h);
    CHECK(!holders_give_way(&h, ada, 1));
    for (int i = 0; i < 4; i++)
        holding_take(&h, &a[i], ada, 10);
    holding_take(&h, &b[0], bob, 10);
    CHECK(holders_give_way(&h, bob, 10) == &a[0]);
    CHECK(holders_give_way(&h, ada, 10) == &a[0]);
    CHECK(holders_give_way(&h, eve, 40) == &a[0]);
    /* would have more than who is to give way */
    CHECK(!holders_give_way(&h, eve, 41));
    CHECK(holders_give_way(&h, bob, 31) == &b[0]); /* the same, but has something */
    holding_leave(&h, &a[0]);
    CHECK(holders_oldest(&h, ada) == &a[1]);
    holding_take(&h, &b[1], bob, 20);
    CHECK(holders_give_way(&h, bob, 1) == &b[0]); /* of equals one's own */
    CHECK(holders_give_way(&h, ada, 1) == &a[1]);
    holding_take(&h, &c, eve, 1);
    for (int i = 0; i < 4; i++)
        holding_leave(&h, &a[i]);
    for (int i = 0; i < 2; i++)
        holding_leave(&h, &b[i]);
    CHECK(holders_give_way(&h, bob, 1) == &c && !holders_oldest(&h, bob));
    holding_leave(&h, &c);
    holding_leave(&h, &c);
    holders_deinit(&h);
}

CASES(RUN(agrees_with_a_naive_model), RUN(who_has_most_gives_way_with_the_oldest))
