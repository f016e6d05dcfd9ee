/* load_registry: what the hub's own methods cost. One client offers --connections services; another
 * asks for them, registers further ones, or lists them all, --inflight questions at a time (--op).
 * An answer above a chunk comes as message_cache calls to the client, which it takes like the
 * published ones: it answers each, and the last one, process, ends the question. */
#include "load/scenarios.h"

#include "load/load_frame.h"
#include "load/load_service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PENDING = 32 };

struct question {
    uint64_t sent_ns;
};

struct registry {
    struct run *run;
    struct client *provider;
    struct client *asker;
    const char *fn; /* method of the manager */
    unsigned n_services;
    unsigned n_asked;
    unsigned n_registered;
    bool is_filled;
    size_t n_answer_bytes;      /* so far, of the list under way; its chunks count */
    size_t n_least_bytes;       /* of a list */
    struct question *questions; /* by session number */
};

static void pack_question(struct registry *g, struct buf *b)
{
    char id[CLIENT_MAX_ADDRESS + 32];
    char address[CLIENT_MAX_ADDRESS];
    client_address(g->provider, address);
    (void)snprintf(id, sizeof(id), "%s:bench-%04u", address, g->n_asked % g->n_services);
    if (strcmp(g->fn, "get_service") == 0) {
        pack_array(b, 1), pack_str(b, id);
    } else {
        pack_array(b, 0);
    }
}

static void ask(struct registry *g, unsigned number)
{
    char session[32];
    struct client *c = g->asker;
    (void)snprintf(session, sizeof(session), "ask%04u", number);
    g->questions[number].sent_ns = uv_hrtime();
    if (strcmp(g->fn, "register_service") == 0) {
        char name[32];
        (void)snprintf(name, sizeof(name), "more-%04u", g->n_asked % g->n_services);
        service_register_named(c, name, session);
    } else {
        struct buf args = {0};
        pack_question(g, &args);
        client_call_manager(c, g->fn, session, &args);
        buf_free(&args);
    }
    g->n_asked++;
}

static void answered(struct registry *g, struct text session)
{
    unsigned number = (unsigned)strtoul(session.at + 3, NULL, 10);
    if (number >= g->run->opt.inflight) {
        run_error(g->run, "an answer to no question");
        return;
    }
    g->run->n_messages++;
    if (g->n_answer_bytes < g->n_least_bytes) {
        run_error(g->run, "a list is too short to hold every service");
    }
    g->n_answer_bytes = 0;
    run_sample(g->run, g->questions[number].sent_ns, g->asker->conn.read_at_ns);
    if (!g->run->is_over) {
        ask(g, number);
    }
}

static void on_answer(struct client *c, const uint8_t *data, size_t n)
{
    struct registry *g = c->owner;
    struct head h;
    g->run->n_bytes += n;
    g->n_answer_bytes += n;
    if (!head_read(data, n, &h)) {
        run_error(g->run, "malformed answer");
        return;
    }
    if (service_is_last_chunk(&h)) {
        service_answer(c, data, n);
        answered(g, (struct text){"ask0000", 7});
    } else if (h.session.len) {
        service_answer(c, data, n);
    } else if (h.method.len > 7 && memcmp(h.method.at, "ask", 3) == 0) {
        struct text what = {h.method.at + 7, h.method.len - 7};
        if (text_is(what, ".resolve")) {
            answered(g, h.method);
        } else if (!text_is(what, ".heartbeat")) {
            run_error(g->run, "a question was refused");
        }
    }
}

static void fill_more(struct registry *g, unsigned n)
{
    for (unsigned i = 0; i < n && g->n_asked < g->n_services; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "bench-%04u", g->n_asked++);
        service_register_named(g->provider, name, "fill");
    }
}

static void on_provider_message(struct client *c, const uint8_t *data, size_t n)
{
    struct registry *g = c->owner;
    struct head h;
    if (!head_read(data, n, &h)) {
        return;
    }
    if (text_is(h.method, "fill.resolve")) {
        g->is_filled = ++g->n_registered == g->n_services;
        fill_more(g, 1);
    } else if (text_is(h.method, "fill.reject")) {
        run_error(g->run, "register_service was refused");
    } else {
        service_answer(c, data, n);
    }
}

static int registry_run(struct registry *g)
{
    struct run *r = g->run;
    g->provider->owner = g->asker->owner = g;
    g->provider->on_message = on_provider_message;
    g->asker->on_message = on_answer;
    fill_more(g, MAX_PENDING);
    conn_flush(&g->provider->conn);
    if (!run_until(r, &g->is_filled, 30 + g->n_services / 10.0)) {
        run_error(r, "not every service was accepted");
        return -ETIMEDOUT;
    }
    g->n_asked = 0;
    if (strcmp(g->fn, "list_services") == 0) {
        r->opt.inflight = 1;
        g->n_least_bytes = g->n_services * (size_t)100;
    }
    for (unsigned i = 0; i < r->opt.inflight; i++) {
        ask(g, i);
    }
    conn_flush(&g->asker->conn);
    run_warm_and_measure(r);
    run_figure(r, "services", "", g->n_services);
    run_figure(r, "questions_per_second", "/s", (double)r->latency.n / r->measured_seconds);
    if (r->server_cpu > 0) {
        run_figure(r, "questions_per_cpu_second", "/s", (double)r->latency.n / r->server_cpu);
    }
    return 0;
}

int scenario_registry(struct run *r)
{
    static const char *const OPS[][2] = {
        {"get", "get_service"}, {"register", "register_service"}, {"list", "list_services"}};
    struct crowd cr;
    struct crowd helper;
    struct registry g = {.run = r, .n_services = r->opt.connections};
    for (unsigned i = 0; i < sizeof(OPS) / sizeof(OPS[0]); i++) {
        g.fn = strcmp(OPS[i][0], r->opt.op) == 0 ? OPS[i][1] : g.fn;
    }
    r->opt.workspaces = 1;
    if (!g.fn) {
        run_error(r, "--op is get, register or list");
        return -EINVAL;
    }
    g.questions = mem_zeroed(r->opt.inflight, sizeof(*g.questions));
    int e = crowd_prepare(&cr, &helper, r, 2);
    cr.with_service = true;
    if (e == 0) {
        e = crowd_open(&cr, 60);
    }
    if (e == 0) {
        g.provider = &cr.clients[0];
        g.asker = &cr.clients[1];
        e = registry_run(&g);
    }
    crowd_close_both(&cr, &helper);
    free(g.questions);
    return e;
}
