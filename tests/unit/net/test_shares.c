/* Who gets a seat, and who is asked to leave. req: S-60 S-61 S-62 */
#include "net/shares.h"

#include "harness/own_clock.h"
#include "unit/net/turns.h"
#include "wire/ip.h"

enum { N_PLACES = 8, N_RESERVE = 2, SHARE = 4 };

struct guest {
    struct seat *seat;
    bool stays, was_asked;
};

struct world {
    struct turns t;
    struct metrics metrics;
    struct shares *s;
};

static void begin(struct world *w)
{
    memset(w, 0, sizeof(*w));
    turns_init(&w->t, 2);
    w->s = shares_new(&(struct shares_options){.loops = &w->t.set,
                                               .n_loops = 2,
                                               .n_places = N_PLACES,
                                               .share_percent = 50,
                                               .n_reserve = N_RESERVE,
                                               .metrics = &w->metrics});
}

static void end(struct world *w)
{
    CHECK(shares_free(w->s) == NULL);
    turns_deinit(&w->t);
}

static bool on_evict(void *owner)
{
    struct guest *g = owner;

    g->was_asked = true;
    if (g->stays)
        return false;
    g->seat = seat_free(g->seat);
    return true;
}

static int arrive(struct world *w, struct guest *g, const char *from, bool is_proxy)
{
    struct in6_addr ip;

    memset(g, 0, sizeof(*g));
    CHECK(ip_parse(from, &ip));
    int r = shares_arrive(w->s, &ip, is_proxy, (unsigned)(from[strlen(from) - 1] & 1), &g->seat);
    if (r == SHARES_OK)
        seat_own(g->seat, on_evict, g);
    return r;
}

static void busy(struct world *w, struct guest *g, const char *from)
{
    CHECK_INT(arrive(w, g, from, false), SHARES_OK);
    CHECK_INT(seat_ask(g->seat, NULL), SHARES_OK);
    seat_set(g->seat, SEAT_BUSY);
}

static void leave(struct guest *guests, size_t n)
{
    for (size_t i = 0; i < n; i++)
        guests[i].seat = seat_free(guests[i].seat);
}

/* Until whoever is silent has had its moment. */
static void pass_the_moment(void)
{
    mono_shift_ms += 260;
}

CASE(the_least_useful_leave_and_those_at_work_stay)
{
    struct world w;
    struct guest at[N_PLACES], late[3];

    begin(&w);
    busy(&w, &at[0], "192.0.2.1");
    busy(&w, &at[1], "192.0.2.2");
    for (int i = 2; i < N_PLACES; i++)
        CHECK_INT(arrive(&w, &at[i], i < 5 ? "192.0.2.3" : "192.0.2.4", false), SHARES_OK);
    seat_set(at[2].seat, SEAT_HEAD);
    pass_the_moment();
    seat_set(at[3].seat, SEAT_BUSY);
    seat_set(at[3].seat, SEAT_IDLE); /* has been of use since */
    CHECK_INT(arrive(&w, &late[0], "192.0.2.9", false), SHARES_OK);
    turns_run(&w.t);
    CHECK(at[4].was_asked && !at[4].seat);
    for (int i = 0; i < 2; i++) { /* silent for longest: 5, 6 */
        CHECK_INT(arrive(&w, &late[1 + i], "192.0.2.10", false), SHARES_OK);
        turns_run(&w.t);
        CHECK(at[5 + i].was_asked);
    }
    CHECK(!at[0].was_asked && !at[1].was_asked && !at[2].was_asked && !at[3].was_asked);
    CHECK(!seat_is_spare(late[0].seat) && !seat_is_spare(late[2].seat));
    leave(at, N_PLACES);
    leave(late, 3);
    end(&w);
}

CASE(whoever_is_of_use_after_all_stays)
{
    struct world w;
    struct guest at[N_PLACES], late[2];

    begin(&w);
    for (int i = 0; i < N_PLACES; i++)
        CHECK_INT(arrive(&w, &at[i], i & 1 ? "192.0.2.1" : "192.0.2.2", false), SHARES_OK);
    at[0].stays = true;
    pass_the_moment();
    CHECK_INT(arrive(&w, &late[0], "192.0.2.8", false), SHARES_OK);
    CHECK_INT(arrive(&w, &late[1], "192.0.2.8", false), SHARES_OK);
    seat_set(at[1].seat, SEAT_BUSY); /* its request came before it was asked */
    turns_run(&w.t);
    CHECK(at[0].was_asked && at[0].seat && !at[1].was_asked);
    leave(at, N_PLACES);
    leave(late, 2);
    end(&w);
}

CASE(nobody_leaves_in_the_first_moment)
{
    struct world w;
    struct guest at[N_PLACES], late;

    begin(&w);
    for (int i = 0; i < N_PLACES; i++)
        CHECK_INT(arrive(&w, &at[i], i & 1 ? "192.0.2.1" : "192.0.2.2", false), SHARES_OK);
    CHECK_INT(arrive(&w, &late, "192.0.2.3", false), SHARES_OK);
    turns_run(&w.t);
    for (int i = 0; i < N_PLACES; i++)
        CHECK(!at[i].was_asked);
    CHECK(seat_is_spare(late.seat));
    CHECK_INT(seat_ask(late.seat, NULL), SHARES_FULL);
    pass_the_moment(); /* by then somebody has been silent for too long */
    CHECK_INT(seat_ask(late.seat, NULL), SHARES_OK);
    CHECK(!seat_is_spare(late.seat));
    turns_run(&w.t);
    CHECK(at[0].was_asked);
    leave(at, N_PLACES);
    leave(&late, 1);
    end(&w);
}

CASE(the_reserve_gives_way_to_the_next)
{
    struct world w;
    struct guest at[N_PLACES], spare[5];

    begin(&w);
    for (int i = 0; i < N_PLACES; i++)
        busy(&w, &at[i], i & 1 ? "192.0.2.1" : "192.0.2.2");
    CHECK_INT(arrive(&w, &spare[0], "192.0.2.5", false), SHARES_OK);
    CHECK_INT(arrive(&w, &spare[1], "192.0.2.6", false), SHARES_OK);
    CHECK_INT(arrive(&w, &spare[2], "192.0.2.6", false), SHARES_OK);
    turns_run(&w.t);
    CHECK(!spare[0].was_asked && spare[1].was_asked); /* of one's own address first */
    CHECK_INT(arrive(&w, &spare[3], "192.0.2.7", false), SHARES_OK);
    turns_run(&w.t);
    CHECK(spare[0].was_asked);
    CHECK_INT(seat_ask(spare[3].seat, NULL), SHARES_FULL);
    seat_set(spare[2].seat, SEAT_BUSY);
    seat_set(spare[3].seat, SEAT_BUSY);
    CHECK_INT(arrive(&w, &spare[4], "192.0.2.7", false), SHARES_FULL);
    leave(&at[3], 1);
    CHECK_INT(seat_ask(spare[3].seat, NULL), SHARES_OK);
    leave(at, N_PLACES);
    leave(spare, 4);
    end(&w);
}

/* The mail that asks can come before the one that brings the socket. */
CASE(a_reserve_of_those_who_stayed_is_asked_again)
{
    struct world w;
    struct guest at[N_PLACES], spare[N_RESERVE + SHARES_SLACK];

    begin(&w);
    for (int i = 0; i < N_PLACES; i++)
        busy(&w, &at[i], i < SHARE ? "192.0.2.1" : "192.0.2.2");
    for (size_t i = 0; i < ARRAY_LEN(spare); i++) {
        CHECK_INT(arrive(&w, &spare[i], "192.0.2.5", false), SHARES_OK);
        spare[i].stays = true; /* a request comes in as it is asked */
    }
    turns_run(&w.t);
    CHECK(shares_must_wait(w.s));
    for (size_t i = 0; i < ARRAY_LEN(spare); i++)
        spare[i].stays = false;
    TURNS_UNTIL(&w.t, !shares_must_wait(w.s));
    leave(at, N_PLACES);
    leave(spare, ARRAY_LEN(spare));
    end(&w);
}

CASE(who_is_asked_before_its_socket_is_here_is_asked_again)
{
    struct world w;
    struct guest at[N_PLACES], spare[3] = {0};
    struct in6_addr ip;

    begin(&w);
    for (int i = 0; i < N_PLACES; i++)
        busy(&w, &at[i], i & 1 ? "192.0.2.1" : "192.0.2.2");
    CHECK(ip_parse("192.0.2.6", &ip));
    CHECK_INT(shares_arrive(w.s, &ip, false, 0, &spare[0].seat), SHARES_OK);
    CHECK_INT(arrive(&w, &spare[1], "192.0.2.5", false), SHARES_OK);
    CHECK_INT(arrive(&w, &spare[2], "192.0.2.6", false), SHARES_OK);
    turns_run(&w.t);
    turns_run(&w.t);
    CHECK(!spare[1].was_asked && !spare[2].was_asked);
    seat_own(spare[0].seat, on_evict, &spare[0]);
    TURNS_UNTIL(&w.t, spare[0].was_asked);
    leave(at, N_PLACES);
    leave(spare, 3);
    end(&w);
}

CASE(an_address_holds_its_share_and_ipv6_counts_by_net)
{
    struct world w;
    struct guest at[SHARE], late;
    static const char *const from[SHARE] = {"2001:db8::1", "2001:db8::2", "2001:db8::3",
                                            "2001:db8::4"};

    begin(&w);
    for (int i = 0; i < SHARE; i++)
        busy(&w, &at[i], from[i]);
    CHECK_INT(arrive(&w, &late, "2001:db8::5", false), SHARES_OK);
    CHECK(seat_is_spare(late.seat));
    CHECK_INT(seat_ask(late.seat, NULL), SHARES_OVER);
    leave(&late, 1);
    CHECK_INT(arrive(&w, &late, "2001:db8:0:1::5", false), SHARES_OK);
    CHECK(!seat_is_spare(late.seat));
    leave(&late, 1);
    seat_set(at[2].seat, SEAT_IDLE);
    CHECK_INT(arrive(&w, &late, "2001:db8::6", false), SHARES_OK);
    CHECK(!seat_is_spare(late.seat));
    turns_run(&w.t);
    CHECK(at[2].was_asked); /* its own gives way */
    leave(at, SHARE);
    leave(&late, 1);
    end(&w);
}

CASE(a_proxy_counts_for_whom_it_names)
{
    struct world w;
    struct guest at[SHARE + 2];
    struct in6_addr client, other;

    begin(&w);
    CHECK(ip_parse("198.51.100.7", &client) && ip_parse("198.51.100.8", &other));
    for (int i = 0; i < SHARE + 2; i++) { /* more than a share at work at once */
        CHECK_INT(arrive(&w, &at[i], "127.0.0.1", true), SHARES_OK);
        CHECK_INT(seat_ask(at[i].seat, i < SHARE ? &client : &other), SHARES_OK);
        seat_set(at[i].seat, SEAT_BUSY);
    }
    seat_set(at[SHARE].seat, SEAT_IDLE);
    CHECK_INT(seat_ask(at[SHARE].seat, &client), SHARES_OVER);
    CHECK_INT(seat_ask(at[SHARE].seat, &other), SHARES_OK);
    seat_set(at[0].seat, SEAT_IDLE); /* the answer is out: it counts for the client no more */
    CHECK_INT(seat_ask(at[0].seat, &client), SHARES_OK);
    leave(at, SHARE + 2);
    end(&w);
}

CASE(a_proxys_silent_sockets_have_a_share)
{
    struct world w;
    struct guest at[SHARE + 1];

    begin(&w);
    for (int i = 0; i < SHARE; i++)
        CHECK_INT(arrive(&w, &at[i], "127.0.0.1", true), SHARES_OK);
    pass_the_moment();
    CHECK_INT(arrive(&w, &at[SHARE], "127.0.0.1", true), SHARES_OK);
    turns_run(&w.t);
    CHECK(at[0].was_asked && !at[1].was_asked);
    leave(at, SHARE + 1);
    end(&w);
}

CASE(no_more_are_let_in_than_are_read_soon)
{
    enum { MANY = SHARES_WAITING + 1 };
    struct world w;
    struct shares *s;
    struct in6_addr ip;
    struct seat *seats[MANY];

    begin(&w);
    s = shares_new(&(struct shares_options){
        .loops = &w.t.set, .n_loops = 1, .n_places = 2 * MANY, .share_percent = 100});
    CHECK(ip_parse("192.0.2.1", &ip));
    for (int i = 0; i < MANY; i++) {
        CHECK_INT(shares_must_wait(s), i == SHARES_WAITING);
        if (i == SHARES_WAITING)
            seat_own(seats[0], NULL, NULL); /* its loop has it: it waits for nothing */
        CHECK(!shares_must_wait(s));
        CHECK_INT(shares_arrive(s, &ip, false, 0, &seats[i]), SHARES_OK);
    }
    CHECK(shares_must_wait(s));
    seat_wait(seats[1], false);
    CHECK(!shares_must_wait(s));
    seat_wait(seats[0], true);
    CHECK(shares_must_wait(s));
    for (int i = 0; i < MANY; i++)
        seat_free(seats[i]);
    CHECK(!shares_must_wait(s));
    CHECK(shares_free(s) == NULL);
    end(&w);
}

CASE(a_random_crowd_leaves_nothing_behind)
{
    struct world w;
    enum { N = 40 };
    static struct guest at[N];
    static const char *const from[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "127.0.0.1"};
    struct in6_addr client;

    begin(&w);
    memset(at, 0, sizeof(at));
    srand(7);
    CHECK(ip_parse("198.51.100.7", &client));
    for (int step = 0; step < 200000; step++) {
        struct guest *g = &at[rand() % N];
        int what = rand() % 8;
        if (!g->seat) {
            (void)!arrive(&w, g, from[rand() % 4], rand() % 2);
            g->stays = rand() % 4 == 0;
        } else if (what < 4) {
            seat_set(g->seat, (enum seat_use)(SEAT_IDLE + rand() % 3));
        } else if (what < 6) {
            (void)!seat_ask(g->seat, rand() % 2 ? &client : NULL);
        } else if (what == 6) {
            leave(g, 1);
        } else if (rand() % 16 == 0) {
            shares_make_room(w.s);
        }
        if (rand() % 8 == 0)
            turns_run(&w.t);
    }
    leave(at, N);
    turns_run(&w.t);
    end(&w);
}

CASES(RUN(the_least_useful_leave_and_those_at_work_stay), RUN(whoever_is_of_use_after_all_stays),
      RUN(nobody_leaves_in_the_first_moment), RUN(the_reserve_gives_way_to_the_next),
      RUN(a_reserve_of_those_who_stayed_is_asked_again),
      RUN(who_is_asked_before_its_socket_is_here_is_asked_again),
      RUN(an_address_holds_its_share_and_ipv6_counts_by_net), RUN(a_proxy_counts_for_whom_it_names),
      RUN(a_proxys_silent_sockets_have_a_share), RUN(no_more_are_let_in_than_are_read_soon),
      RUN(a_random_crowd_leaves_nothing_behind))
