/* Functions the hub hands to a client with a call: who may call them, and for how long. */
#include "world.h"

static struct world w;

/* ---- alice's callbacks: she calls bob.keep(receive), which settles when the test says so ---- */

static void do_receive(struct rpc_call *call, void *arg)
{
    struct buf out;

    atomic_fetch_add((atomic_int *)arg, 1);
    buf_init(&out, 0);
    mp_add_text(&out, "a part of the body");
    rpc_resolve(call, buf_slice(&out));
    buf_deinit(&out);
}

static const struct rpc_method callback_methods[] = {
    {"receive", "Gives the next part.", {{NULL}}, do_receive}};

static void settle_kept(struct loop *l, void *arg)
{
    struct rpc_call *call = w.kept;

    (void)l;
    (void)arg;
    w.kept = NULL;
    rpc_resolve(call, (struct slice){NULL, 0});
}

static struct question *knock(struct rpc_host *from, const char *method)
{
    struct question *q = question_new(from, "wa/alice", method);

    question_ask(&w, q);
    return q;
}

static void check_refused(struct rpc_host *from, const char *method, const char *want)
{
    char words[256];
    struct question *q = knock(from, method);

    snprintf(words, sizeof(words), want, SLICE_ARG(rpc_host_address(from)), method);
    check_rejected(q, words);
    question_free(q);
}

/* req: W-076 */
CASE(a_callback_is_the_targets_until_the_call_settles)
{
    char session[RPC_SESSION_ROOM], receive[64], other[64];
    atomic_int n_received = 0;
    struct rpc_service callbacks = {
        .id = "callbacks", .methods = callback_methods, .n_methods = 1, .arg = &n_received};
    struct slice text;

    world_open(&w);
    struct question *outer = question_new(w.alice, "*/bob", "services.calc.keep");
    rpc_session_id(session);
    snprintf(receive, sizeof(receive), "%s.receive", session);
    snprintf(other, sizeof(other), "%s.other", session);
    outer->rq.session = session;
    outer->rq.callbacks = &callbacks;
    question_begin(&w, outer);
    wait_count(&w.n_kept, 1, "bob to hold the call");

    struct question *q = knock(w.bob, receive);
    CHECK_INT(q->outcome, RPC_RESOLVED);
    CHECK(mp_get_str(buf_slice(&q->value), &text) && slice_is(text, "a part of the body"));
    question_free(q);
    CHECK_INT(atomic_load(&n_received), 1);

    check_refused(w.bob, other, "Method expired or not found: " SLICE_FMT ":%s");
    q = knock(w.carol, receive);
    CHECK_INT(q->outcome, RPC_REJECTED);
    CHECK(slice_starts(buf_slice(&q->text), "Access denied for method call"));
    question_free(q);

    on_loop(&w, 1, settle_kept, NULL);
    wait_flag(&outer->is_done, "the outer call");
    CHECK_INT(outer->outcome, RPC_RESOLVED);
    question_free(outer);
    check_refused(w.bob, receive, "Session not found: " SLICE_FMT ":%s");
    CHECK_INT(atomic_load(&n_received), 1);
    world_close(&w);
}

CASES(RUN(a_callback_is_the_targets_until_the_call_settles))
