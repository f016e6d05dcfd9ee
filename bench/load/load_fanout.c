/* load_fanout: one client emits an event to its workspace, every other client has subscribed to it.
 * The next event leaves when the last subscriber has the one before, so latency counts each
 * delivery, from emission. */
#include "load/scenarios.h"

#include "load/load_frame.h"

#include <errno.h>
#include <string.h>

struct fanout {
    struct run *run;
    struct crowd *crowd;
    struct buf event; /* packed */
    unsigned n_subscribed;
    unsigned n_arrived; /* of the event under way */
    uint64_t sent_ns;
    bool is_ready;
};

static struct client *emitter(struct fanout *f)
{
    return &f->crowd->clients[0];
}

static void emit(struct fanout *f)
{
    struct conn *c = &emitter(f)->conn;
    f->n_arrived = 0;
    f->sent_ns = uv_hrtime();
    frame_append(conn_out(c), FRAME_BINARY, f->event.data, f->event.len);
    conn_flush(c);
}

static void on_message(struct client *c, const uint8_t *data, size_t n)
{
    struct fanout *f = c->owner;
    struct run *r = f->run;
    struct head h;
    if (!head_read(data, n, &h)) {
        run_error(r, "subscriber: malformed message");
    } else if (text_is(h.method, "sub.resolve")) {
        f->is_ready = ++f->n_subscribed == f->crowd->n - 1;
    } else if (text_is(h.method, "sub.reject")) {
        run_error(r, "subscribe was refused");
    } else if (text_is(h.type, "bench-event")) {
        r->n_messages++;
        r->n_bytes += n;
        run_sample(r, f->sent_ns, c->conn.read_at_ns);
        if (++f->n_arrived == f->crowd->n - 1 && !r->is_over) {
            emit(f);
        }
    }
}

static int fanout_run(struct run *r, struct crowd *cr)
{
    struct fanout f = {.run = r, .crowd = cr};
    struct buf args = {0};
    pack_array(&args, 1);
    pack_array(&args, 1);
    pack_str(&args, "bench-event");
    for (unsigned i = 0; i < cr->n; i++) {
        struct client *c = &cr->clients[i];
        c->owner = &f;
        c->on_message = on_message;
        if (i) {
            client_call_manager(c, "subscribe", "sub", &args);
            conn_flush(&c->conn);
        }
    }
    buf_free(&args);
    int e = run_until(r, &f.is_ready, 60) ? 0 : -ETIMEDOUT;
    if (e < 0) {
        run_error(r, "not every subscription was answered");
    } else {
        struct buf text = {0};
        memset(buf_reserve(&text, r->opt.size), 'x', r->opt.size);
        pack_map(&f.event, 3);
        pack_str(&f.event, "type"), pack_str(&f.event, "bench-event");
        pack_str(&f.event, "to"), pack_str(&f.event, "*");
        pack_str(&f.event, "data"), pack_str_n(&f.event, (const char *)text.data, r->opt.size);
        buf_free(&text);
        emit(&f);
        run_warm_and_measure(r);
        run_figure(r, "subscribers", "", cr->n - 1);
    }
    crowd_close(cr);
    buf_free(&f.event);
    return e;
}

int scenario_fanout(struct run *r)
{
    struct crowd cr;
    struct crowd helper;
    r->opt.workspaces = 1; /* an event stays in its workspace */
    int e = crowd_open_authorized(&cr, &helper, r, r->opt.connections + 1);
    if (e == 0) {
        e = fanout_run(r, &cr);
    }
    crowd_close_both(&cr, &helper);
    return e;
}
