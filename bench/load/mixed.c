/* mixed: a blend of what clients do in production, from a profile: lines "WEIGHT ACTION [BYTES]",
 * # begins a comment. Each pair does one action at a time, chosen by weight with a generator of
 * fixed seed, so two runs do the same. Actions: call (to the pair's callee and back), emit (an
 * event to it, without answer), ping (the JSON ping every client sends), list (list_services at
 * the hub). Latency is kept per action as well. */
#include "load/scenarios.h"

#include "load/load_frame.h"
#include "load/load_service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum action { ACTION_CALL, ACTION_EMIT, ACTION_PING, ACTION_LIST, N_ACTIONS };
static const char *const ACTION_NAMES[N_ACTIONS] = {"call", "emit", "ping", "list"};
enum { MAX_ROWS = 32, MAX_SIZE = 1 << 20 };

static const char OWN_PROFILE[] = "60 call 128\n20 call 4096\n3 call 262144\n10 emit 256\n"
                                  "5 ping\n2 list\n";

struct row {
    unsigned weight;
    enum action action;
    size_t size;
};

struct mixed {
    struct run *run;
    struct mixer *mixers;
    struct row rows[MAX_ROWS];
    unsigned n_rows;
    unsigned total; /* of weights */
    uint64_t random;
    uint8_t *filler;
    struct hist hists[N_ACTIONS];
};

/* One pair. */
struct mixer {
    struct mixed *mixed;
    struct client *caller;
    struct client *callee;
    enum action action; /* under way */
    uint64_t sent_ns;
};

/* 0, or the number of the line that is not understood. */
static unsigned parse_profile(struct mixed *m, char *text)
{
    unsigned n_line = 0;
    char *rest = NULL;
    for (char *line = text; (line = strsep(&text, "\n")) != NULL;) {
        char name[16] = "";
        size_t size = 128;
        unsigned weight = 0;
        n_line++;
        line[strcspn(line, "#")] = '\0';
        if (line[strspn(line, " \t\r")] == '\0') {
            continue;
        }
        weight = (unsigned)strtoul(line, &rest, 10);
        int n = sscanf(rest, " %15s %zu", name, &size);
        enum action a = ACTION_CALL;
        while (a < N_ACTIONS && strcmp(name, ACTION_NAMES[a]) != 0) {
            a++;
        }
        if (!weight || n < 1 || a == N_ACTIONS || size > MAX_SIZE || m->n_rows == MAX_ROWS) {
            return n_line;
        }
        m->rows[m->n_rows++] = (struct row){weight, a, size};
        m->total += weight;
    }
    return m->total ? 0 : n_line + 1;
}

static int read_profile(struct mixed *m)
{
    char text[8192] = "";
    const char *path = m->run->opt.profile_path;
    if (path) {
        FILE *f = fopen(path, "re");
        if (!f) {
            run_error(m->run, "the profile cannot be read");
            return -errno;
        }
        text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
        (void)fclose(f);
    } else {
        memcpy(text, OWN_PROFILE, sizeof(OWN_PROFILE));
    }
    unsigned n_bad = parse_profile(m, text);
    if (n_bad) {
        char why[64];
        (void)snprintf(why, sizeof(why), "profile, line %u: WEIGHT ACTION [BYTES]", n_bad);
        run_error(m->run, why);
        return -EINVAL;
    }
    return 0;
}

static const struct row *choose(struct mixed *m)
{
    m->random ^= m->random << 13, m->random ^= m->random >> 7, m->random ^= m->random << 17;
    unsigned at = (unsigned)(m->random % m->total);
    const struct row *row = m->rows;
    while (at >= row->weight) {
        at -= row->weight;
        row++;
    }
    return row;
}

static void put_payload(struct mixer *x, struct buf *b, size_t size)
{
    pack_map(b, 3);
    pack_str(b, "args"), pack_array(b, 1);
    pack_bin_head(b, size);
    buf_append(b, x->mixed->filler, size);
    client_pack_promise(b);
}

static void send_to_callee(struct mixer *x, const struct row *row)
{
    char from[CLIENT_MAX_ADDRESS];
    char to[CLIENT_MAX_ADDRESS];
    struct buf b = {0};
    client_address(x->caller, from);
    client_address(x->callee, to);
    if (row->action == ACTION_CALL) {
        client_pack_head(&b, 5, from, to, "services.bench.echo");
        pack_str(&b, "session"), pack_str(&b, "mixed");
    } else {
        pack_map(&b, 3);
        pack_str(&b, "type"), pack_str(&b, "bench-mixed");
        pack_str(&b, "from"), pack_str(&b, from);
        pack_str(&b, "to"), pack_str(&b, to);
    }
    put_payload(x, &b, row->size);
    frame_append(conn_out(&x->caller->conn), FRAME_BINARY, b.data, b.len);
    buf_free(&b);
}

static void next(struct mixer *x, uint64_t now_ns)
{
    static const char PING[] = "{\"type\":\"ping\"}";
    const struct row *row = choose(x->mixed);
    x->action = row->action;
    x->sent_ns = now_ns;
    if (row->action == ACTION_PING) {
        frame_append(conn_out(&x->caller->conn), FRAME_TEXT, PING, strlen(PING));
    } else if (row->action == ACTION_LIST) {
        struct buf args = {0};
        pack_array(&args, 0);
        client_call_manager(x->caller, "list_services", "mixed", &args);
        buf_free(&args);
    } else {
        send_to_callee(x, row);
    }
}

static void done(struct mixer *x, enum action action, uint64_t at_ns)
{
    struct run *r = x->mixed->run;
    if (x->action != action) {
        run_error(r, "an answer to something else");
        return;
    }
    run_sample(r, x->sent_ns, at_ns);
    if (r->is_measuring && at_ns > x->sent_ns) {
        hist_add(&x->mixed->hists[action], at_ns - x->sent_ns);
    }
    if (!r->is_over) {
        next(x, at_ns);
        conn_flush(&x->caller->conn);
    }
}

static void count(struct mixer *x, size_t n)
{
    x->mixed->run->n_messages++;
    x->mixed->run->n_bytes += n;
}

static void on_pong(struct client *c)
{
    done(c->owner, ACTION_PING, c->conn.read_at_ns);
}

/* The hub announces nothing to a pair; what else comes is an answer, whole or in chunks. */
static void on_caller(struct client *c, const uint8_t *data, size_t n)
{
    struct mixer *x = c->owner;
    struct head h;
    if (!head_read(data, n, &h)) {
        run_error(x->mixed->run, "malformed answer");
    } else if (text_is(h.method, "mixed.resolve") || service_is_last_chunk(&h)) {
        if (h.session.len) {
            service_answer(c, data, n);
        }
        count(x, n);
        done(x, x->action == ACTION_LIST ? ACTION_LIST : ACTION_CALL, c->conn.read_at_ns);
    } else if (text_is(h.method, "mixed.reject")) {
        run_error(x->mixed->run, "a call was rejected");
    } else {
        service_answer(c, data, n);
    }
}

static void on_callee(struct client *c, const uint8_t *data, size_t n)
{
    struct mixer *x = c->owner;
    struct head h;
    if (!head_read(data, n, &h)) {
        run_error(x->mixed->run, "callee: malformed message");
        return;
    }
    count(x, n);
    if (text_is(h.type, "bench-mixed")) {
        done(x, ACTION_EMIT, c->conn.read_at_ns);
    } else if (text_is(h.session, "mixed")) {
        char from[CLIENT_MAX_ADDRESS];
        char to[CLIENT_MAX_ADDRESS];
        struct buf b = {0};
        client_address(c, from);
        client_address(x->caller, to);
        client_pack_head(&b, 4, from, to, "mixed.resolve");
        buf_append(&b, h.tail, (size_t)(data + n - h.tail));
        frame_append(conn_out(&c->conn), FRAME_BINARY, b.data, b.len);
        buf_free(&b);
    } else {
        service_answer(c, data, n);
    }
}

static void report(struct mixed *m)
{
    static const struct {
        const char *names[N_ACTIONS];
        double q;
    } QUANTILES[] = {
        {{"call_p50", "emit_p50", "ping_p50", "list_p50"}, 0.5},
        {{"call_p90", "emit_p90", "ping_p90", "list_p90"}, 0.9},
        {{"call_p99", "emit_p99", "ping_p99", "list_p99"}, 0.99},
        {{"call_p99_9", "emit_p99_9", "ping_p99_9", "list_p99_9"}, 0.999},
    };
    static const char *const COUNTS[N_ACTIONS] = {"calls", "emits", "pings", "lists"};
    for (unsigned a = 0; a < N_ACTIONS; a++) {
        run_figure(m->run, COUNTS[a], "", (double)m->hists[a].n);
        for (unsigned q = 0; m->hists[a].n && q < sizeof(QUANTILES) / sizeof(QUANTILES[0]); q++) {
            run_figure(m->run, QUANTILES[q].names[a], "us",
                       (double)hist_quantile(&m->hists[a], QUANTILES[q].q) / 1000);
        }
    }
    if (m->run->server_cpu > 0) {
        run_figure(m->run, "actions_per_cpu_second", "/s",
                   (double)m->run->latency.n / m->run->server_cpu);
    }
}

static void mixers_run(struct mixed *m, struct crowd *cr)
{
    struct run *r = m->run;
    m->mixers = mem_zeroed(r->opt.pairs, sizeof(*m->mixers));
    m->filler = mem_zeroed(1, MAX_SIZE);
    m->random = 88172645463325252ULL;
    for (unsigned i = 0; i < r->opt.pairs; i++) {
        struct mixer *x = &m->mixers[i];
        *x = (struct mixer){
            .mixed = m, .caller = &cr->clients[2 * i], .callee = &cr->clients[2 * i + 1]};
        x->caller->owner = x->callee->owner = x;
        x->caller->on_message = on_caller;
        x->caller->on_pong = on_pong;
        x->callee->on_message = on_callee;
        next(x, uv_hrtime());
        conn_flush(&x->caller->conn);
    }
    run_warm_and_measure(r);
    report(m);
    crowd_close(cr);
    free(m->mixers);
    free(m->filler);
}

int scenario_mixed(struct run *r)
{
    struct crowd cr = {0};
    struct crowd helper = {0};
    struct mixed *m = mem_zeroed(1, sizeof(*m));
    m->run = r;
    int e = read_profile(m);
    if (e == 0) {
        e = crowd_prepare(&cr, &helper, r, r->opt.pairs * 2);
        cr.with_service = true;
        if (e == 0) {
            e = crowd_open(&cr, 60 + cr.n / 20.0);
        }
        if (e == 0) {
            mixers_run(m, &cr);
        }
        crowd_close_both(&cr, &helper);
    }
    free(m);
    return e;
}
