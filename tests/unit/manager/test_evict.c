/* Who is to be put out is looked for over turns, a few at a time between two looks at the clock,
 * however many are here. */
#include "manager/evict.h"
#include "manager/manager_internal.h"
#include "peer/closing.h"
#include "unit/peer/peer_kit.h"

enum { N = 20000, N_THERE = 2000, STEPS_MOST = 4 };

static void on_closed(size_t n, void *arg)
{
    CHECK_INT(n, 0);
    *(bool *)arg = true;
}

static void add_clients(struct kit *k, struct user *u, int n)
{
    struct workspace *w = kit_workspace(k, "w", "alice");
    char id[16];

    for (int i = 0; i < n; i++) {
        snprintf(id, sizeof(id), "c%d", i);
        (void)client_add(&k->hub.registry, w, slice_of(id), u, (struct handle){0}, false);
    }
}

/* One turn without time of what goes on. */
static void run_hurried(struct loop *l)
{
    struct deferred *d = LIST_ENTRY(l->again.next, struct deferred, link);

    CHECK(!list_is_empty(&l->again));
    list_unlink(&d->link);
    loop_begin_part(l, 0);
    d->run(d);
}

/* By steps, not by milliseconds: there is no time at all in these turns. */
CASE(a_block_looks_at_everybody_over_turns)
{
    struct kit k;
    struct manager m = {0};
    bool is_done = false;
    unsigned n_turns = 0;

    kit_init(&k, 1);
    struct user *alice = kit_user("alice", "");
    add_clients(&k, alice, N);
    m.hub = &k.hub;
    list_init(&m.works);
    loop_begin_part(k.t.loop, 0);
    close_opened(
        &m,
        &(struct closing){.kind = CLOSING_USER, .user = SLICE_LIT("bob"), .reason = SLICE_LIT("x")},
        on_closed, &is_done);
    CHECK(!is_done);
    while (!is_done) {
        run_hurried(k.t.loop);
        n_turns++;
    }
    CHECK(n_turns >= N / STEPS_MOST);
    /* A walk that is cut answers too. */
    is_done = false;
    close_opened(
        &m,
        &(struct closing){.kind = CLOSING_USER, .user = SLICE_LIT("bob"), .reason = SLICE_LIT("x")},
        on_closed, &is_done);
    CHECK(!is_done);
    works_end(&m.works);
    CHECK(is_done);
    user_unref(alice);
    kit_deinit(&k);
}

/* Nothing finds it from the first moment; those in it are put out a few at a time, and its record
 * goes with the last. */
CASE(a_workspace_that_goes_is_emptied_over_turns)
{
    struct kit k;
    char id[16];
    unsigned n_turns = 0;

    kit_init(&k, 1);
    struct registry *r = &k.hub.registry;
    struct user *alice = kit_user("alice", "");
    struct workspace *w = kit_workspace(&k, "w", "alice");
    size_t n_before = r->n_roster;
    for (int i = 0; i < N_THERE; i++) {
        snprintf(id, sizeof(id), "c%d", i);
        account_unref(hub_seat_take(&k.hub, w, alice, &(struct in6_addr){0}));
        hub_client_join(&k.hub, client_add(r, w, slice_of(id), alice, (struct handle){0}, false));
    }
    loop_begin_part(k.t.loop, 0);
    workspace_evict(&k.hub, w);
    CHECK(!workspace_find(r, SLICE_LIT("w")) && !client_find(r, SLICE_LIT("w/c9")));
    while (r->n_roster > n_before) {
        size_t n = r->n_roster;
        run_hurried(k.t.loop);
        CHECK(n - r->n_roster <= STEPS_MOST);
        n_turns++;
    }
    CHECK(n_turns >= N_THERE / STEPS_MOST - 1);
    CHECK_INT(hub_user_connections(&k.hub, "alice"), 0);
    user_unref(alice);
    kit_deinit(&k);
}

CASES(RUN(a_block_looks_at_everybody_over_turns), RUN(a_workspace_that_goes_is_emptied_over_turns))
