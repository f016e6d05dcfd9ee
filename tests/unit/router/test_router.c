#include "router/router.h"

#include <sched.h>
#include <stdio.h>

#include "base/memory.h"
#include "harness/check.h"
#include "harness/payer.h"
#include "wire/ws_frame.h"
#include "wire/mp.h"
#include "wire/rpc_header.h"

enum { N_LOOPS = 3 };

struct world {
    struct loop_set set;
    struct router *router;
    atomic_int n_ready, n_got, n_rejects, n_broadcast;
};

struct member {
    struct endpoint endpoint;
    struct world *world;
    char address[32];
};

static void on_deliver(struct endpoint *e, struct msg *m)
{
    struct member *me = CONTAINER_OF(e, struct member, endpoint);
    static const struct rpc_header_caps caps = {65536, 32, 64};
    struct rpc_header h;

    LOOP_ASSERT(e->loop);
    CHECK_INT(rpc_header_peek(msg_head_slice(m), &caps, &h), RPC_HEADER_OK);
    CHECK(m->frame_len > 0);
    if (slice_is(h.type, "news"))
        atomic_fetch_add(&me->world->n_broadcast, 1);
    else if (slice_ends(h.method, ".reject"))
        atomic_fetch_add(&me->world->n_rejects, 1);
    else
        atomic_fetch_add(&me->world->n_got, 1);
    msg_unref(m);
}

static bool on_wants(struct endpoint *e, struct slice type)
{
    /* The member of the last loop has not subscribed. */
    return slice_is(type, "news") && e->loop->index != N_LOOPS - 1;
}

static const struct endpoint_ops ops = {.deliver = on_deliver, .wants = on_wants};

static struct msg *frame(const char *type, const char *from, const char *to, const char *session)
{
    struct buf b;

    buf_init(&b, 0);
    mp_add_map(&b, session ? 5 : 4);
    mp_add_text(&b, "type");
    mp_add_text(&b, type);
    mp_add_text(&b, "from");
    mp_add_text(&b, from);
    mp_add_text(&b, "to");
    mp_add_text(&b, to);
    mp_add_text(&b, "method");
    mp_add_text(&b, "services.x.y");
    if (session) {
        mp_add_text(&b, "session");
        mp_add_text(&b, session);
    }
    struct msg *m = msg_try_new(b.len, payer());
    memcpy(msg_head(m), b.ptr, b.len);
    ws_seal(m);
    buf_deinit(&b);
    return m;
}

struct step {
    struct mail mail;
    struct member *member;
    void (*run)(struct member *m, struct loop *l);
};

static void run_step(struct loop *l, struct mail *mail)
{
    struct step *s = (struct step *)mail;

    s->run(s->member, l);
    mem_free(s);
}

static void on_loop(struct world *w, unsigned i, struct member *m,
                    void (*run)(struct member *m, struct loop *l))
{
    struct step *s = MEM_NEW(struct step);

    *s = (struct step){{NULL, run_step}, m, run};
    loop_post_outside(&w->set.loops[i], &s->mail);
}

static void wait_for(atomic_int *counter, int n)
{
    while (atomic_load(counter) < n)
        sched_yield();
    CHECK_INT(atomic_load(counter), n);
}

static void arrive(struct member *m, struct loop *l)
{
    struct route replaced;

    m->endpoint.ops = &ops;
    snprintf(m->address, sizeof(m->address), "w/c%u", l->index);
    router_attach(m->world->router, l, &m->endpoint);
    router_join(m->world->router, &m->endpoint, SLICE_LIT("w"), payer());
    router_interest(m->world->router, &m->endpoint, SLICE_LIT("news"), true);
    router_interest(m->world->router, &m->endpoint, SLICE_LIT("other"), true);
    router_interest(m->world->router, &m->endpoint, SLICE_LIT("other"), false);
    CHECK(!router_bind(m->world->router, l, slice_of(m->address), route_here(m->endpoint.handle),
                       &replaced));
    atomic_fetch_add(&m->world->n_ready, 1);
}

static void send_all(struct member *m, struct loop *l)
{
    for (unsigned i = 0; i < N_LOOPS; i++) {
        char to[32];
        snprintf(to, sizeof(to), "w/c%u", i);
        CHECK_INT(
            router_send(m->world->router, l, slice_of(to), frame("method", m->address, to, "s1")),
            ROUTER_OK);
    }
    router_broadcast(m->world->router, l, SLICE_LIT("w"), SLICE_LIT("news"),
                     frame("news", m->address, "w/*", NULL));
    router_broadcast(m->world->router, l, SLICE_LIT("w"), SLICE_LIT("other"),
                     frame("other", m->address, "w/*", NULL));
    struct msg *lost = frame("method", m->address, "w/nobody", "s1");
    CHECK_INT(router_send(m->world->router, l, SLICE_LIT("w/nobody"), lost), ROUTER_NO_PEER);
    router_bounce(m->world->router, l, lost);
    router_bounce(m->world->router, l, frame("method", m->address, "w/nobody", NULL));
}

/* Leaves without unbinding first: what is sent to the stale handle must bounce. */
static void vanish(struct member *m, struct loop *l)
{
    struct handle h = m->endpoint.handle;

    router_interest(m->world->router, &m->endpoint, SLICE_LIT("news"), false);
    router_detach(m->world->router, &m->endpoint);
    struct msg *late = frame("method", "w/c0", m->address, "s9");
    CHECK_INT(router_send(m->world->router, l, slice_of(m->address), late), ROUTER_OK);
    CHECK(router_unbind(m->world->router, l, slice_of(m->address), route_here(h)));
    CHECK(!router_unbind(m->world->router, l, slice_of(m->address), route_here(h)));
    atomic_fetch_add(&m->world->n_ready, 1);
}

/* req: W-037 W-040 W-041 */
CASE(messages_reach_their_loop_and_the_lost_ones_bounce)
{
    static struct world w;
    static struct member members[N_LOOPS];

    check_allow_fds(2);
    CHECK_INT(loop_set_init(&w.set, N_LOOPS), 0);
    w.router = router_new(&w.set, NULL);
    CHECK_INT(loop_set_start(&w.set), 0);
    for (unsigned i = 0; i < N_LOOPS; i++) {
        members[i].world = &w;
        on_loop(&w, i, &members[i], arrive);
    }
    wait_for(&w.n_ready, N_LOOPS);
    for (unsigned i = 0; i < N_LOOPS; i++)
        on_loop(&w, i, &members[i], send_all);
    wait_for(&w.n_got, N_LOOPS * N_LOOPS);
    wait_for(&w.n_broadcast, N_LOOPS * (N_LOOPS - 1));
    wait_for(&w.n_rejects, N_LOOPS);
    atomic_store(&w.n_ready, 0);
    on_loop(&w, 1, &members[1], vanish);
    on_loop(&w, 2, &members[2], vanish);
    wait_for(&w.n_ready, 2);
    wait_for(&w.n_rejects, N_LOOPS + 2);
    on_loop(&w, 0, &members[0], vanish);
    wait_for(&w.n_ready, 3);
    loop_set_stop(&w.set);
    loop_set_deinit(&w.set);
    router_free(w.router);
    CHECK_INT(atomic_load(&w.n_rejects), N_LOOPS + 2);
}

CASES(RUN(messages_reach_their_loop_and_the_lost_ones_bounce))
