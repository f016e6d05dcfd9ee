/* world: two loops with a router and the hub's own hosts, driven from the test's thread: it asks,
 * waits with a deadline, and looks at copies. `alice` lives on loop 0, `bob` with the service
 * `calc` on loop 1, `carol` beside bob. */
#pragma once
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "auth/user_mp.h"
#include "base/clock.h"
#include "base/memory.h"
#include "harness/check.h"
#include "rpc/rpc.h"
#include "wire/ws_frame.h"
#include "wire/mp.h"
#include "wire/rpc_header.h"

enum { WORLD_LOOPS = 2, WORLD_WAIT_MS = 20000, BIG_BYTES = 1000000 };

struct world {
    struct loop_set set;
    struct router *router;
    struct rpc_settings settings;
    struct rpc_loop *rl[WORLD_LOOPS];
    struct rpc_host *alice, *bob, *carol;
    struct rpc_service calc, secret;
    struct buf public_config;
    struct rpc_call *kept; /* bob's loop only */
    atomic_int n_kept, n_gone, n_progress;
};

/* ---- work on a loop, from the test's thread ---- */

struct errand {
    struct mail mail;
    void (*run)(struct loop *l, void *arg);
    void *arg;
    atomic_bool is_done;
};

static void errand_run(struct loop *l, struct mail *mail)
{
    struct errand *e = (struct errand *)mail;

    e->run(l, e->arg);
    atomic_store(&e->is_done, true);
}

static inline void wait_flag(atomic_bool *flag, const char *what)
{
    uint64_t until = clock_mono_ms() + WORLD_WAIT_MS;

    while (!atomic_load(flag)) {
        if (clock_mono_ms() > until)
            check_fail(__FILE__, __LINE__, "waited too long for %s", what);
        sched_yield();
    }
}

static inline void wait_count(atomic_int *counter, int n, const char *what)
{
    uint64_t until = clock_mono_ms() + WORLD_WAIT_MS;

    while (atomic_load(counter) < n) {
        if (clock_mono_ms() > until)
            check_fail(__FILE__, __LINE__, "waited too long for %s", what);
        sched_yield();
    }
}

static inline void on_loop(struct world *w, unsigned i, void (*run)(struct loop *l, void *arg),
                           void *arg)
{
    struct errand e = {.mail.run = errand_run, .run = run, .arg = arg};

    loop_post_outside(&w->set.loops[i], &e.mail);
    wait_flag(&e.is_done, "an errand");
}

/* ---- bob's service ---- */

static inline void do_add(struct rpc_call *call, void *arg)
{
    int64_t a = 0, b = 100;
    struct buf out;

    (void)arg;
    CHECK(mp_get_int(call->args[0], &a));
    (void)mp_get_int(call->args[1], &b);
    buf_init(&out, 0);
    mp_add_int(&out, a + b);
    rpc_resolve(call, buf_slice(&out));
    buf_deinit(&out);
}

static inline void do_echo(struct rpc_call *call, void *arg)
{
    (void)arg;
    rpc_resolve(call, call->args[0]);
}

static inline void do_whoami(struct rpc_call *call, void *arg)
{
    struct buf out;

    (void)arg;
    buf_init(&out, 0);
    mp_add_array(&out, 4);
    mp_add_str(&out, call->from_text);
    mp_add_str(&out, call->workspace);
    mp_add_text(&out, call->user->id);
    mp_add_str(&out, call->from.client);
    rpc_resolve(call, buf_slice(&out));
    buf_deinit(&out);
}

static inline void do_boom(struct rpc_call *call, void *arg)
{
    (void)arg;
    rpc_reject(call, "KeyError", "no %s here", "bomb");
}

static inline void do_fill(struct rpc_call *call, void *arg)
{
    char *bytes = mem_new(BIG_BYTES);
    struct buf out;

    (void)arg;
    for (size_t i = 0; i < BIG_BYTES; i++)
        bytes[i] = (char)(i * 31);
    buf_init(&out, 0);
    mp_add_bin(&out, slice_make(bytes, BIG_BYTES));
    rpc_resolve(call, buf_slice(&out));
    buf_deinit(&out);
    mem_free(bytes);
}

static inline void on_kept_gone(struct rpc_call *call)
{
    struct world *w = call->arg;

    atomic_fetch_add(&w->n_gone, 1);
    if (w->kept == call)
        w->kept = NULL;
    rpc_resolve(call, (struct slice){NULL, 0});
}

/* Not settled until the caller leaves, the host closes or the test says so. */
static inline void do_keep(struct rpc_call *call, void *arg)
{
    struct world *w = arg;

    call->on_gone = on_kept_gone;
    w->kept = call;
    atomic_fetch_add(&w->n_kept, 1);
}

static const struct rpc_method calc_methods[] = {
    {"add",
     "Adds two numbers.",
     {{.name = "a", .kind = RPC_INT, .help = "One"},
      {.name = "b",
       .kind = RPC_INT,
       .is_optional = true,
       .default_json = "100",
       .help = "The other"}},
     do_add},
    {"echo", "Returns its argument.", {{.name = "data", .kind = RPC_ANY}}, do_echo},
    {"deep.whoami", "Tells who calls.", {{NULL}}, do_whoami},
    {"deep.boom", "Fails.", {{NULL}}, do_boom},
    {"fill", "Returns many bytes.", {{NULL}}, do_fill},
    {"keep", "Does not answer.", {{NULL}}, do_keep},
};

/* ---- life ---- */

static inline struct rpc_host *world_host(struct world *w, unsigned i, const char *address,
                                          const char *workspace)
{
    struct user *root = user_new_root("*");
    struct rpc_host *h =
        rpc_host_open(w->rl[i], &(struct rpc_host_options){.address = slice_of(address),
                                                           .user = root,
                                                           .account = w->set.loops[i].own,
                                                           .workspace = slice_of(workspace)});

    user_unref(root);
    return h;
}

static inline void world_open_0(struct loop *l, void *arg)
{
    struct world *w = arg;

    w->rl[0] = rpc_loop_new(l, w->router, &w->settings);
    w->alice = world_host(w, 0, "wa/alice", "wa");
}

static inline void world_open_1(struct loop *l, void *arg)
{
    struct world *w = arg;

    w->rl[1] = rpc_loop_new(l, w->router, &w->settings);
    w->bob = world_host(w, 1, "*/bob", NULL);
    w->carol = world_host(w, 1, "wc/carol", "wc");
    rpc_host_add(w->bob, &w->calc);
    rpc_host_add(w->bob, &w->secret);
}

static inline void world_services(struct world *w)
{
    buf_init(&w->public_config, 0);
    mp_add_map(&w->public_config, 1);
    mp_add_text(&w->public_config, "visibility");
    mp_add_text(&w->public_config, "public");
    w->calc = (struct rpc_service){.id = "calc",
                                   .name = "Calc",
                                   .config = buf_slice(&w->public_config),
                                   .methods = calc_methods,
                                   .n_methods = ARRAY_LEN(calc_methods),
                                   .arg = w};
    w->secret = w->calc;
    w->secret.id = "secret";
    w->secret.config = (struct slice){NULL, 0};
}

static inline void world_open(struct world *w)
{
    check_allow_fds(2);
    memset(w, 0, sizeof(*w));
    w->settings = (struct rpc_settings){.base_url = "https://h.example",
                                        .max_pending = 64,
                                        .max_chunk_keys = 4,
                                        .max_chunk_bytes = 4000000,
                                        .chunk_ttl_ms = 60000,
                                        .max_message_bytes = 16000000,
                                        .call_timeout_ms = 10000};
    world_services(w);
    CHECK_INT(loop_set_init(&w->set, WORLD_LOOPS), 0);
    w->router = router_new(&w->set, NULL);
    CHECK_INT(loop_set_start(&w->set), 0);
    on_loop(w, 0, world_open_0, w);
    on_loop(w, 1, world_open_1, w);
}

static inline void world_close_0(struct loop *l, void *arg)
{
    struct world *w = arg;

    (void)l;
    if (w->alice)
        rpc_host_close(w->alice);
    rpc_loop_free(w->rl[0]);
}

static inline void world_close_1(struct loop *l, void *arg)
{
    struct world *w = arg;

    (void)l;
    if (w->bob)
        rpc_host_close(w->bob);
    if (w->carol)
        rpc_host_close(w->carol);
    rpc_loop_free(w->rl[1]);
}

static inline int64_t world_count(struct world *w, enum metric id)
{
    int64_t n = 0;

    for (unsigned i = 0; i < WORLD_LOOPS; i++)
        n += atomic_load(&w->set.loops[i].metrics.values[id]);
    return n;
}

static inline void world_close(struct world *w)
{
    on_loop(w, 0, world_close_0, w);
    on_loop(w, 1, world_close_1, w);
    CHECK_INT(world_count(w, METRIC_DIRECTORY_ENTRIES), 0);
    loop_set_stop(&w->set);
    loop_set_deinit(&w->set);
    router_free(w->router);
    buf_deinit(&w->public_config);
}

/* ---- asking ---- */

struct question {
    struct rpc_host *host;
    struct rpc_request rq;
    struct buf args;
    uint64_t id;
    int n_done; /* host's loop only */
    enum rpc_outcome outcome;
    const char *rule;
    struct buf value, text; /* copies */
    atomic_bool is_done;
};

static inline void question_done(const struct rpc_reply *reply, void *arg)
{
    struct question *q = arg;

    CHECK_INT(++q->n_done, 1);
    CHECK(q->id);
    q->outcome = reply->outcome;
    q->rule = reply->rule;
    CHECK((reply->outcome == RPC_OVERLOADED) == (reply->rule != NULL));
    buf_add_slice(&q->value, reply->value);
    buf_add_slice(&q->text, reply->text);
    atomic_store(&q->is_done, true);
}

static inline void question_send(struct loop *l, void *arg)
{
    struct question *q = arg;

    (void)l;
    q->id = rpc_request(q->host, &q->rq, question_done, q);
    CHECK_INT(q->n_done, 0);
}

/* The arguments are to be appended to args as one array (or left out) before question_ask. */
static inline struct question *question_new(struct rpc_host *from, const char *target,
                                            const char *method)
{
    struct question *q = MEM_NEW(struct question);

    q->host = from;
    q->rq = (struct rpc_request){
        .target = slice_of(target), .method = slice_of(method), .promise = RPC_PROMISE_COMPACT};
    buf_init(&q->args, 0);
    buf_init(&q->value, 0);
    buf_init(&q->text, 0);
    return q;
}

static inline void question_free(struct question *q)
{
    buf_deinit(&q->args);
    buf_deinit(&q->value);
    buf_deinit(&q->text);
    mem_free(q);
}

static inline void question_begin(struct world *w, struct question *q)
{
    q->rq.args = buf_slice(&q->args);
    on_loop(w, rpc_host_loop(q->host)->index, question_send, q);
}

static inline void question_ask(struct world *w, struct question *q)
{
    question_begin(w, q);
    wait_flag(&q->is_done, "an answer");
}

static inline void check_slice(struct slice have, const char *want)
{
    if (!slice_is(have, want))
        check_fail(__FILE__, __LINE__, "have \"" SLICE_FMT "\", want \"%s\"", SLICE_ARG(have),
                   want);
}

/* The `_rvalue` of a rejected one. */
static inline void check_rejected(struct question *q, const char *want)
{
    struct slice words;

    CHECK_INT(q->outcome, RPC_REJECTED);
    CHECK(mp_find_str(buf_slice(&q->value), "_rvalue", &words));
    check_slice(words, want);
    check_slice(buf_slice(&q->text), want);
}

/* ---- a client of flesh: an endpoint that sees frames ---- */

enum { RAW_FRAMES = 64 };

struct raw {
    struct endpoint endpoint; /* first */
    struct world *world;
    const char *address;
    unsigned loop;
    /* Its loop only. The script may answer; NULL only records. */
    void (*script)(struct raw *raw, const struct rpc_header *h, struct slice payload);
    void *arg;
    struct msg *frames[RAW_FRAMES]; /* its loop writes, the test reads what n_frames covers */
    atomic_int n_frames;
};

static const struct rpc_header_caps raw_caps = {UINT32_MAX, 64, 1024};

static inline void raw_deliver(struct endpoint *e, struct msg *m)
{
    struct raw *raw = CONTAINER_OF(e, struct raw, endpoint);
    struct rpc_header h;
    int n = atomic_load(&raw->n_frames);

    CHECK(m->frame_len > 0);
    CHECK_INT(rpc_header_peek(msg_head_slice(m), &raw_caps, &h), RPC_HEADER_OK);
    CHECK(n < RAW_FRAMES);
    raw->frames[n] = m;
    if (raw->script)
        raw->script(raw, &h, h.tail);
    atomic_fetch_add(&raw->n_frames, 1);
}

static const struct endpoint_ops raw_ops = {.deliver = raw_deliver};

static inline void raw_arrive(struct loop *l, void *arg)
{
    struct raw *raw = arg;
    struct route replaced;

    raw->endpoint.ops = &raw_ops;
    router_attach(raw->world->router, l, &raw->endpoint);
    CHECK(!router_bind(raw->world->router, l, slice_of(raw->address),
                       route_here(raw->endpoint.handle), &replaced));
}

static inline void raw_leave(struct loop *l, void *arg)
{
    struct raw *raw = arg;

    CHECK(router_unbind(raw->world->router, l, slice_of(raw->address),
                        route_here(raw->endpoint.handle)));
    router_detach(raw->world->router, &raw->endpoint);
    for (int i = 0; i < atomic_load(&raw->n_frames); i++)
        msg_unref(raw->frames[i]);
}

/* A frame as a router would forward it for a client. payload: segment 2, may be empty. */
static inline void raw_frame(const char *from, struct slice to, struct slice method,
                             const char *session, struct slice payload, struct buf *out)
{
    struct user *user = user_new_root("*");
    struct address own;

    CHECK(address_split(slice_of(from), &own));
    mp_add_map(out, session ? 7 : 6);
    mp_add_text(out, "type");
    mp_add_text(out, "method");
    mp_add_text(out, "from");
    mp_add_text(out, from);
    mp_add_text(out, "to");
    mp_add_str(out, to);
    mp_add_text(out, "method");
    mp_add_str(out, method);
    mp_add_text(out, "ws");
    mp_add_str(out, own.workspace);
    mp_add_text(out, "user");
    user_add_mp(out, user, true);
    if (session) {
        mp_add_text(out, "session");
        mp_add_text(out, session);
    }
    buf_add_slice(out, payload);
    user_unref(user);
}

/* The raw client's loop. */
static inline void raw_send(struct raw *raw, const char *from, struct slice to, struct slice method,
                            const char *session, struct slice payload)
{
    struct loop *l = &raw->world->set.loops[raw->loop];
    struct buf b;

    buf_init(&b, 0);
    raw_frame(from, to, method, session, payload, &b);
    struct msg *m = msg_try_new(b.len, l->own);
    memcpy(msg_head(m), b.ptr, b.len);
    ws_seal(m);
    if (router_send(raw->world->router, l, to, m) != ROUTER_OK)
        msg_unref(m);
    buf_deinit(&b);
}

/* "<session><suffix>" with one argument, as an answer to a frame. */
static inline void raw_answer(struct raw *raw, const char *from, const struct rpc_header *h,
                              const char *suffix, struct slice value)
{
    struct buf method, payload;

    buf_init(&method, 0);
    buf_init(&payload, 0);
    buf_add_slice(&method, h->session);
    buf_add_text(&method, suffix);
    mp_add_map(&payload, 1);
    mp_add_text(&payload, "args");
    mp_add_array(&payload, 1);
    mp_add_raw(&payload, value);
    raw_send(raw, from, h->from, buf_slice(&method), NULL, buf_slice(&payload));
    buf_deinit(&method);
    buf_deinit(&payload);
}
