/* flood: one client writes events to another as fast as its socket takes them, for as long as the
 * run lasts; nobody answers. It is the noise beside which another run of this program measures a
 * quiet pair. With --stall the receiver stops reading instead, once it is connected: the figure is
 * then the time until the server cuts it. */
#include "load/scenarios.h"

#include "load/load_frame.h"

#include <string.h>

enum { BURST = 64, TICK_MS = 1 };

struct flood {
    struct run *run;
    struct client *sender;
    struct client *sink;
    struct stencil event;
    uv_idle_t idle;
    uv_timer_t pause;
    bool is_cut;
};

static void on_event(struct client *c, const uint8_t *data, size_t n)
{
    struct flood *f = c->owner;
    (void)data;
    f->run->n_messages++;
    f->run->n_bytes += n;
}

/* Refills whenever the socket took what there was. */
static void refill(struct flood *f)
{
    struct conn *c = &f->sender->conn;
    if (f->run->is_over || c->is_writing || c->out.len) {
        return;
    }
    for (unsigned i = 0; i < BURST; i++) {
        (void)stencil_append(&f->event, conn_out(c));
    }
    conn_flush(c);
}

static void on_turn(uv_idle_t *idle)
{
    refill(idle->data);
}

static void on_tick(uv_timer_t *timer)
{
    struct flood *f = timer->data;
    refill(f);
    f->is_cut = f->sink->state == CLIENT_GONE;
}

static void flood_init(struct flood *f, struct run *r, struct crowd *cr)
{
    char from[CLIENT_MAX_ADDRESS];
    char to[CLIENT_MAX_ADDRESS];
    struct buf b = {0};
    struct buf text = {0};
    *f = (struct flood){.run = r, .sender = &cr->clients[0], .sink = &cr->clients[1]};
    client_address(f->sender, from);
    client_address(f->sink, to);
    memset(buf_reserve(&text, r->opt.size), 'x', r->opt.size);
    pack_map(&b, 4);
    pack_str(&b, "type"), pack_str(&b, "bench-flood");
    pack_str(&b, "from"), pack_str(&b, from);
    pack_str(&b, "to"), pack_str(&b, to);
    pack_str(&b, "data"), pack_str_n(&b, (const char *)text.data, r->opt.size);
    stencil_init(&f->event, FRAME_BINARY, &b);
    buf_free(&b);
    buf_free(&text);
    f->sink->owner = f;
    f->sink->on_message = on_event;
    (void)uv_idle_init(&r->loop, &f->idle);
    (void)uv_timer_init(&r->loop, &f->pause);
    f->idle.data = f->pause.data = f;
}

/* The socket stays open and unread; its end shows only when it is read again. */
static void stall(struct flood *f)
{
    struct run *r = f->run;
    uint64_t began_ns = uv_hrtime();
    f->sink->is_leaving = true;
    (void)uv_read_stop((uv_stream_t *)&f->sink->conn.tcp);
    (void)uv_timer_start(&f->pause, on_tick, TICK_MS, TICK_MS);
    run_warm_and_measure(r);
    r->is_over = true;
    conn_resume(&f->sink->conn);
    bool was_cut = run_until(r, &f->is_cut, 30);
    run_figure(r, "was_cut", "", was_cut);
    run_figure(r, "stalled", "s", (double)(uv_hrtime() - began_ns) / 1e9);
}

int scenario_flood(struct run *r)
{
    struct crowd cr;
    struct crowd helper;
    r->opt.workspaces = 1;
    int e = crowd_open_authorized(&cr, &helper, r, 2);
    if (e == 0) {
        struct flood f;
        flood_init(&f, r, &cr);
        if (r->opt.with_stall) {
            stall(&f);
        } else {
            (void)uv_idle_start(&f.idle, on_turn);
            run_warm_and_measure(r);
        }
        uv_close((uv_handle_t *)&f.idle, NULL);
        uv_close((uv_handle_t *)&f.pause, NULL);
        crowd_close(&cr);
        stencil_free(&f.event);
    }
    crowd_close_both(&cr, &helper);
    return e;
}
