/* dead: how long a caller waits for its error when the client it calls is gone. The callee
 * connects, registers its built-in service as every published client does, and vanishes by reset.
 * Then one call after another is sent to its address. */
#include "load/scenarios.h"

#include "load/load_frame.h"

#include <errno.h>

struct dead {
    struct run *run;
    struct client *caller;
    struct buf call;
    uint64_t sent_ns;
    bool is_gone;
};

static void call_again(struct dead *d)
{
    d->sent_ns = uv_hrtime();
    frame_append(conn_out(&d->caller->conn), FRAME_BINARY, d->call.data, d->call.len);
    conn_flush(&d->caller->conn);
}

static void on_message(struct client *c, const uint8_t *data, size_t n)
{
    struct dead *d = c->owner;
    struct head h;
    if (!head_read(data, n, &h) || !text_is(h.method, "dead.reject")) {
        return;
    }
    d->is_gone = true;
    d->run->n_messages++;
    run_sample(d->run, d->sent_ns, c->conn.read_at_ns);
    if (!d->run->is_over) {
        call_again(d);
    }
}

int scenario_dead(struct run *r)
{
    struct crowd cr;
    struct crowd helper;
    struct dead d = {.run = r};
    char from[CLIENT_MAX_ADDRESS];
    char to[CLIENT_MAX_ADDRESS];
    r->opt.workspaces = 1;
    int e = crowd_prepare(&cr, &helper, r, 2);
    cr.with_service = true;
    if (e == 0) {
        e = crowd_open(&cr, 60);
    }
    if (e == 0) {
        d.caller = &cr.clients[0];
        d.caller->owner = &d;
        d.caller->on_message = on_message;
        client_address(d.caller, from);
        client_address(&cr.clients[1], to);
        client_pack_head(&d.call, 5, from, to, "services.bench.echo");
        pack_str(&d.call, "session"), pack_str(&d.call, "dead");
        pack_map(&d.call, 2);
        client_pack_promise(&d.call);
        cr.clients[1].is_leaving = true;
        conn_close(&cr.clients[1].conn, "done");
        /* Until the hub has seen the reset it may hand calls to a dead socket: ask till refused. */
        for (unsigned i = 0; i < 50 && !d.is_gone; i++) {
            call_again(&d);
            (void)run_until(r, &d.is_gone, 0.1);
        }
        if (d.is_gone) {
            run_warm_and_measure(r);
        } else {
            run_error(r, "no error for a call to a client that is gone");
            e = -ETIMEDOUT;
        }
    }
    crowd_close_both(&cr, &helper);
    buf_free(&d.call);
    return e;
}
