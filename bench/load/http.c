/* http: keep-alive connections that send one GET after another. With --service the request is a
 * call of a service that a client of this program offers, so each request crosses the hub to that
 * client and back; else it is --path. */
#include "load/scenarios.h"

#include "load/load_service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct getter {
    struct conn conn;
    struct run *run;
    const struct buf *request;
    unsigned *n_closed;
    uint64_t sent_ns;
};

static void request_send(struct getter *g, uint64_t at_ns)
{
    g->sent_ns = at_ns;
    buf_append(conn_out(&g->conn), g->request->data, g->request->len);
}

static void on_open(struct conn *c)
{
    request_send(c->owner, uv_hrtime());
}

/* Length of a complete response at the front of in, else 0; -1 when it has no length this program
 * understands. */
static ssize_t response_length(const struct buf *in)
{
    const char *text = (const char *)in->data;
    const char *stop = memmem(text, in->len, "\r\n\r\n", 4);
    if (!stop) {
        return 0;
    }
    size_t head = (size_t)(stop - text) + 4;
    for (const char *line = text; line < stop;) {
        const char *end = memmem(line, (size_t)(stop + 2 - line), "\r\n", 2);
        if (!end) {
            break;
        }
        if (strncasecmp(line, "content-length:", 15) == 0) {
            size_t total = head + strtoul(line + 15, NULL, 10);
            return in->len >= total ? (ssize_t)total : 0;
        }
        if (strncasecmp(line, "transfer-encoding:", 18) == 0) {
            const char *last = memmem(stop, in->len - head + 4, "\r\n0\r\n\r\n", 7);
            return last ? last - text + 7 : 0;
        }
        line = end + 2;
    }
    return -1;
}

static void on_raw(struct conn *c)
{
    struct getter *g = c->owner;
    ssize_t n;
    while ((n = response_length(&c->in)) > 0) {
        if (memcmp(c->in.data, "HTTP/1.1 200", 12) != 0) {
            char why[96];
            (void)snprintf(why, sizeof(why), "not 200: %.*s", 60, (const char *)c->in.data);
            run_error(g->run, why);
        }
        g->run->n_messages++;
        run_sample(g->run, g->sent_ns, c->read_at_ns);
        buf_drop_front(&c->in, (size_t)n);
        if (!g->run->is_over) {
            request_send(g, c->read_at_ns);
        }
    }
    if (n < 0) {
        conn_close(c, "response without a length");
    }
}

static void on_close(struct conn *c, const char *why)
{
    struct getter *g = c->owner;
    if (!g->run->is_over) {
        run_error(g->run, why);
    }
    (*g->n_closed)++;
    conn_free(c);
}

static const struct conn_ops GETTER_OPS = {
    .on_open = on_open, .on_raw = on_raw, .on_close = on_close};

static void getters_run(struct run *r, const char *path)
{
    struct buf request = {0};
    char head[1024];
    unsigned n_closed = 0;
    (void)snprintf(head, sizeof(head),
                   "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\n\r\n", path,
                   r->target.host);
    buf_append_text(&request, head);
    struct getter *getters = mem_zeroed(r->opt.connections, sizeof(*getters));
    for (unsigned i = 0; i < r->opt.connections; i++) {
        struct getter *g = &getters[i];
        g->run = r;
        g->request = &request;
        g->n_closed = &n_closed;
        g->conn.ops = &GETTER_OPS;
        g->conn.owner = g;
        if (conn_start(&g->conn, &r->pool, &r->target, NULL) < 0) {
            run_error(r, "no socket");
            n_closed++;
        }
    }
    run_warm_and_measure(r);
    for (unsigned i = 0; i < r->opt.connections; i++) {
        conn_close(&getters[i].conn, "done");
    }
    while (n_closed < r->opt.connections) {
        (void)uv_run(&r->loop, UV_RUN_ONCE);
    }
    free(getters);
    buf_free(&request);
}

struct offer {
    bool is_answered;
    bool is_offered;
};

static void on_offer_message(struct client *c, const uint8_t *data, size_t n)
{
    struct offer *o = c->owner;
    struct head h;
    if (head_read(data, n, &h) &&
        (text_is(h.method, "offer.resolve") || text_is(h.method, "offer.reject"))) {
        o->is_answered = true;
        o->is_offered = text_is(h.method, "offer.resolve");
        return;
    }
    if (h.session.len) {
        c->run->n_bytes += n;
    }
    service_answer(c, data, n);
}

static int service_run(struct run *r)
{
    struct crowd cr;
    struct crowd helper;
    struct offer offer = {0};
    int e = crowd_prepare(&cr, &helper, r, 1);
    cr.with_service = true;
    if (e == 0) {
        e = crowd_open(&cr, 60);
    }
    if (e == 0) {
        struct client *c = cr.clients;
        char path[CLIENT_MAX_ADDRESS + 64];
        c->owner = &offer;
        c->on_message = on_offer_message;
        service_register_bench(c, "offer");
        conn_flush(&c->conn);
        (void)run_until(r, &offer.is_answered, 30);
        (void)snprintf(path, sizeof(path), "/%s/services/%s:bench/echo?x=1", c->workspace, c->id);
        if (offer.is_offered) {
            getters_run(r, path);
        } else {
            run_error(r, "the service was not accepted");
            e = -EACCES;
        }
    }
    crowd_close_both(&cr, &helper);
    return e;
}

int scenario_http(struct run *r)
{
    int e = 0;
    if (r->opt.with_service) {
        e = service_run(r);
    } else {
        getters_run(r, r->opt.http_path);
    }
    if (r->server_cpu > 0) {
        run_figure(r, "requests_per_cpu_second", "/s", (double)r->latency.n / r->server_cpu);
    }
    return e;
}
