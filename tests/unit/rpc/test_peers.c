/* What a client of flesh sees of a host, and what it may try. */
#include "harness/payer.h"
#include "unit/wire/dice.h"
#include "world.h"

static struct world w;

static struct slice header_of(struct raw *raw, int i, struct rpc_header *h)
{
    CHECK_INT(rpc_header_peek(msg_head_slice(raw->frames[i]), &raw_caps, h), RPC_HEADER_OK);
    return h->map;
}

static void check_member(struct slice map, const char *key, const char *want)
{
    struct slice text;

    CHECK(mp_find_str(map, key, &text));
    check_slice(text, want);
}

/* ---- a client that calls ---- */

static void add_compact(struct buf *b, double interval)
{
    mp_add_map(b, 2);
    mp_add_text(b, "promise");
    mp_add_text(b, "*");
    mp_add_text(b, "t");
    mp_add_float(b, interval);
}

static void add_part(struct buf *b, const char *part, const char *method)
{
    mp_add_text(b, part);
    rpc_value_add_method(b, &(struct rpc_method_ref){.target = SLICE_LIT("py"),
                                                     .method = slice_of(method),
                                                     .promise = "*"});
}

static void add_full(struct buf *b)
{
    mp_add_map(b, 1);
    mp_add_text(b, "promise");
    mp_add_map(b, 4);
    add_part(b, "heartbeat", "s2.abc");
    add_part(b, "resolve", "s2.yes");
    add_part(b, "reject", "s2.no");
    mp_add_text(b, "interval");
    mp_add_int(b, 15);
}

struct knock {
    struct raw *raw;
    const char *from, *to, *method, *session;
    struct slice payload;
};

static void run_knock(struct loop *l, void *arg)
{
    struct knock *k = arg;

    (void)l;
    raw_send(k->raw, k->from, slice_of(k->to), slice_of(k->method), k->session, k->payload);
}

static void knock(struct raw *raw, const char *to, const char *method, const char *session,
                  struct slice payload)
{
    struct knock k = {raw, raw->address, to, method, session, payload};

    on_loop(&w, raw->loop, run_knock, &k);
}

static void settle_kept(struct loop *l, void *arg)
{
    struct rpc_call *call = w.kept;

    (void)l;
    (void)arg;
    w.kept = NULL;
    rpc_resolve(call, (struct slice){NULL, 0});
}

/* req: W-061 W-062 W-063 W-075 */
CASE(a_slow_call_beats_and_answers_on_the_callers_paths)
{
    struct raw py = {.world = &w, .address = "wp/py", .loop = 0};
    struct rpc_header h;
    struct slice args, user;
    struct buf b;

    world_open(&w);
    buf_init(&b, 0);
    on_loop(&w, 0, raw_arrive, &py);
    add_compact(&b, 0.1);
    knock(&py, "*/bob", "services.calc.keep", "s1", buf_slice(&b));
    wait_count(&py.n_frames, 3, "heartbeats");
    on_loop(&w, 1, settle_kept, NULL);
    do
        wait_count(&py.n_frames, 4, "the answer");
    while (header_of(&py, atomic_load(&py.n_frames) - 1, &h).len &&
           !slice_is(h.method, "s1.resolve") && sched_yield() == 0);
    for (int i = 0; i < atomic_load(&py.n_frames); i++) {
        struct slice map = header_of(&py, i, &h);
        bool is_last = i == atomic_load(&py.n_frames) - 1;
        check_member(map, "type", "method");
        check_member(map, "from", "*/bob");
        check_member(map, "to", "wp/py");
        check_member(map, "method", is_last ? "s1.resolve" : "s1.heartbeat");
        check_member(map, "parent", "s1");
        check_member(map, "ws", "wp");
        CHECK(!h.session.ptr && mp_find(map, "user", &user));
        check_member(user, "id", "root");
        CHECK(is_last ? h.tail.len > 0 : h.tail.len == 0);
        CHECK(!is_last || (mp_find(h.tail, "args", &args) && mp_count(args) == 1));
    }
    on_loop(&w, 0, raw_leave, &py);
    buf_deinit(&b);
    world_close(&w);
}

/* req: W-061 W-064 */
CASE(a_quick_call_only_answers_and_only_when_asked)
{
    struct raw py = {.world = &w, .address = "wp/py", .loop = 1};
    struct rpc_header h;
    struct buf b;

    world_open(&w);
    buf_init(&b, 0);
    on_loop(&w, 1, raw_arrive, &py);
    /* no promise: executed, not answered */
    knock(&py, "*/bob", "services.calc.keep", NULL, buf_slice(&b));
    wait_count(&w.n_kept, 1, "the silent call");
    on_loop(&w, 1, settle_kept, NULL);
    knock(&py, "*/bob", "x.resolve", NULL, buf_slice(&b));
    add_full(&b);
    knock(&py, "*/bob", "services.calc.deep.whoami", "s2", buf_slice(&b));
    wait_count(&py.n_frames, 1, "the answer");
    check_member(header_of(&py, 0, &h), "method", "s2.yes");
    knock(&py, "*/bob", "services.calc.deep.boom", "s2", buf_slice(&b));
    wait_count(&py.n_frames, 2, "the error");
    check_member(header_of(&py, 1, &h), "method", "s2.no");
    on_loop(&w, 1, raw_leave, &py);
    buf_deinit(&b);
    world_close(&w);
}

static void refuse_chunks(struct raw *raw, const struct rpc_header *h, struct slice payload)
{
    struct buf error;

    (void)payload;
    if (!h->session.ptr)
        return;
    buf_init(&error, 0);
    rpc_value_add_error(&error, "", SLICE_LIT("no chunks for me"));
    raw_answer(raw, raw->address, h, slice_ends(h->method, ".get_service") ? ".resolve" : ".reject",
               buf_slice(&error));
    buf_deinit(&error);
}

/* Nobody should wait for an answer that was there and did not fit. */
CASE(a_large_answer_that_is_refused_becomes_an_error)
{
    struct raw py = {.world = &w, .address = "wp/py", .loop = 0, .script = refuse_chunks};
    struct slice args, error;
    struct rpc_header h;
    struct buf b;

    world_open(&w);
    buf_init(&b, 0);
    on_loop(&w, 0, raw_arrive, &py);
    add_compact(&b, 15);
    knock(&py, "*/bob", "services.calc.fill", "s1", buf_slice(&b));
    wait_count(&py.n_frames, 3, "get_service, create, and the error");
    check_member(header_of(&py, 1, &h), "method", "services.built-in.message_cache.create");
    CHECK(mp_find(h.tail, "args", &args) && mp_at(args, 0, &error));
    check_slice(slice_from(error, 1), "s1"); /* the key is the caller's session */
    check_member(header_of(&py, 2, &h), "method", "s1.reject");
    check_member(h.map, "parent", "s1");
    CHECK(mp_find(h.tail, "args", &args) && mp_at(args, 0, &error));
    check_member(error, "_rvalue",
                 "RuntimeError: The result could not be delivered: no chunks for me");
    on_loop(&w, 0, raw_leave, &py);
    buf_deinit(&b);
    world_close(&w);
}

/* ---- frames nobody would send ---- */

enum { MANGLED = 30000 };

static void mangle(struct loop *l, void *arg)
{
    struct raw *py = arg;
    struct dice dice = {.state = 88172645463325252ull};
    struct buf seeds[2], payload;

    for (int i = 0; i < 2; i++)
        buf_init(&seeds[i], 0);
    buf_init(&payload, 0);
    mp_add_map(&payload, 3);
    mp_add_text(&payload, "args");
    mp_add_array(&payload, 3);
    mp_add_text(&payload, "k");
    mp_add_bin(&payload, SLICE_LIT("\x82\xa4type"));
    mp_add_map(&payload, 1);
    mp_add_text(&payload, "overwrite");
    mp_add_bool(&payload, true);
    mp_add_text(&payload, "with_kwargs");
    mp_add_bool(&payload, true);
    mp_add_text(&payload, "promise");
    mp_add_text(&payload, "*");
    raw_frame(py->address, SLICE_LIT("*/bob"), SLICE_LIT("services.built-in.message_cache.append"),
              "s1", buf_slice(&payload), &seeds[0]);
    buf_clear(&payload);
    add_full(&payload);
    raw_frame(py->address, SLICE_LIT("*/bob"), SLICE_LIT("services.calc.echo"), "s2",
              buf_slice(&payload), &seeds[1]);
    for (int i = 0; i < MANGLED; i++) {
        struct buf *seed = &seeds[i % 2];
        size_t len = dice_below(&dice, 4) ? seed->len : dice_below(&dice, (uint32_t)seed->len);
        struct msg *m = msg_try_new(len, payer());
        memcpy(msg_head(m), seed->ptr, len);
        for (uint32_t n = dice_below(&dice, 4); n && len; n--)
            msg_head(m)[dice_below(&dice, (uint32_t)len)] = (char)dice_next(&dice);
        ws_seal(m);
        CHECK_INT(router_send(w.router, l, SLICE_LIT("*/bob"), m), ROUTER_OK);
    }
    buf_deinit(&seeds[0]);
    buf_deinit(&seeds[1]);
    buf_deinit(&payload);
}

static void forget(struct raw *raw, const struct rpc_header *h, struct slice payload)
{
    (void)h;
    (void)payload;
    raw->frames[0] = msg_unref(raw->frames[0]);
    atomic_fetch_sub(&raw->n_frames, 1);
}

CASE(mangled_frames_hurt_nobody)
{
    struct raw py = {.world = &w, .address = "wp/py", .loop = 0, .script = forget};
    int64_t sum;

    world_open(&w);
    on_loop(&w, 0, raw_arrive, &py);
    on_loop(&w, 0, mangle, &py);
    struct question *q = question_new(w.alice, "*/bob", "services.calc.add");
    mp_add_array(&q->args, 1);
    mp_add_int(&q->args, 1);
    question_ask(&w, q); /* behind them all */
    CHECK_INT(q->outcome, RPC_RESOLVED);
    CHECK(mp_get_int(buf_slice(&q->value), &sum));
    CHECK_INT(sum, 101);
    CHECK(world_count(&w, METRIC_FRAMES_MALFORMED) > 0 &&
          world_count(&w, METRIC_HUB_CALLS) > MANGLED / 4);
    question_free(q);
    on_loop(&w, 0, raw_leave, &py);
    world_close(&w);
}

/* ---- a client that is called ---- */

CASE(silence_times_out_and_heartbeats_do_not)
{
    struct raw py = {.world = &w, .address = "wp/py", .loop = 1};

    world_open(&w);
    w.settings.call_timeout_ms = 150;
    on_loop(&w, 1, raw_arrive, &py);
    struct question *q = question_new(w.alice, "wp/py", "services.a.b");
    question_ask(&w, q);
    CHECK_INT(q->outcome, RPC_TIMED_OUT);
    check_slice(buf_slice(&q->text), "Method call timed out: wp/py:services.a.b");
    question_free(q);
    CHECK_INT(world_count(&w, METRIC_RPC_TIMEOUTS), 1);
    /* bob beats at half of alice's limit, so only her deadline can end this. */
    w.settings.call_timeout_ms = 1000;
    q = question_new(w.alice, "*/bob", "services.calc.keep");
    q->rq.deadline_ms = 2500;
    uint64_t began = clock_mono_ms();
    question_ask(&w, q);
    CHECK_INT(q->outcome, RPC_TIMED_OUT);
    CHECK(clock_mono_ms() - began >= 2490);
    question_free(q);
    on_loop(&w, 1, settle_kept, NULL);
    on_loop(&w, 1, raw_leave, &py);
    world_close(&w);
}

/* Answers twice, after somebody else has tried. */
static void answer_with_intruder(struct raw *raw, const struct rpc_header *h, struct slice payload)
{
    struct buf yes;

    (void)payload;
    if (!h->session.ptr)
        return;
    buf_init(&yes, 0);
    mp_add_text(&yes, "forged");
    raw_answer(raw, "wp/other", h, ".resolve", buf_slice(&yes));
    raw_answer(raw, "wx/py", h, ".reject", buf_slice(&yes));
    buf_clear(&yes);
    mp_add_text(&yes, "true");
    raw_answer(raw, "wp/py", h, ".heartbeat", (struct slice){NULL, 0});
    raw_answer(raw, "wp/py", h, ".resolve", buf_slice(&yes));
    raw_answer(raw, "wp/py", h, ".resolve", buf_slice(&yes));
    raw_answer(raw, "wp/py", h, ".reject", buf_slice(&yes));
    buf_deinit(&yes);
}

CASE(only_the_target_settles_and_only_once)
{
    struct raw py = {.world = &w, .address = "wp/py", .loop = 1, .script = answer_with_intruder};
    struct slice text;

    world_open(&w);
    on_loop(&w, 1, raw_arrive, &py);
    for (int i = 0; i < 2; i++) {
        struct question *q = question_new(w.alice, "wp/py", "services.a.b");
        question_ask(&w, q);
        CHECK_INT(q->outcome, RPC_RESOLVED);
        CHECK(mp_get_str(buf_slice(&q->value), &text));
        check_slice(text, "true");
        question_free(q);
    }
    on_loop(&w, 1, raw_leave, &py);
    world_close(&w);
}

static void add_session(struct buf *b, const struct rpc_header *h, const char *method)
{
    buf_add_slice(b, h->session);
    buf_add_text(b, method);
}

/* Instead of answering, an intruder asks for an answer to its forgery. */
static void intrude(struct raw *raw, const struct rpc_header *h, struct slice payload)
{
    struct buf method, promise;

    (void)payload;
    if (!h->session.ptr)
        return;
    buf_init(&method, 0);
    buf_init(&promise, 0);
    add_session(&method, h, ".resolve");
    add_compact(&promise, 0);
    raw_send(raw, "wp/spy", h->from, buf_slice(&method), "t1", buf_slice(&promise));
    buf_clear(&method);
    add_session(&method, h, ".other");
    raw_send(raw, "wp/py", h->from, buf_slice(&method), "t2", buf_slice(&promise));
    buf_deinit(&method);
    buf_deinit(&promise);
}

CASE(a_forged_answer_is_refused_aloud)
{
    struct raw py = {.world = &w, .address = "wp/py", .loop = 1, .script = intrude};
    struct raw spy = {.world = &w, .address = "wp/spy", .loop = 1};
    struct rpc_header h;
    struct slice args, error, words;

    world_open(&w);
    on_loop(&w, 1, raw_arrive, &py);
    on_loop(&w, 1, raw_arrive, &spy);
    struct question *q = question_new(w.alice, "wp/py", "services.a.b");
    question_begin(&w, q);
    wait_count(&spy.n_frames, 1, "the refusal");
    check_member(header_of(&spy, 0, &h), "method", "t1.reject");
    CHECK(mp_find(h.tail, "args", &args) && mp_at(args, 0, &error) &&
          mp_find_str(error, "_rvalue", &words));
    CHECK(slice_starts(words, "Access denied for method call (") &&
          slice_ends(words, "from wp/spy to target wp/py"));
    wait_count(&py.n_frames, 2, "the other refusal");
    check_member(header_of(&py, 1, &h), "method", "t2.reject");
    CHECK(mp_find(h.tail, "args", &args) && mp_at(args, 0, &error) &&
          mp_find_str(error, "_rvalue", &words));
    CHECK(slice_starts(words, "Method expired or not found: wp/py:"));
    CHECK(!atomic_load(&q->is_done));
    on_loop(&w, 1, raw_leave, &py);
    on_loop(&w, 1, raw_leave, &spy);
    world_close(&w);
    question_free(q);
}

/* The full form as old clients read it: `interval` and three references relative to the caller. */
CASE(a_full_promise_has_three_references)
{
    struct raw py = {.world = &w, .address = "wp/py", .loop = 1};
    struct slice promise, part, target, method;
    struct rpc_header h;
    double interval = 0;
    char want[80];

    world_open(&w);
    on_loop(&w, 1, raw_arrive, &py);
    struct question *q = question_new(w.bob, "wp/py", "services.built-in.get_service");
    q->rq.promise = RPC_PROMISE_FULL;
    question_begin(&w, q);
    wait_count(&py.n_frames, 1, "the call");
    check_member(header_of(&py, 0, &h), "ws", "wp");
    CHECK(mp_find(h.tail, "promise", &promise));
    CHECK(mp_find(promise, "interval", &part) && mp_get_num(part, &interval) && interval == 5.0);
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"heartbeat", "resolve", "reject"};
        snprintf(want, sizeof(want), SLICE_FMT ".%s", SLICE_ARG(h.session), names[i]);
        CHECK(mp_find(promise, names[i], &part));
        CHECK(mp_find_str(part, "_rtarget", &target) && mp_find_str(part, "_rmethod", &method));
        check_slice(target, "bob");
        check_slice(method, want);
    }
    on_loop(&w, 1, raw_leave, &py);
    world_close(&w);
    CHECK_INT(q->outcome, RPC_CLOSED);
    question_free(q);
}

CASES(RUN(a_slow_call_beats_and_answers_on_the_callers_paths),
      RUN(a_quick_call_only_answers_and_only_when_asked),
      RUN(a_large_answer_that_is_refused_becomes_an_error), RUN(mangled_frames_hurt_nobody),
      RUN(silence_times_out_and_heartbeats_do_not), RUN(only_the_target_settles_and_only_once),
      RUN(a_forged_answer_is_refused_aloud), RUN(a_full_promise_has_three_references))
