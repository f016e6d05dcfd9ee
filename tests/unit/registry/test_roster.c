/* A walk over all clients takes turns while clients come and go: who was there when it began and
 * still is, is seen; who came later is not. */
#include "unit/registry/registry_kit.h"

enum { N = 20000 };

static struct client *seen_next(struct client_walk *w, bool *is_seen)
{
    struct client *c = NULL;

    while (!c && client_walk_step(w, &c))
        continue;
    if (c)
        is_seen[c->generation] = true;
    return c;
}

CASE(who_stays_is_seen_whoever_comes_and_goes)
{
    struct kit k;
    static struct client *clients[N];
    static bool is_seen[8 * N];
    char id[16];

    kit_init(&k);
    struct workspace *w = kit_workspace(&k, "w");
    for (int i = 0; i < N; i++) {
        snprintf(id, sizeof(id), "c%d", i);
        clients[i] = kit_client(&k, w, id);
    }
    struct client_walk walk;
    client_walk_start(&walk, &k.r);
    uint64_t newest = clients[N - 1]->generation;
    size_t n_looks = 0;
    for (int i = 0; seen_next(&walk, is_seen); i++) {
        n_looks++;
        /* two of three in places of all kinds go, and one comes */
        if (i % 2 == 0 && i / 2 < N / 2) {
            int at = (int)((unsigned)i * 7919u % N);
            for (int j = at; j < at + 2 && j < N; j++) {
                if (clients[j])
                    (void)client_remove(&k.r, clients[j]);
                clients[j] = NULL;
            }
            snprintf(id, sizeof(id), "late%d", i);
            (void)kit_client(&k, w, id);
        }
    }
    for (int i = 0; i < N; i++)
        CHECK(!clients[i] || is_seen[clients[i]->generation]);
    for (size_t i = newest + 1; i < ARRAY_LEN(is_seen); i++)
        CHECK(!is_seen[i]);
    CHECK(n_looks <= 2 * N);
    CHECK_INT(k.r.n_roster, k.r.clients.n_entries);
    kit_deinit(&k);
}

/* Put out as it goes, as a block does it. */
CASE(who_is_seen_may_be_removed)
{
    struct kit k;
    char id[16];
    struct client *c;
    struct client_walk walk;

    kit_init(&k);
    struct workspace *w = kit_workspace(&k, "w");
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof(id), "c%d", i);
        (void)kit_client(&k, w, id);
    }
    client_walk_start(&walk, &k.r);
    while (client_walk_step(&walk, &c)) {
        if (c)
            (void)client_remove(&k.r, c);
    }
    CHECK_INT(k.r.n_roster, 0);
    kit_deinit(&k);
}

CASES(RUN(who_stays_is_seen_whoever_comes_and_goes), RUN(who_is_seen_may_be_removed))
