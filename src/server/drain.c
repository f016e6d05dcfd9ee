/* drain: the accept thread counts and decides; the loops close their own. */
#include "server/drain.h"

#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "hyphad/protocol.h"
#include "loop/child.h"
#include "net/stream.h"
#include "peer/life.h"
#include "peer/peer.h"
#include "server/admin_port.h"
#include "server/features.h"
#include "server/ready.h"
#include "server/wiring.h"

enum { STEP_MS = 50, MIN_CLOSES_PER_S = 200, FORCED_MS = 1000, CUT_WAIT_MS = 5000 };

struct order {
    struct mail mail;
    struct server *server;
    size_t n; /* peers to close; 0 = all */
    enum { ORDER_REFUSE, ORDER_CLOSE, ORDER_IDLE, ORDER_CUT } what;
};

static void run_order(struct loop *l, struct mail *mail)
{
    struct order *o = CONTAINER_OF(mail, struct order, mail);
    struct server *s = o->server;

    switch (o->what) {
    case ORDER_REFUSE:
        peer_loop_refuse(&s->peer_loops[l->index]);
        if (l == s->hub.loop)
            features_drain(&s->features);
        break;
    case ORDER_CLOSE:
        (void)peer_loop_drain(&s->peer_loops[l->index], o->n, HYPHA_CLOSE_GOING_AWAY,
                              SLICE_LIT("Server is shutting down"));
        break;
    case ORDER_IDLE:
        http_loop_close_idle(&s->http_loops[l->index]);
        admin_port_close_idle(s, l);
        break;
    case ORDER_CUT:
        (void)peer_loop_drain(&s->peer_loops[l->index], 0, HYPHA_CLOSE_GOING_AWAY,
                              SLICE_LIT("Server is shutting down"));
        stream_end_all(l);
        child_end_all(l);
        break;
    }
    mem_free(o);
}

static void drain_order(struct server *s, unsigned loop, int what, size_t n)
{
    struct order *o = MEM_NEW(struct order);

    *o = (struct order){.mail = {NULL, run_order}, .server = s, .n = n, .what = what};
    loop_post_outside(&s->loops.loops[loop], &o->mail);
}

static void order_all(struct server *s, int what, size_t n)
{
    for (unsigned i = 0; i < s->loops.n_loops; i++)
        drain_order(s, i, what, n);
}

void drain_request(struct drain *d, struct server *s, int signal_number)
{
    const struct config *c = s->config;
    bool is_lame_duck = signal_number == SIGUSR2;
    bool is_forced = signal_number == SIGINT || d->n_requests > 0;
    uint64_t now = clock_mono_ms();

    if (is_lame_duck && d->is_active)
        return;
    d->n_requests += !is_lame_duck;
    if (d->n_requests > 2)
        _Exit(1);
    if (!d->is_active)
        d->n_at_begin = loop_set_sum(&s->loops, METRIC_PEERS);
    LOG(LOG_INFO, "server", "draining", log_int("signal", signal_number),
        log_int("clients", loop_set_sum(&s->loops, METRIC_PEERS)));
    d->is_active = true;
    atomic_store_explicit(&s->phase, SERVER_DRAINING, memory_order_release);
    ready_notify("STOPPING=1");
    d->begin_ms = is_forced ? now : now + c->drain_delay_ms;
    uint64_t spread = is_lame_duck ? c->lame_duck_duration_ms
                      : is_forced  ? 0
                                   : c->drain_duration_ms;
    uint64_t needed = (uint64_t)d->n_at_begin * 1000 / MIN_CLOSES_PER_S;
    d->end_ms = d->begin_ms + (spread < needed ? spread : needed);
    if (is_lame_duck)
        d->end_ms = d->begin_ms + spread;
    d->deadline_ms = is_lame_duck ? d->end_ms + c->drain_deadline_ms
                     : is_forced  ? now + FORCED_MS
                                  : now + c->drain_deadline_ms;
}

/* Closes as many as should be closed by now, so that few clients leave late as well as many leave
 * evenly. */
static void close_some(const struct drain *d, struct server *s, uint64_t now, int64_t left)
{
    if (now >= d->end_ms) {
        order_all(s, ORDER_CLOSE, 0);
        return;
    }
    int64_t due = d->n_at_begin * (int64_t)(now - d->begin_ms) / (int64_t)(d->end_ms - d->begin_ms);
    int64_t n = due - (d->n_at_begin - left);
    for (unsigned i = 0; i < s->loops.n_loops && n > 0; i++) {
        int64_t here = metric_get(&s->loops.loops[i].metrics, METRIC_PEERS);
        int64_t take = here < n ? here : n;
        if (take > 0)
            drain_order(s, i, ORDER_CLOSE, (size_t)take);
        n -= take;
    }
}

bool drain_step(struct drain *d, struct server *s)
{
    uint64_t now = clock_mono_ms();

    if (now < d->begin_ms)
        return false;
    if (!d->has_begun) {
        d->has_begun = true;
        order_all(s, ORDER_REFUSE, 0);
    }
    int64_t left = loop_set_sum(&s->loops, METRIC_PEERS);
    if (now >= d->deadline_ms) {
        LOG(LOG_WARN, "server", "drain deadline passed", log_int("clients_cut", left),
            log_int("connections_cut", loop_set_sum(&s->loops, METRIC_CONNS_OPEN)));
        return true;
    }
    close_some(d, s, now, left);
    if (left == 0)
        order_all(s, ORDER_IDLE, 0);
    return left == 0 && loop_set_sum(&s->loops, METRIC_CONNS_OPEN) == 0;
}

int drain_wait_ms(const struct drain *d)
{
    return d->is_active ? STEP_MS : -1;
}

void drain_cut(struct server *s)
{
    uint64_t give_up = clock_mono_ms() + CUT_WAIT_MS;

    while (loop_set_sum(&s->loops, METRIC_CONNS_OPEN) > 0 && clock_mono_ms() < give_up) {
        order_all(s, ORDER_CUT, 0);
        server_wait(s, STEP_MS);
    }
}
