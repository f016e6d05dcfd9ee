/* Broadcasts to many, on a loop that is never run: each turn is one call of what goes on, and has
 * no time. */
#include "router/fanout.h"

#include <stdio.h>

#include "base/memory.h"
#include "harness/check.h"
#include "harness/payer.h"
#include "router/router.h"
#include "wire/ws_frame.h"
#include "wire/mp.h"
#include "wire/rpc_header.h"

enum { N_MEMBERS = 200, PER_TURN_MOST = 8, AHEAD_MOST = 64, N_CROWD = 300 };

struct member {
    struct endpoint endpoint;
    char address[16];
    /* the first letter of each type or method it was sent, in order */
    char got[64];
    size_t n_got;
    bool is_here;
};

static struct {
    struct loop_set set;
    struct loop *loop;
    struct router *router;
    struct account *payer; /* of what is sent; NULL: nobody in particular */
    size_t n_delivered;
    struct member members[N_MEMBERS];
} w;

static void on_deliver(struct endpoint *e, struct msg *m)
{
    static const struct rpc_header_caps caps = {65536, 32, 64};
    struct member *me = CONTAINER_OF(e, struct member, endpoint);
    struct rpc_header h;

    CHECK_INT(rpc_header_peek(msg_head_slice(m), &caps, &h), RPC_HEADER_OK);
    char letter = slice_is(h.type, "method")
                      ? slice_ends(h.method, ".reject") ? '!' : h.method.ptr[0]
                      : h.type.ptr[0];
    CHECK(me->is_here);
    if (me->n_got < sizeof(me->got) - 1)
        me->got[me->n_got] = letter;
    me->n_got++;
    w.n_delivered++;
    msg_unref(m);
}

static bool on_wants(struct endpoint *e, struct slice type)
{
    (void)e;
    return !slice_is(type, "dull");
}

static const struct endpoint_ops ops = {.deliver = on_deliver, .wants = on_wants};

static void hears(struct member *m, bool it_does)
{
    router_interest(w.router, &m->endpoint, SLICE_LIT("news"), it_does);
    router_interest(w.router, &m->endpoint, SLICE_LIT("event"), it_does);
}

static void arrive(struct member *m)
{
    struct route replaced;

    m->endpoint.ops = &ops;
    (void)snprintf(m->address, sizeof(m->address), "w/m%zu", (size_t)(m - w.members));
    router_attach(w.router, w.loop, &m->endpoint);
    router_join(w.router, &m->endpoint, SLICE_LIT("w"), w.payer ? w.payer : payer());
    hears(m, true);
    CHECK(!router_bind(w.router, w.loop, slice_of(m->address), route_here(m->endpoint.handle),
                       &replaced));
    m->is_here = true;
}

static void leave(struct member *m)
{
    struct handle h = m->endpoint.handle;

    if (!m->is_here)
        return;
    hears(m, false);
    m->is_here = false;
    router_detach(w.router, &m->endpoint);
    CHECK(router_unbind(w.router, w.loop, slice_of(m->address), route_here(h)));
}

static void begin(unsigned n_members)
{
    check_allow_fds(2);
    CHECK_INT(loop_set_init(&w.set, 1), 0);
    w.loop = &w.set.loops[0];
    w.router = router_new(&w.set, NULL);
    for (unsigned i = 0; i < n_members; i++)
        arrive(&w.members[i]);
    loop_begin_part(w.loop, 0);
}

static void end(void)
{
    for (unsigned i = 0; i < N_MEMBERS; i++)
        leave(&w.members[i]);
    CHECK(list_is_empty(&w.loop->again));
    CHECK_INT(loop_set_start(&w.set), 0); /* so that it closes what it has opened */
    loop_set_stop(&w.set);
    loop_set_drain_after_stop(&w.set);
    CHECK_INT(router_fanout(w.router, w.loop)->n_waiting, 0);
    loop_set_deinit(&w.set);
    router_free(w.router);
}

static bool turn(void)
{
    size_t before = w.n_delivered;

    if (list_is_empty(&w.loop->again))
        return false;
    struct deferred *d = LIST_ENTRY(w.loop->again.next, struct deferred, link);
    list_unlink(&d->link);
    d->run(d);
    CHECK(w.n_delivered - before <= PER_TURN_MOST);
    return true;
}

/* A turn of a loop that has its own mail to read. */
static bool mail_turn(void)
{
    struct outbox *box = &w.loop->outboxes[0];
    struct mail *mail = box->first;

    if (!mail)
        return false;
    *box = (struct outbox){mail->next, mail->next ? box->last : NULL};
    mail->run(w.loop, mail);
    return true;
}

static struct msg *frame(const char *type, const char *from, const char *method)
{
    struct buf b;

    buf_init(&b, 0);
    mp_add_map(&b, 3 + (from != NULL) + (method != NULL));
    mp_add_text(&b, "type");
    mp_add_text(&b, type);
    mp_add_text(&b, "to");
    mp_add_text(&b, "w/m7");
    mp_add_text(&b, "session");
    mp_add_text(&b, "s1");
    if (from) {
        mp_add_text(&b, "from");
        mp_add_text(&b, from);
    }
    if (method) {
        mp_add_text(&b, "method");
        mp_add_text(&b, method);
    }
    struct msg *m = msg_try_new(b.len, w.payer ? w.payer : payer());
    memcpy(msg_head(m), b.ptr, b.len);
    ws_seal(m);
    buf_deinit(&b);
    return m;
}

static void broadcast(const char *type, const char *from)
{
    struct msg *m = frame(type, from, NULL);

    m->is_hubs = !from;
    router_broadcast(w.router, w.loop, SLICE_LIT("w"), slice_of(type), m);
}

/* What it is called by begins with the letter that is noted. */
static void call(struct member *to, const char *from, const char *method, bool is_hubs)
{
    struct msg *m = frame("method", from, method);

    m->is_hubs = is_hubs;
    CHECK_INT(router_send(w.router, w.loop, slice_of(to->address), m), ROUTER_OK);
}

CASE(a_broadcast_to_many_takes_turns_and_reaches_each_once)
{
    unsigned n_turns = 0;

    begin(N_MEMBERS);
    broadcast("news", "w/s");
    CHECK(w.n_delivered <= PER_TURN_MOST);
    for (; turn(); n_turns++)
        continue;
    CHECK(n_turns >= N_MEMBERS / PER_TURN_MOST - 1);
    for (unsigned i = 0; i < N_MEMBERS; i++)
        CHECK_TEXT(w.members[i].got, "n");
    broadcast("dull", "w/s"); /* nobody wants it: nothing waits */
    CHECK(!turn());
    end();
}

CASE(what_one_sends_comes_in_order_and_others_wait_for_nothing)
{
    struct member *last = &w.members[N_MEMBERS - 1];

    begin(N_MEMBERS);
    broadcast("news", "w/s");
    call(last, "w/s", "first", false);
    broadcast("event", NULL);
    call(last, "w/s", "second", false);
    call(last, "w/t", "other", false);
    call(last, "*/manager", "hub", true);
    CHECK_TEXT(last->got, "o");
    while (turn())
        continue;
    CHECK_TEXT(last->got, "onfesh");
    call(last, "w/s", "third", false);
    CHECK_TEXT(last->got, "onfesht");
    end();
}

CASE(the_hub_waits_for_its_events_only)
{
    struct member *last = &w.members[N_MEMBERS - 1];

    begin(N_MEMBERS);
    broadcast("news", "w/s");
    call(last, "*/manager", "hub", true);
    CHECK_TEXT(last->got, "h");
    while (turn())
        continue;
    CHECK_TEXT(last->got, "hn");
    end();
}

CASE(members_come_and_go_under_way)
{
    begin(N_MEMBERS - 1);
    broadcast("news", "w/s");
    broadcast("news", "w/s");
    (void)turn();
    arrive(&w.members[N_MEMBERS - 1]);
    /* among them the one whose turn it is */
    for (unsigned i = 0; i < N_MEMBERS - 1; i += 3)
        leave(&w.members[i]);
    (void)turn();
    broadcast("event", NULL);
    while (turn())
        continue;
    for (unsigned i = 0; i < N_MEMBERS - 1; i++) {
        if (w.members[i].is_here)
            CHECK_TEXT(w.members[i].got, "nne");
    }
    CHECK_TEXT(w.members[N_MEMBERS - 1].got, "e");
    end();
}

CASE(what_waits_for_one_that_leaves_bounces)
{
    struct member *caller = &w.members[0], *target = &w.members[N_MEMBERS - 1];

    begin(N_MEMBERS);
    broadcast("news", caller->address);
    call(target, caller->address, "first", false);
    leave(target);
    while (turn())
        continue;
    CHECK_TEXT(caller->got, "n!");
    broadcast("news", caller->address);
    call(&w.members[7], caller->address, "first", false);
    end();
}

/* Who is of another workspace hears of each call that it has sent to one of these, over the turns
 * that takes. */
CASE(what_waits_for_many_that_have_left_bounces_over_turns)
{
    struct member *caller = &w.members[0];
    unsigned n_turns = 0;

    begin(N_MEMBERS);
    hears(caller, false);
    router_join(w.router, &caller->endpoint, SLICE_LIT("v"), payer());
    hears(caller, true);
    broadcast("news", caller->address);
    for (int i = 0; i < N_CROWD; i++)
        call(&w.members[N_MEMBERS - 1], caller->address, "first", false);
    for (unsigned i = 1; i < N_MEMBERS; i++)
        leave(&w.members[i]);
    arrive(&w.members[N_MEMBERS / 2]); /* to a workspace of that name where nothing waits */
    broadcast("news", NULL);
    CHECK_TEXT(w.members[N_MEMBERS / 2].got, "n");
    for (size_t before = w.n_delivered; mail_turn(); n_turns++) {
        CHECK(w.n_delivered - before <= PER_TURN_MOST);
        before = w.n_delivered;
    }
    CHECK(n_turns >= N_CROWD / PER_TURN_MOST);
    CHECK_INT(caller->n_got, N_CROWD);
    CHECK_INT(router_fanout(w.router, w.loop)->n_waiting, 0);
    end();
}

static size_t n_of(char letter, const struct member *m)
{
    size_t n = 0;

    for (const char *at = m->got; *at; at++)
        n += *at == letter;
    return n;
}

/* Nothing is lost, nothing is delivered in one long turn, and who has sent it pays for its
 * place. */
CASE(however_many_wait_they_take_turns_at_their_senders_cost)
{
    struct account *user = account_new(NULL, ACCOUNT_USER, 0),
                   *sender = account_new_leaf(user, ACCOUNT_PEER, 0);
    struct member *one = &w.members[0], *last = &w.members[N_MEMBERS - 1];

    begin(N_MEMBERS);
    w.payer = sender;
    broadcast("news", one->address);
    for (int i = 1; i < N_CROWD; i++) {
        size_t before = account_used(user), delivered = w.n_delivered;
        if (i % 2)
            broadcast("news", one->address);
        else
            call(last, one->address, "first", false);
        CHECK_INT(w.n_delivered, delivered);
        CHECK_INT(router_is_behind(w.router, &one->endpoint, slice_of(one->address)),
                  i >= AHEAD_MOST);
        CHECK(!router_is_behind(w.router, &last->endpoint, slice_of(last->address)));
        CHECK(account_used(user) >= before + sizeof(struct list) + sizeof(struct msg *));
    }
    CHECK_INT(router_fanout(w.router, w.loop)->n_waiting, N_CROWD);
    while (turn())
        CHECK_INT(router_is_behind(w.router, &one->endpoint, slice_of(one->address)),
                  router_fanout(w.router, w.loop)->n_waiting > AHEAD_MOST);
    CHECK_INT(last->n_got, N_CROWD);
    /* as far as they are noted: one after the other */
    CHECK_INT(n_of('n', last) - n_of('f', last), 1);
    CHECK_INT(one->n_got, N_CROWD / 2 + 1);
    account_settle(sender);
    CHECK_INT(account_used(sender), 0);
    CHECK_INT(account_used(user), 0);
    w.payer = NULL;
    end();
    account_unref(sender);
    account_unref(user);
}

/* What nobody has sent is its receivers', who are charged by their queues: while it waits for them,
 * their workspace's. */
CASE(an_event_that_waits_is_charged_to_the_workspace)
{
    struct account *workspace = account_new(NULL, ACCOUNT_WORKSPACE, 0);

    w.payer = workspace;
    begin(N_MEMBERS);
    w.payer = NULL;
    for (int i = 0; i < 2; i++) {
        struct msg *m = frame("event", NULL, NULL);
        size_t before = account_used(workspace), cost = msg_cost(m);
        m->is_hubs = m->receivers_pay = true;
        router_broadcast(w.router, w.loop, SLICE_LIT("w"), SLICE_LIT("event"), m);
        CHECK(account_used(workspace) > before + cost);
    }
    while (turn())
        continue;
    CHECK_TEXT(w.members[N_MEMBERS - 1].got, "ee");
    CHECK_INT(account_used(workspace), 0);
    end();
    account_unref(workspace);
}

/* What has been taken is not refused here: its payer is over its cap rather. */
CASE(what_waits_is_charged_to_an_account_that_is_full)
{
    enum { CAP = 64 * 1024 };
    struct account *full = account_new(NULL, ACCOUNT_WORKSPACE, CAP);

    begin(N_MEMBERS);
    w.payer = full;
    broadcast("event", NULL);
    struct msg *m = frame("event", NULL, NULL);
    size_t n_left = CAP - account_used(full);
    CHECK_INT(account_charge(full, n_left), ACCOUNT_OK);
    router_broadcast(w.router, w.loop, SLICE_LIT("w"), SLICE_LIT("event"), m);
    CHECK(account_used(full) > CAP);
    CHECK_INT(account_charge(full, 1), ACCOUNT_FULL);
    while (turn())
        continue;
    CHECK_TEXT(w.members[N_MEMBERS - 1].got, "ee");
    account_release(full, n_left);
    CHECK_INT(account_used(full), 0);
    w.payer = NULL;
    end();
    account_unref(full);
}

CASES(RUN(a_broadcast_to_many_takes_turns_and_reaches_each_once),
      RUN(what_one_sends_comes_in_order_and_others_wait_for_nothing),
      RUN(the_hub_waits_for_its_events_only), RUN(members_come_and_go_under_way),
      RUN(what_waits_for_one_that_leaves_bounces),
      RUN(what_waits_for_many_that_have_left_bounces_over_turns),
      RUN(however_many_wait_they_take_turns_at_their_senders_cost),
      RUN(an_event_that_waits_is_charged_to_the_workspace),
      RUN(what_waits_is_charged_to_an_account_that_is_full))
