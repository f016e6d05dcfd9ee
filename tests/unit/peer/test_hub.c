/* Seats: connections are counted for the person, bytes for the person in a workspace; of people
 * without a login for where they come from. req: D-11 S-109 */
#include "unit/peer/peer_kit.h"
#include "wire/ip.h"

static const struct in6_addr NOWHERE;

CASE(connections_are_counted_for_the_person)
{
    struct kit k;
    struct account *seats[3];

    kit_init(&k, 1);
    struct workspace *a = kit_workspace(&k, "ws-a", "bob"), *b = kit_workspace(&k, "ws-b", "bob");
    struct user *bob = kit_user("bob", ""), *child = kit_user("child-1", "");
    child->parent = mem_copy("bob", 3);
    CHECK_INT(hub_user_connections(&k.hub, "bob"), 0);
    seats[0] = hub_seat_take(&k.hub, a, bob, &NOWHERE);
    seats[1] = hub_seat_take(&k.hub, b, bob, &NOWHERE);
    seats[2] = hub_seat_take(&k.hub, a, child, &NOWHERE);
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
    CHECK_INT(k.hub.seats.entries.n_entries, 2); /* somebody holds them */
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
    struct account *of_bob = hub_seat_take(&k.hub, w, bob, &NOWHERE),
                   *of_alice = hub_seat_take(&k.hub, w, alice, &NOWHERE);
    /* As peers do: each by a leaf of its own. */
    struct account *first = account_new_leaf(of_bob, ACCOUNT_PEER, 0),
                   *second = account_new_leaf(of_bob, ACCOUNT_PEER, 0),
                   *other = account_new_leaf(of_alice, ACCOUNT_PEER, 0);
    of_bob->cap_bytes += account_kept(of_bob); /* of the leaves themselves */
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

static struct account *seat_from(struct kit *k, struct workspace *w, const struct user *u,
                                 const char *address)
{
    struct in6_addr ip;

    CHECK(ip_parse(address, &ip));
    return hub_seat_account(&k->hub, w, u, &ip);
}

CASE(one_address_cannot_spend_what_the_anonymous_share)
{
    struct kit k;
    struct account *seats[5];

    kit_init(&k, 1);
    k.t.config.anonymous_bytes = 10000;
    k.t.config.address_share = 30;
    struct workspace *w = kit_workspace(&k, "ws-a", "bob");
    struct user *one = user_new_anonymous("one"), *two = user_new_anonymous("two"),
                *bob = kit_user("bob", "");
    seats[0] = seat_from(&k, w, one, "2001:db8::1");
    seats[1] = seat_from(&k, w, two, "2001:db8::ffff:1"); /* of the same network */
    seats[2] = seat_from(&k, w, two, "2001:db8:0:1::1");
    seats[3] = seat_from(&k, w, bob, "2001:db8::1");
    seats[4] = hub_seat_account(&k.hub, w, two, &NOWHERE);
    CHECK(seats[0]->parent == seats[1]->parent && seats[0]->parent->parent == k.hub.anonymous);
    CHECK(seats[2]->parent != seats[0]->parent && seats[4]->parent != seats[0]->parent &&
          seats[3]->parent == w->account);
    /* of the seats themselves */
    seats[0]->parent->cap_bytes += account_kept(seats[0]->parent);
    CHECK_INT(account_charge(seats[0], 2000), ACCOUNT_OK);
    CHECK_INT(account_charge(seats[1], 1001), ACCOUNT_FULL);
    CHECK_TEXT(account_option(account_in_the_way(seats[1], 1001)), "--address-share");
    CHECK_INT(account_charge(seats[1], 1000), ACCOUNT_OK);
    CHECK_INT(account_charge(seats[2], 2000), ACCOUNT_OK); /* others have theirs */
    CHECK_INT(account_charge(seats[3], 20000), ACCOUNT_OK);
    /* and the workspace is not filled by strangers */
    CHECK_INT(account_used(w->account), 20000);
    account_release(seats[0], 2000);
    account_release(seats[1], 1000);
    account_release(seats[2], 2000);
    account_release(seats[3], 20000);
    for (size_t i = 0; i < ARRAY_LEN(seats); i++)
        account_unref(seats[i]);
    hub_sweep(&k.hub);
    hub_sweep(&k.hub);
    CHECK_INT(k.hub.seats.entries.n_entries + k.hub.anonymous_shares.entries.n_entries, 0);
    user_unref(one);
    user_unref(two);
    user_unref(bob);
    kit_deinit(&k);
}

CASE(workspaces_of_one_person_count_together)
{
    struct kit k;
    const char *const owners[] = {"bob"};
    struct workspace *w[3];

    kit_init(&k, 1);
    for (int i = 0; i < 3; i++) {
        const char *const ids[] = {"ws-a", "ws-b", "ws-s"};
        w[i] = hub_add_workspace(&k.hub, &(struct workspace_fields){.id = ids[i],
                                                                    .owners = owners,
                                                                    .n_owners = 1,
                                                                    .is_persistent = true,
                                                                    .creator = i ? "bob" : NULL,
                                                                    .is_system = i == 2});
    }
    struct user *bob = kit_user("bob", ""), *alice = kit_user("alice", "");
    struct account *of_bob = w[0]->account->parent, *seat = seat_from(&k, w[2], bob, "192.0.2.1"),
                   *other = seat_from(&k, w[2], alice, "192.0.2.1");
    CHECK_INT(of_bob->kind, ACCOUNT_PERSON);
    CHECK(w[1]->account->parent == of_bob && w[2]->account->parent == k.hub.clients);
    CHECK(seat->parent == of_bob); /* nobody has made that workspace */
    CHECK(other->parent != of_bob && other->parent->kind == ACCOUNT_PERSON);
    account_unref(seat);
    account_unref(other);
    user_unref(bob);
    user_unref(alice);
    kit_deinit(&k);
}

CASE(a_seat_is_of_one_workspace_and_one_person)
{
    struct kit k;
    struct account *seats[4];

    kit_init(&k, 1);
    struct workspace *w = kit_workspace(&k, "ws-a", "bob"),
                     *longer = kit_workspace(&k, "ws-ab", "bob");
    struct user *b = kit_user("b", ""), *of_nobody = user_new_anonymous("one");
    seats[0] = seat_from(&k, w, of_nobody, "2001:db8::1");
    seats[1] = seat_from(&k, longer, b, "2001:db8::1");
    CHECK(seats[0] != seats[1]);
    workspace_remove(&k.hub.registry, w);
    w = kit_workspace(&k, "ws-a", "bob");
    seats[2] = seat_from(&k, w, of_nobody, "2001:db8::1");
    seats[3] = seat_from(&k, w, of_nobody, "2001:db8::2");
    /* made again, it is another workspace */
    CHECK(seats[2] != seats[0] && seats[2]->parent == seats[0]->parent);
    CHECK(seats[3] == seats[2]);
    for (size_t i = 0; i < ARRAY_LEN(seats); i++)
        account_unref(seats[i]);
    user_unref(b);
    user_unref(of_nobody);
    kit_deinit(&k);
}

CASES(RUN(workspaces_of_one_person_count_together), RUN(a_seat_is_of_one_workspace_and_one_person),
      RUN(one_address_cannot_spend_what_the_anonymous_share),
      RUN(connections_are_counted_for_the_person),
      RUN(one_user_cannot_spend_what_a_workspace_shares))
