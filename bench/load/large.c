/* large: payloads far above a message, sent as the published clients send them: cut into chunks
 * of 262,144 bytes, each a call of message_cache.set at the receiver, 30 under way, create before
 * and process after. One transfer follows another; latency is that of a whole transfer. */
#include "load/scenarios.h"

#include "load/load_frame.h"
#include "load/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 262144, UNDER_WAY = 30 };
static const char KEY[] = "benchTransferKey000000";

struct transfer {
    struct run *run;
    struct client *sender;
    struct stencil create;
    struct stencil set;
    size_t set_index; /* offset of the four bytes of the chunk's index */
    size_t set_data;  /* and of its bytes */
    uint8_t head[25]; /* with which the joined bytes begin: a call with one argument */
    struct stencil process;
    struct stencil answer;
    unsigned n_chunks;
    unsigned n_sent;
    unsigned n_answered;
    bool is_processing;
    uint64_t started_ns;
    double rss_max;
};

static void send_chunk(struct transfer *t)
{
    uint8_t *frame = stencil_append(&t->set, conn_out(&t->sender->conn));
    uint8_t index[4] = {(uint8_t)(t->n_sent >> 24), (uint8_t)(t->n_sent >> 16),
                        (uint8_t)(t->n_sent >> 8), (uint8_t)t->n_sent};
    stencil_patch(&t->set, frame, t->set_index, index, 4);
    if (t->n_sent == 0) {
        stencil_patch(&t->set, frame, t->set_data, t->head, sizeof(t->head));
    }
    t->n_sent++;
}

static void start(struct transfer *t)
{
    t->n_sent = 0;
    t->n_answered = 0;
    t->is_processing = false;
    t->started_ns = uv_hrtime();
    (void)stencil_append(&t->create, conn_out(&t->sender->conn));
}

/* The answers of one transfer: to create, to each chunk, to process. */
static void on_answer(struct client *c, const uint8_t *data, size_t n)
{
    struct transfer *t = c->owner;
    struct head h;
    if (!head_read(data, n, &h) || !text_is(h.method, "large.resolve")) {
        run_error(t->run, "sender: a chunk was not accepted");
        return;
    }
    if (t->is_processing) {
        run_sample(t->run, t->started_ns, c->conn.read_at_ns);
        if (!t->run->is_over) {
            start(t);
        }
        return;
    }
    bool is_created = t->n_sent == 0;
    t->n_answered += !is_created;
    while (t->n_sent < t->n_chunks && t->n_sent - t->n_answered < UNDER_WAY) {
        send_chunk(t);
    }
    if (t->n_answered == t->n_chunks) {
        t->is_processing = true;
        (void)stencil_append(&t->process, conn_out(&c->conn));
    }
}

static void on_chunk(struct client *c, const uint8_t *data, size_t n)
{
    struct transfer *t = c->owner;
    struct head h;
    if (!head_read(data, n, &h) || !text_is(h.session, "large")) {
        run_error(t->run, "receiver: not a call of this program");
        return;
    }
    t->run->n_messages++;
    t->run->n_bytes += n;
    (void)stencil_append(&t->answer, conn_out(&c->conn));
}

static void pack_cache_call(struct buf *b, const char *from, const char *to, const char *fn,
                            unsigned n_args)
{
    char method[64];
    (void)snprintf(method, sizeof(method), "services.built-in.message_cache.%s", fn);
    client_pack_head(b, 5, from, to, method);
    pack_str(b, "session"), pack_str(b, "large");
    pack_map(b, 3);
    client_pack_promise(b);
    pack_str(b, "args"), pack_array(b, n_args);
    pack_str(b, KEY);
}

/* The server looks at what the chunks make. */
static void head_init(struct transfer *t)
{
    static const char begin[] = "\x81\xa4type\xa6method\x81\xa4"
                                "args\x91\xc6";
    uint32_t n = t->n_chunks * (uint32_t)CHUNK_BYTES - (uint32_t)sizeof(t->head);
    memcpy(t->head, begin, sizeof(begin) - 1);
    for (unsigned i = 0; i < 4; i++) {
        t->head[sizeof(begin) - 1 + i] = (uint8_t)(n >> (24 - 8 * i));
    }
    _Static_assert(sizeof(begin) - 1 + 4 == sizeof(t->head), "the head is all of it");
}

static void transfer_init(struct transfer *t, struct run *r, struct client *sender,
                          struct client *receiver)
{
    *t = (struct transfer){.run = r, .sender = sender};
    char from[CLIENT_MAX_ADDRESS];
    char to[CLIENT_MAX_ADDRESS];
    client_address(sender, from);
    client_address(receiver, to);
    t->n_chunks = (unsigned)((r->opt.size + CHUNK_BYTES - 1) / CHUNK_BYTES);
    t->n_chunks += t->n_chunks == 0;
    head_init(t);
    struct buf b = {0};
    pack_cache_call(&b, from, to, "create", 2);
    pack_bool(&b, false);
    stencil_init(&t->create, FRAME_BINARY, &b);
    b.len = 0;
    pack_cache_call(&b, from, to, "process", 2);
    pack_bool(&b, false);
    stencil_init(&t->process, FRAME_BINARY, &b);
    b.len = 0;
    pack_cache_call(&b, from, to, "set", 4);
    pack_u32(&b, 0);
    t->set_index = b.len - 4;
    pack_bin_head(&b, CHUNK_BYTES);
    t->set_data = b.len;
    memset(buf_reserve(&b, CHUNK_BYTES), 'x', CHUNK_BYTES);
    b.len += CHUNK_BYTES;
    pack_bool(&b, false);
    stencil_init(&t->set, FRAME_BINARY, &b);
    b.len = 0;
    client_pack_head(&b, 5, to, from, "large.resolve");
    pack_str(&b, "parent"), pack_str(&b, "large");
    pack_map(&b, 1), pack_str(&b, "args"), pack_array(&b, 1), pack_nil(&b);
    stencil_init(&t->answer, FRAME_BINARY, &b);
    buf_free(&b);
    sender->owner = receiver->owner = t;
    sender->on_message = on_answer;
    receiver->on_message = on_chunk;
}

static void on_tick(uv_timer_t *timer)
{
    struct transfer *t = timer->data;
    double rss = proc_rss_bytes(t->run->opt.pid);
    t->rss_max = rss > t->rss_max ? rss : t->rss_max;
}

int scenario_large(struct run *r)
{
    struct crowd cr;
    struct crowd helper;
    struct transfer t = {0};
    r->opt.workspaces = 1;
    int e = crowd_open_authorized(&cr, &helper, r, 2);
    if (e == 0) {
        uv_timer_t watch = {.data = &t};
        double before = proc_rss_bytes(r->opt.pid);
        transfer_init(&t, r, &cr.clients[0], &cr.clients[1]);
        (void)uv_timer_init(&r->loop, &watch);
        (void)uv_timer_start(&watch, on_tick, 0, 10);
        start(&t);
        conn_flush(&t.sender->conn);
        run_warm_and_measure(r);
        uv_close((uv_handle_t *)&watch, NULL);
        (void)uv_run(&r->loop, UV_RUN_NOWAIT);
        run_figure(r, "transfers", "", (double)r->latency.n);
        if (r->opt.pid) {
            run_figure(r, "rss_growth", "B", t.rss_max - before);
        }
    }
    crowd_close_both(&cr, &helper);
    stencil_free(&t.create), stencil_free(&t.set), stencil_free(&t.process),
        stencil_free(&t.answer);
    return e;
}
