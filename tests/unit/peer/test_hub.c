/* Seats: connections are counted for the person, bytes for the person in a workspace. req: D-11 */
#include "unit/peer/kit.h"

CASE(connections_are_counted_for_the_person)
{
    struct kit k;
    struct account *seats[3];

    kit_init(&k, 1);
    struct workspace *a = kit_workspace(&k, "ws-a", "bob"), *b = kit_workspace(&k, "ws-b", "bob");
    struct user *bob = kit_user("bob", ""), *child = kit_user("child-1", "");
    child->parent = mem_copy("bob", 3);
    CHECK_INT(hub_user_connections(&k.hub, "bob"), 0);
    seats[0] = hub_seat_take(&k.hub, a, bob);
    seats[1] = hub_seat_take(&k.hub, b, bob);
    seats[2] = hub_seat_take(&k.hub, a, child);
    CHECK_INT(hub_user_connections(&k.hub, "bob"), 3);
    CHECK_INT(hub_user_connections(&k.hub, "child-1"), 0);
    CHECK(seats[0] == seats[2] && seats[0] != seats[1]);
    hub_seat_leave(&k.hub, bob);
    CHECK_INT(hub_user_connections(&k.hub, "bob"), 2);
    hub_seat_leave(&k.hub, child);
    hub_seat_leave(&k.hub, bob);
    CHECK_INT(hub_user_connections(&k.hub, "bob"), 0);
    CHECK_INT(k.hub.users.n_entries, 0);
    hub_sweep(&k.hub);
    CHECK_INT(k.hub.seats.entries.n_entries, 2);    /* somebody holds them */
    for (int i = 0; i < 3; i++)
        account_unref(seats[i]);
    hub_sweep(&k.hub);
    CHECK_INT(k.hub.seats.entries.n_entries, 0);
    user_unref(bob);
    user_unref(child);
    kit_deinit(&k);
}

CASE(one_user_cannot_spend_what_a_workspace_shares)
{
    struct kit k;

    kit_init(&k, 1);
    k.t.config.user_bytes = 1000;
    struct workspace *w = kit_workspace(&k, "ws-a", "bob");
    struct user *bob = kit_user("bob", ""), *alice = kit_user("alice", "");
    struct account *of_bob = hub_seat_take(&k.hub, w, bob), *of_alice = hub_seat_take(&k.hub, w, alice);
    /* As peers do: each by a leaf of its own. */
    struct account *first = account_new_leaf(of_bob, ACCOUNT_PEER, 0), *second = account_new_leaf(of_bob, ACCOUNT_PEER, 0),
                   *other = account_new_leaf(of_alice, ACCOUNT_PEER, 0);
    of_bob->cap_bytes += account_kept(of_bob);      /* of the leaves themselves */
    of_alice->cap_bytes += account_kept(of_alice);
    CHECK_INT(account_charge(first, 900), ACCOUNT_OK);
    CHECK_INT(account_charge(second, 200), ACCOUNT_FULL);
    CHECK_INT(account_charge(second, 100), ACCOUNT_OK);
    CHECK_INT(account_charge(other, 900), ACCOUNT_OK);
    CHECK_INT(account_used(w->account), 1900);
    account_release(first, 900);
    account_release(second, 100);
    account_release(other, 900);
    account_unref(first);
    account_unref(second);
    account_unref(other);
    hub_seat_leave(&k.hub, bob);
    hub_seat_leave(&k.hub, alice);
    account_unref(of_bob);
    account_unref(of_alice);
    CHECK_INT(account_used(k.hub.process), 0);
    user_unref(bob);
    user_unref(alice);
    kit_deinit(&k);
}

CASES(RUN(connections_are_counted_for_the_person), RUN(one_user_cannot_spend_what_a_workspace_shares))
