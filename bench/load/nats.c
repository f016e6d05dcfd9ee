/* nats: the call scenario in the words of nats-server over WebSocket, as a second control. The
 * caller of pair i publishes to c.<i> with the reply subject r.<i>.<slot>; the callee, subscribed
 * to c.<i>, publishes the bytes back to it.
 *
 * One NATS command travels in one WebSocket frame on our side. The server may put several into a
 * frame, or part of one, so what arrives is a stream of bytes and is parsed as one. */
#include "load/scenarios.h"

#include "load/load_frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct nats_pair;

struct nats_end {
    struct nats_pair *pair;
    struct buf stream; /* bytes of an incomplete command */
    bool is_caller;
};

struct nats_pair {
    struct run *run;
    unsigned number;
    struct client *caller;
    struct nats_end ends[2];
    uint64_t *sent_ns; /* by slot */
    struct buf payload;
};

static void send_text(struct client *c, const char *text)
{
    frame_append(conn_out(&c->conn), FRAME_BINARY, text, strlen(text));
}

static void publish(struct client *c, const char *head, const struct buf *payload)
{
    char text[256 + 4096];
    size_t n = strlen(head);
    memcpy(text, head, n);
    if (payload->len <= 4096 - 2) {
        memcpy(text + n, payload->data, payload->len);
        memcpy(text + n + payload->len, "\r\n", 2);
        frame_append(conn_out(&c->conn), FRAME_BINARY, text, n + payload->len + 2);
        return;
    }
    struct buf b = {0};
    buf_append(&b, head, n);
    buf_append(&b, payload->data, payload->len);
    buf_append(&b, "\r\n", 2);
    frame_append(conn_out(&c->conn), FRAME_BINARY, b.data, b.len);
    buf_free(&b);
}

static void request_send(struct nats_pair *p, unsigned slot, uint64_t at_ns)
{
    char head[128];
    (void)snprintf(head, sizeof(head), "PUB c.%u r.%u.%u %zu\r\n", p->number, p->number, slot,
                   p->payload.len);
    p->sent_ns[slot] = at_ns;
    publish(p->caller, head, &p->payload);
}

static void on_request(struct client *c, struct nats_pair *p, const char *reply_to)
{
    char head[128];
    (void)snprintf(head, sizeof(head), "PUB %s %zu\r\n", reply_to, p->payload.len);
    publish(c, head, &p->payload);
}

static void on_reply(struct client *c, struct nats_pair *p, const char *subject)
{
    const char *dot = strrchr(subject, '.');
    unsigned long slot = dot ? strtoul(dot + 1, NULL, 10) : p->run->opt.inflight;
    if (slot >= p->run->opt.inflight) {
        run_error(p->run, "nats: reply to nobody");
        return;
    }
    run_sample(p->run, p->sent_ns[slot], c->conn.read_at_ns);
    if (!p->run->is_over) {
        request_send(p, (unsigned)slot, c->conn.read_at_ns);
    }
}

/* One command at the front of data; its size, or 0 when it is not complete. */
static size_t take_command(struct client *c, struct nats_end *end, const uint8_t *data, size_t n)
{
    struct run *r = end->pair->run;
    const uint8_t *stop = memchr(data, '\n', n);
    if (!stop) {
        return 0;
    }
    size_t line = (size_t)(stop - data) + 1;
    char text[256];
    if (line >= sizeof(text)) {
        return line; /* INFO: long, and nothing in it is needed */
    }
    memcpy(text, data, line);
    text[line] = '\0';
    char subject[64];
    char reply[64] = "";
    unsigned long size = 0;
    if (strncmp(text, "MSG ", 4) != 0) {
        if (strncmp(text, "PING", 4) == 0) {
            send_text(c, "PONG\r\n");
        } else if (strncmp(text, "-ERR", 4) == 0) {
            run_error(r, text);
        }
        return line;
    }
    if (sscanf(text, "MSG %63s %*s %63s %lu", subject, reply, &size) != 3 &&
        sscanf(text, "MSG %63s %*s %lu", subject, &size) != 2) {
        run_error(r, text);
        return line;
    }
    if (n - line < size + 2) {
        return 0;
    }
    r->n_messages++;
    r->n_bytes += line + size + 2;
    if (end->is_caller) {
        on_reply(c, end->pair, subject);
    } else {
        on_request(c, end->pair, reply);
    }
    return line + size + 2;
}

static void on_bytes(struct client *c, const uint8_t *data, size_t n)
{
    struct nats_end *end = c->owner;
    bool was_empty = end->stream.len == 0;
    if (!was_empty) {
        buf_append(&end->stream, data, n);
        data = end->stream.data;
        n = end->stream.len;
    }
    size_t at = 0;
    size_t used;
    while (at < n && (used = take_command(c, end, data + at, n - at)) > 0) {
        at += used;
    }
    if (was_empty) {
        buf_append(&end->stream, data + at, n - at);
    } else {
        buf_drop_front(&end->stream, at);
    }
}

static void end_init(struct nats_pair *p, struct client *c, bool is_caller)
{
    struct nats_end *end = &p->ends[is_caller ? 0 : 1];
    *end = (struct nats_end){.pair = p, .is_caller = is_caller};
    c->owner = end;
    c->on_message = on_bytes;
    char subscribe[64];
    (void)snprintf(subscribe, sizeof(subscribe), is_caller ? "SUB r.%u.* 1\r\n" : "SUB c.%u 1\r\n",
                   p->number);
    send_text(c, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
    send_text(c, subscribe);
    conn_flush(&c->conn);
}

static void nats_pairs_run(struct run *r, struct crowd *cr, struct nats_pair *pairs)
{
    for (unsigned i = 0; i < r->opt.pairs; i++) {
        struct nats_pair *p = &pairs[i];
        *p = (struct nats_pair){.run = r, .number = i, .caller = &cr->clients[2 * i]};
        p->sent_ns = mem_zeroed(r->opt.inflight, sizeof(*p->sent_ns));
        memset(buf_reserve(&p->payload, r->opt.size), 'x', r->opt.size);
        p->payload.len = r->opt.size;
        end_init(p, &cr->clients[2 * i], true);
        end_init(p, &cr->clients[2 * i + 1], false);
    }
    /* NATS does not acknowledge a SUB; a request sent too early has no taker */
    run_wait(r, 0.5);
    for (unsigned i = 0; i < r->opt.pairs; i++) {
        for (unsigned s = 0; s < r->opt.inflight; s++) {
            request_send(&pairs[i], s, uv_hrtime());
        }
        conn_flush(&pairs[i].caller->conn);
    }
    run_warm_and_measure(r);
}

int scenario_nats(struct run *r)
{
    struct crowd cr;
    crowd_init(&cr, r, r->opt.pairs * 2);
    cr.is_plain = true;
    struct nats_pair *pairs = mem_zeroed(r->opt.pairs, sizeof(*pairs));
    int e = crowd_open(&cr, 60);
    if (e == 0) {
        nats_pairs_run(r, &cr, pairs);
    }
    crowd_close(&cr);
    for (unsigned i = 0; i < r->opt.pairs; i++) {
        free(pairs[i].sent_ns);
        buf_free(&pairs[i].payload);
        buf_free(&pairs[i].ends[0].stream);
        buf_free(&pairs[i].ends[1].stream);
    }
    free(pairs);
    crowd_deinit(&cr);
    return e;
}
