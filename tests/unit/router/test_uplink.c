/* Two instances in one process, each with loops and a router of its own, and a link of memory
 * between them: simulated, in many orders. */
#include <stdio.h>

#include "base/memory.h"
#include "harness/payer.h"
#include "harness/sim.h"
#include "router/router.h"
#include "wire/ws_frame.h"
#include "wire/mp.h"
#include "wire/rpc_header.h"

enum { N_LOOPS = 2, N_INSTANCES = 2, N_SEATS = N_LOOPS * N_INSTANCES, N_SEEDS = 50, N_CALLS = 20 };

/* What one instance knows of the other. */
struct link {
    struct router_uplink uplink;
    struct instance *far;
};

struct instance {
    struct link link;
    struct loop_set set;
    struct router *router;
};

struct seat {
    struct endpoint endpoint;
    struct instance *at;
    struct loop *loop;
    char address[16];
    char got[16 * N_CALLS]; /* the session, or the type, of each message, in order */
    unsigned n_overdrawn;
    bool is_here;
};

static struct {
    struct sim sim;
    struct instance instances[N_INSTANCES];
    struct seat seats[N_SEATS];
} w;

/* ---- the link: mail to the far seat's loop */

struct crossing {
    struct mail mail;
    struct router *router; /* the far one */
    struct handle to;
    struct msg *msg;
    bool is_overdrawn;
    char workspace[8], type[8]; /* of a broadcast */
};

static void run_crossing(struct loop *l, struct mail *mail)
{
    struct crossing *c = CONTAINER_OF(mail, struct crossing, mail);

    if (c->type[0]) {
        router_arrive_broadcast(c->router, l, slice_of(c->workspace), slice_of(c->type), c->msg);
        msg_unref(c->msg);
    } else if (c->is_overdrawn) {
        router_arrive_overdrawn(c->router, l, c->to, c->msg);
    } else {
        router_arrive(c->router, l, c->to, c->msg);
    }
    mem_free(c);
}

static struct crossing *cross(struct router_uplink *u, unsigned loop, struct handle to,
                              struct msg *m)
{
    struct instance *far = CONTAINER_OF(u, struct link, uplink)->far;
    struct crossing *c = MEM_NEW(struct crossing);

    *c = (struct crossing){.mail = {NULL, run_crossing}, .router = far->router, .to = to, .msg = m};
    loop_post_outside(&far->set.loops[loop], &c->mail);
    return c;
}

static void link_send(struct router_uplink *u, struct loop *self, const struct route *to,
                      struct msg *m)
{
    LOOP_ASSERT(self);
    (void)cross(u, to->seat.loop, to->seat, m);
}

static void link_overdrawn(struct router_uplink *u, struct loop *self, const struct route *to,
                           struct msg *refusal)
{
    LOOP_ASSERT(self);
    cross(u, to->seat.loop, to->seat, refusal)->is_overdrawn = true;
}

static void link_spread(struct router_uplink *u, struct loop *self, struct slice workspace,
                        struct slice type, struct msg *m)
{
    LOOP_ASSERT(self);
    struct crossing *c = cross(u, 0, (struct handle){0}, msg_ref(m));
    (void)snprintf(c->workspace, sizeof(c->workspace), SLICE_FMT, SLICE_ARG(workspace));
    (void)snprintf(c->type, sizeof(c->type), SLICE_FMT, SLICE_ARG(type));
}

/* ---- those who sit there */

static struct msg *frame(const char *type, const struct seat *from, const char *to,
                         const char *session)
{
    SCRATCH_BUF(b, 0);

    mp_add_map(&b, 5);
    mp_add_text(&b, "type");
    mp_add_text(&b, type);
    mp_add_text(&b, "from");
    mp_add_text(&b, from->address);
    mp_add_text(&b, "to");
    mp_add_text(&b, to);
    mp_add_text(&b, "method");
    mp_add_text(&b, "services.x.y");
    mp_add_text(&b, "session");
    mp_add_text(&b, session);
    struct msg *m = msg_try_new(b.len, payer());
    memcpy(msg_head(m), b.ptr, b.len);
    ws_seal(m);
    return m;
}

static void note(struct seat *s, struct slice text)
{
    size_t len = strlen(s->got);

    (void)snprintf(s->got + len, sizeof(s->got) - len, SLICE_FMT " ", SLICE_ARG(text));
}

static void on_deliver(struct endpoint *e, struct msg *m)
{
    static const struct rpc_header_caps caps = {65536, 32, 64};
    struct seat *s = CONTAINER_OF(e, struct seat, endpoint);
    struct rpc_header h;

    CHECK_INT(rpc_header_peek(msg_head_slice(m), &caps, &h), RPC_HEADER_OK);
    CHECK(s->is_here);
    note(s, slice_is(h.type, "news")          ? h.type
            : slice_ends(h.method, ".reject") ? h.method
                                              : h.session);
    msg_unref(m);
}

static void on_overdrawn(struct endpoint *e, struct msg *refusal)
{
    CONTAINER_OF(e, struct seat, endpoint)->n_overdrawn++;
    msg_unref(refusal);
}

static bool on_wants(struct endpoint *e, struct slice type)
{
    (void)e;
    return slice_is(type, "news");
}

static const struct endpoint_ops ops = {
    .deliver = on_deliver, .overdrawn = on_overdrawn, .wants = on_wants};

/* Where a seat is, as one instance sees it. */
static struct route route_from(const struct instance *i, const struct seat *s)
{
    return (struct route){s->endpoint.handle, s->at == i ? ROUTE_HERE : 1};
}

static void bind_everywhere(struct seat *s)
{
    struct route replaced;

    for (unsigned i = 0; i < N_INSTANCES; i++) {
        struct instance *in = &w.instances[i];
        (void)router_bind(in->router, &in->set.loops[0], slice_of(s->address), route_from(in, s),
                          &replaced);
    }
}

static void arrive(struct seat *s, const char *address)
{
    s->endpoint.ops = &ops;
    s->is_here = true;
    (void)snprintf(s->address, sizeof(s->address), "%s", address);
    router_attach(s->at->router, s->loop, &s->endpoint);
    router_join(s->at->router, &s->endpoint, SLICE_LIT("w"), payer());
    router_interest(s->at->router, &s->endpoint, SLICE_LIT("news"), true);
    bind_everywhere(s);
}

/* Its address still leads there, everywhere. */
static void vanish(struct seat *s)
{
    s->is_here = false;
    router_interest(s->at->router, &s->endpoint, SLICE_LIT("news"), false);
    router_detach(s->at->router, &s->endpoint);
}

static void begin(uint64_t seed)
{
    memset(&w, 0, sizeof(w));
    sim_init(&w.sim, seed);
    for (unsigned i = 0; i < N_INSTANCES; i++) {
        struct instance *in = &w.instances[i];
        in->link = (struct link){{link_send, link_overdrawn, link_spread}, &w.instances[!i]};
        sim_add(&w.sim, &in->set, N_LOOPS);
        in->router = router_new(&in->set, &in->link.uplink);
    }
    for (unsigned i = 0; i < N_SEATS; i++) {
        char address[16];
        w.seats[i].at = &w.instances[i / N_LOOPS];
        w.seats[i].loop = &w.seats[i].at->set.loops[i % N_LOOPS];
        (void)snprintf(address, sizeof(address), "w/c%u", i);
        arrive(&w.seats[i], address);
    }
}

static void end(void)
{
    for (unsigned i = 0; i < N_SEATS; i++) {
        if (w.seats[i].is_here)
            vanish(&w.seats[i]);
    }
    sim_deinit(&w.sim);
    for (unsigned i = 0; i < N_INSTANCES; i++)
        router_free(w.instances[i].router);
}

static void call(struct seat *from, const char *to, const char *session)
{
    CHECK_INT(
        router_send(from->at->router, from->loop, slice_of(to), frame("method", from, to, session)),
        ROUTER_OK);
}

/* req: W-037 */
CASE(frames_cross_in_order_and_a_broadcast_comes_once_in_its_place)
{
    for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
        char expected[sizeof(w.seats[0].got)] = "";
        begin(seed);
        for (unsigned n = 0; n < N_CALLS; n++) {
            char session[8];
            (void)snprintf(session, sizeof(session), "s%u", n);
            (void)snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "%s ",
                           session);
            for (unsigned to = 0; to < N_SEATS; to++)
                call(&w.seats[0], w.seats[to].address, session);
        }
        router_broadcast(w.instances[0].router, w.seats[0].loop, SLICE_LIT("w"), SLICE_LIT("news"),
                         frame("news", &w.seats[0], "w/*", "b"));
        (void)snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "news ");
        sim_run(&w.sim, 1);
        for (unsigned i = 0; i < N_SEATS; i++)
            CHECK_TEXT(w.seats[i].got, expected);
        end();
    }
}

/* req: W-040 */
CASE(what_comes_too_late_bounces_back_over_the_link)
{
    for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
        begin(seed);
        vanish(&w.seats[3]);
        call(&w.seats[1], "w/c3", "late");
        sim_run(&w.sim, 1);
        CHECK_TEXT(w.seats[1].got, "late.reject ");
        CHECK_TEXT(w.seats[0].got, "");
        end();
    }
}

/* The caller of an answer that finds no room is on the other side. */
CASE(an_account_that_is_full_is_told_over_the_link)
{
    begin(1);
    router_overdrawn(w.instances[0].router, w.seats[0].loop, slice_of(w.seats[2].address),
                     frame("method", &w.seats[0], "w/c2", "s"));
    router_overdrawn(w.instances[0].router, w.seats[0].loop, slice_of(w.seats[2].address), NULL);
    router_overdrawn(w.instances[0].router, w.seats[0].loop, slice_of(w.seats[1].address), NULL);
    sim_run(&w.sim, 1);
    CHECK_INT(w.seats[2].n_overdrawn, 2);
    CHECK_INT(w.seats[1].n_overdrawn, 1);
    end();
}

/* A client that moves: what is sent from then on goes to its new seat, and the clean-up of the old
 * one removes nothing. */
CASE(a_late_clean_up_does_not_touch_the_newer_connection)
{
    for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
        begin(seed);
        struct seat *old = &w.seats[2], *now = &w.seats[1];
        struct instance *in = &w.instances[0];
        vanish(now);
        router_unbind(in->router, &in->set.loops[0], slice_of(now->address), route_from(in, now));
        struct route was = route_from(in, old), found;
        arrive(now, old->address);
        CHECK(!router_unbind(in->router, &in->set.loops[0], slice_of(now->address), was));
        CHECK(router_find(in->router, &in->set.loops[0], slice_of(now->address), &found) &&
              route_is_here(&found));
        call(&w.seats[0], "w/c2", "new");
        call(&w.seats[3], "w/c2", "far");
        sim_run(&w.sim, 1);
        CHECK(strstr(now->got, "new ") && strstr(now->got, "far "));
        CHECK_TEXT(old->got, "");
        end();
    }
}

CASES(RUN(frames_cross_in_order_and_a_broadcast_comes_once_in_its_place),
      RUN(what_comes_too_late_bounces_back_over_the_link),
      RUN(an_account_that_is_full_is_told_over_the_link),
      RUN(a_late_clean_up_does_not_touch_the_newer_connection))
