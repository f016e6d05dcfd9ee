/* call, echo: pairs of clients, a caller and a callee. The caller keeps a number of calls in
 * flight; the callee answers each with the bytes it got. Both frames are those of the published
 * Python client: {type, from, to, method, session} and {args, promise:"*", t} out, {type, from,
 * to, method:<session>.resolve, parent} and {args} back. Frames are stencils in which only
 * session ids change, so the generator spends its core on system calls, not on packing.
 *
 * A session id is 22 characters: 12 that never change, 4 hex digits of slot, 6 of the slot's
 * turn. An answer that carries another turn than its slot is in is late and counts as an error.
 *
 * With a rate (open loop) each pair has a timetable instead: a call is due at its time whether or
 * not the ones before it are answered, waits when no slot is free, and its latency counts from the
 * time it was due. So a server that stalls is charged for every call it made wait.
 *
 * echo sends the same frames through a bare relay, which needs no login and rewrites nothing. */
#include "load/scenarios.h"

#include "load/load_frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SESSION_LEN = 22, SESSION_DIGITS = 10, SESSION_FIXED = SESSION_LEN - SESSION_DIGITS };
static const char SESSION[] = "benchSession0000000000";

struct slot {
    uint64_t sent_ns;
    uint32_t turn;
};

struct pair {
    struct run *run;
    struct pairs *pairs;
    struct client *caller;
    struct client *callee;
    struct stencil call;
    size_t call_session; /* offset of the session id in the call's payload */
    struct stencil reply;
    size_t reply_method;
    size_t reply_parent;
    struct slot *slots;
    uint64_t due_ns;      /* open loop: when the next call is due */
    unsigned *free_slots; /* open loop: a stack */
    unsigned n_free;
};

/* All pairs of a run. */
struct pairs {
    struct run *run;
    struct pair *all;
    uint64_t n_open;    /* calls without an answer */
    bool is_answered;   /* the run is over and n_open is 0 */
    uint64_t period_ns; /* open loop: from one call of a pair to its next; else 0 */
    uint64_t start_ns;
    uint64_t n_due; /* calls whose time has come, over all pairs in turn */
    uv_idle_t idle;
};

static void put_hex(char *out, uint32_t value, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        out[i] = "0123456789abcdef"[value >> (4U * (n - 1U - i)) & 15U];
    }
}

static uint32_t get_hex(const char *at, unsigned n)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < n; i++) {
        value =
            value << 4 | (at[i] <= '9' ? (uint32_t)(at[i] - '0') : (uint32_t)(at[i] - 'a' + 10));
    }
    return value;
}

static void call_send(struct pair *p, unsigned slot, uint64_t at_ns)
{
    char digits[SESSION_DIGITS];
    struct slot *s = &p->slots[slot];
    p->pairs->n_open++;
    s->turn = (s->turn + 1U) & 0xffffffU;
    s->sent_ns = at_ns;
    put_hex(digits, slot, 4);
    put_hex(digits + 4, s->turn, 6);
    uint8_t *frame = stencil_append(&p->call, conn_out(&p->caller->conn));
    stencil_patch(&p->call, frame, p->call_session + SESSION_FIXED, digits, SESSION_DIGITS);
}

/* Open loop: everything whose time has come, as far as slots are free. */
static void send_due(struct pair *p, uint64_t now_ns)
{
    while (!p->run->is_over && p->n_free && p->due_ns <= now_ns) {
        call_send(p, p->free_slots[--p->n_free], p->due_ns);
        p->due_ns += p->pairs->period_ns;
    }
}

/* Spins, so that a call leaves when it is due and not up to a millisecond later: the generator has
 * a core of its own. */
static void on_turn(uv_idle_t *idle)
{
    struct pairs *pairs = idle->data;
    uint64_t now_ns = uv_hrtime();
    for (;;) {
        uint64_t due_ns = pairs->start_ns + pairs->n_due * pairs->period_ns / pairs->run->opt.pairs;
        if (due_ns > now_ns) {
            return;
        }
        struct pair *p = &pairs->all[pairs->n_due++ % pairs->run->opt.pairs];
        send_due(p, now_ns);
        conn_flush(&p->caller->conn);
    }
}

static void count_message(struct run *r, size_t n)
{
    r->n_messages++;
    r->n_bytes += n;
}

static void on_call(struct client *c, const uint8_t *data, size_t n)
{
    struct pair *p = c->owner;
    struct head h;
    if (!head_read(data, n, &h) || h.session.len != SESSION_LEN) {
        run_error(p->run, "callee: not a call of this program");
        return;
    }
    count_message(p->run, n);
    uint8_t *frame = stencil_append(&p->reply, conn_out(&c->conn));
    stencil_patch(&p->reply, frame, p->reply_method, h.session.at, SESSION_LEN);
    stencil_patch(&p->reply, frame, p->reply_parent, h.session.at, SESSION_LEN);
}

static void on_answer(struct client *c, const uint8_t *data, size_t n)
{
    struct pair *p = c->owner;
    struct run *r = p->run;
    struct head h;
    if (!head_read(data, n, &h) || h.method.len <= SESSION_LEN ||
        memcmp(h.method.at, SESSION, SESSION_FIXED) != 0) {
        run_error(r, "caller: not an answer to this program");
        return;
    }
    uint32_t slot = get_hex(h.method.at + SESSION_FIXED, 4);
    uint32_t turn = get_hex(h.method.at + SESSION_FIXED + 4, 6);
    struct text what = {h.method.at + SESSION_LEN, h.method.len - SESSION_LEN};
    if (text_is(what, ".heartbeat")) {
        return;
    }
    if (slot >= r->opt.inflight || p->slots[slot].turn != turn) {
        run_error(r, "caller: late or duplicate answer");
        return;
    }
    p->pairs->n_open--;
    p->pairs->is_answered = r->is_over && p->pairs->n_open == 0;
    if (text_is(what, ".resolve")) {
        count_message(r, n);
        run_sample(r, p->slots[slot].sent_ns, c->conn.read_at_ns);
    } else {
        run_error(r, "caller: call was rejected");
    }
    if (p->pairs->period_ns) {
        p->free_slots[p->n_free++] = slot;
        send_due(p, c->conn.read_at_ns);
    } else if (!r->is_over) {
        call_send(p, slot, c->conn.read_at_ns);
    }
}

static void pack_payload(struct buf *b, size_t size)
{
    pack_str(b, "args"), pack_array(b, 1);
    pack_bin_head(b, size);
    memset(buf_reserve(b, size), 'x', size);
    b->len += size;
}

static void pair_init(struct pair *p, struct run *r, struct client *caller, struct client *callee)
{
    *p = (struct pair){.run = r, .caller = caller, .callee = callee};
    char from[CLIENT_MAX_ADDRESS];
    char to[CLIENT_MAX_ADDRESS];
    char resolve[SESSION_LEN + 16];
    client_address(caller, from);
    client_address(callee, to);
    (void)snprintf(resolve, sizeof(resolve), "%s.resolve", SESSION);
    struct buf b = {0};
    client_pack_head(&b, 5, from, to, "services.bench.echo");
    pack_str(&b, "session"), pack_str(&b, SESSION);
    p->call_session = b.len - SESSION_LEN;
    pack_map(&b, 3);
    pack_payload(&b, r->opt.size);
    client_pack_promise(&b);
    stencil_init(&p->call, FRAME_BINARY, &b);
    b.len = 0;
    client_pack_head(&b, 5, to, from, resolve);
    p->reply_method = b.len - strlen(resolve);
    pack_str(&b, "parent"), pack_str(&b, SESSION);
    p->reply_parent = b.len - SESSION_LEN;
    pack_map(&b, 1);
    pack_payload(&b, r->opt.size);
    stencil_init(&p->reply, FRAME_BINARY, &b);
    buf_free(&b);
    p->slots = mem_zeroed(r->opt.inflight, sizeof(*p->slots));
    caller->owner = p;
    caller->on_message = on_answer;
    callee->owner = p;
    callee->on_message = on_call;
}

static void pair_deinit(struct pair *p)
{
    stencil_free(&p->call);
    stencil_free(&p->reply);
    free(p->slots);
    free(p->free_slots);
}

/* Calls of all pairs are spread evenly over the period, as independent clients would be. */
static void start_open_loop(struct pairs *pairs)
{
    struct run *r = pairs->run;
    uint64_t now_ns = uv_hrtime();
    pairs->period_ns = (uint64_t)(1e9 * r->opt.pairs / r->opt.rate);
    for (unsigned i = 0; i < r->opt.pairs; i++) {
        struct pair *p = &pairs->all[i];
        p->due_ns = now_ns + pairs->period_ns * i / r->opt.pairs;
        p->free_slots = mem_zeroed(r->opt.inflight, sizeof(*p->free_slots));
        for (unsigned s = 0; s < r->opt.inflight; s++) {
            p->free_slots[p->n_free++] = s;
        }
    }
    pairs->start_ns = now_ns;
    (void)uv_idle_init(&r->loop, &pairs->idle);
    pairs->idle.data = pairs;
    (void)uv_idle_start(&pairs->idle, on_turn);
}

static void start_closed_loop(struct pairs *pairs)
{
    struct run *r = pairs->run;
    for (unsigned i = 0; i < r->opt.pairs; i++) {
        for (unsigned s = 0; s < r->opt.inflight; s++) {
            call_send(&pairs->all[i], s, uv_hrtime());
        }
        conn_flush(&pairs->all[i].caller->conn);
    }
}

static void pairs_run(struct run *r, struct crowd *cr)
{
    struct pairs pairs = {.run = r, .all = mem_zeroed(r->opt.pairs, sizeof(*pairs.all))};
    for (unsigned i = 0; i < r->opt.pairs; i++) {
        pair_init(&pairs.all[i], r, &cr->clients[2 * i], &cr->clients[2 * i + 1]);
        pairs.all[i].pairs = &pairs;
    }
    if (r->opt.rate) {
        start_open_loop(&pairs);
    } else {
        start_closed_loop(&pairs);
    }
    run_warm_and_measure(r);
    if (pairs.n_open && !run_until(r, &pairs.is_answered, 5)) {
        run_error(r, "calls without an answer");
    }
    if (r->opt.rate) {
        uv_close((uv_handle_t *)&pairs.idle, NULL);
    }
    crowd_close(cr);
    for (unsigned i = 0; i < r->opt.pairs; i++) {
        pair_deinit(&pairs.all[i]);
    }
    free(pairs.all);
}

static int check_limits(struct run *r)
{
    if (r->opt.inflight > 65536) {
        run_error(r, "at most 65536 in flight");
        return -EINVAL;
    }
    return 0;
}

int scenario_call(struct run *r)
{
    struct crowd cr;
    struct crowd helper;
    int e = check_limits(r);
    if (e < 0) {
        return e;
    }
    e = crowd_open_authorized(&cr, &helper, r, r->opt.pairs * 2);
    if (e == 0) {
        pairs_run(r, &cr);
    }
    crowd_close_both(&cr, &helper);
    return e;
}

static void relay_path(unsigned i, char *out, size_t n_out)
{
    (void)snprintf(out, n_out, "/?pair=%u&side=%c", i / 2, i % 2 ? 'b' : 'a');
}

int scenario_echo(struct run *r)
{
    struct crowd cr;
    int e = check_limits(r);
    if (e < 0) {
        return e;
    }
    crowd_init(&cr, r, r->opt.pairs * 2);
    cr.is_plain = true;
    cr.path_of = relay_path;
    for (unsigned i = 0; i < cr.n; i++) {
        (void)snprintf(cr.clients[i].workspace, sizeof(cr.clients[i].workspace), "ws-user-u1");
    }
    e = crowd_open(&cr, 60);
    if (e == 0) {
        pairs_run(r, &cr);
    } else {
        crowd_close(&cr);
    }
    crowd_deinit(&cr);
    return e;
}
