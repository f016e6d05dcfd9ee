/* connect, idle: what it costs to let clients in, and to keep them.
 *
 * connect admits all clients with a fixed number of logins under way; latency is from the first
 * byte of the TCP connect to connection_info. Connections stay open until the measurement is
 * over, so closing them costs nothing that is counted.
 *
 * idle compares resident memory before and after, then watches the CPU of clients that only ping
 * every 30 s. */
#include "load/scenarios.h"

#include "load/load_frame.h"
#include "load/proc.h"

#include <string.h>

int scenario_connect(struct run *r)
{
    struct crowd cr;
    struct crowd helper;
    int e = crowd_prepare(&cr, &helper, r, r->opt.connections);
    cr.with_service = r->opt.with_service;
    if (e == 0) {
        run_measure_begin(r);
        e = crowd_open(&cr, 60 + cr.n / 20.0);
        run_measure_end(r);
        run_figure(r, "logins", "", cr.n_ready);
        run_figure(r, "logins_per_second", "/s", cr.n_ready / r->measured_seconds);
        if (r->server_cpu > 0) {
            run_figure(r, "logins_per_cpu_second", "/s", cr.n_ready / r->server_cpu);
        }
    }
    crowd_close_both(&cr, &helper);
    return e;
}

struct pinger {
    uv_timer_t timer;
    struct crowd *crowd;
    unsigned next;
    unsigned per_tick;
};

/* Spreads pings evenly: each tick a share of the crowd, all of it once in 30 s. */
static void on_tick(uv_timer_t *timer)
{
    struct pinger *p = timer->data;
    static const char PING[] = "{\"type\":\"ping\"}";
    for (unsigned i = 0; i < p->per_tick; i++) {
        struct conn *c = &p->crowd->clients[p->next++ % p->crowd->n].conn;
        frame_append(conn_out(c), FRAME_TEXT, PING, strlen(PING));
        conn_flush(c);
    }
}

static void hold(struct run *r, struct crowd *cr)
{
    enum { TICK_MS = 50, PERIOD_MS = 30000 };
    struct pinger p = {.crowd = cr, .per_tick = (cr->n * TICK_MS + PERIOD_MS - 1) / PERIOD_MS};
    (void)uv_timer_init(&r->loop, &p.timer);
    p.timer.data = &p;
    (void)uv_timer_start(&p.timer, on_tick, TICK_MS, TICK_MS);
    run_measure_begin(r);
    run_wait(r, r->opt.seconds);
    run_measure_end(r);
    uv_close((uv_handle_t *)&p.timer, NULL);
    (void)uv_run(&r->loop, UV_RUN_NOWAIT);
}

int scenario_idle(struct run *r)
{
    struct crowd cr;
    struct crowd helper;
    double before = proc_rss_bytes(r->opt.pid);
    int e = crowd_prepare(&cr, &helper, r, r->opt.connections);
    cr.with_service = r->opt.with_service;
    if (e == 0) {
        before = proc_rss_bytes(r->opt.pid);
        e = crowd_open(&cr, 60 + cr.n / 20.0);
    }
    if (e == 0) {
        run_wait(r, r->opt.warmup);
        double held = proc_rss_bytes(r->opt.pid);
        hold(r, &cr);
        crowd_close(&cr);
        r->is_over = true;
        run_wait(r, 3);
        run_figure(r, "connections", "", cr.n);
        if (r->opt.pid) {
            run_figure(r, "rss_before", "B", before);
            run_figure(r, "rss_held", "B", held);
            run_figure(r, "rss_after", "B", proc_rss_bytes(r->opt.pid));
            run_figure(r, "rss_per_connection", "B", (held - before) / cr.n);
            run_figure(r, "cpu_share_held", "", r->server_cpu / r->measured_seconds);
        }
    }
    crowd_close_both(&cr, &helper);
    return e;
}
