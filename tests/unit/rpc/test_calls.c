#include "base/account.h"
#include "rpc/rpc_call.h"
#include "rpc/pending.h"
#include "world.h"

static struct world w;

static void add_int_args(struct question *q, int64_t a, int64_t b)
{
    mp_add_array(&q->args, 2);
    mp_add_int(&q->args, a);
    mp_add_int(&q->args, b);
}

static void check_sum(struct question *q, int64_t want)
{
    int64_t sum;

    CHECK_INT(q->outcome, RPC_RESOLVED);
    CHECK(mp_get_int(buf_slice(&q->value), &sum));
    CHECK_INT(sum, want);
    question_free(q);
}

/* req: W-061 W-062 W-065 W-074 */
CASE(both_promise_forms_are_answered_on_one_loop_and_across)
{
    world_open(&w);
    struct rpc_host *askers[] = {w.alice, w.carol};
    for (unsigned i = 0; i < 2; i++) {
        for (enum rpc_promise_form form = RPC_PROMISE_COMPACT; form <= RPC_PROMISE_FULL; form++) {
            struct question *q = question_new(askers[i], "*/bob", "services.calc.add");
            q->rq.promise = form;
            add_int_args(q, 2, 40);
            question_ask(&w, q);
            check_sum(q, 42);
        }
    }
    CHECK_INT(world_count(&w, METRIC_HUB_CALLS), 4);
    CHECK_INT(world_count(&w, METRIC_HUB_CALL_ERRORS), 0);
    world_close(&w);
}

CASE(keywords_mix_with_positions)
{
    world_open(&w);
    struct question *q = question_new(w.alice, "*/bob", "services.calc.add");
    q->rq.with_kwargs = true;
    mp_add_array(&q->args, 2);
    mp_add_int(&q->args, 1);
    mp_add_map(&q->args, 2);
    mp_add_text(&q->args, "b");
    mp_add_int(&q->args, 5);
    mp_add_text(&q->args, "context"); /* never the caller's to say */
    mp_add_text(&q->args, "forged");
    question_ask(&w, q);
    check_sum(q, 6);
    world_close(&w);
}

static void check_error(const char *method, const char *want)
{
    struct question *q = question_new(w.alice, "*/bob", method);

    question_ask(&w, q);
    check_rejected(q, want);
    question_free(q);
}

/* req: W-065 W-066 W-067 */
CASE(errors_have_the_known_words)
{
    world_open(&w);
    check_error("services.calc.deep.boom", "KeyError: 'no bomb here'");
    check_error("services.calc.add", "TypeError: Missing required argument: 'a'");
    check_error("services.calc.nothing",
                "Method expired or not found: wa/alice:services.calc.nothing");
    check_error("services.none.add", "Method expired or not found: wa/alice:services.none.add");
    check_error("services", "Method not found: wa/alice:services at bob");
    check_error("abc.resolve", "Session not found: wa/alice:abc.resolve");
    check_error("services.secret.add",
                "Permission denied for invoking protected method wa/alice:services.secret.add, "
                "workspace mismatch: * != wa");
    world_close(&w);
}

/* req: W-075 */
CASE(the_caller_is_who_the_router_says)
{
    static const char *const want[] = {"wa/alice", "wa", "root", "alice"};
    struct slice item, text;

    world_open(&w);
    struct question *q = question_new(w.alice, "*/bob", "services.calc.deep.whoami");
    question_ask(&w, q);
    CHECK_INT(q->outcome, RPC_RESOLVED);
    for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
        CHECK(mp_at(buf_slice(&q->value), i, &item));
        CHECK(mp_get_str(item, &text));
        check_slice(text, want[i]);
    }
    question_free(q);
    world_close(&w);
}

/* req: W-040 W-078 */
CASE(a_missing_target_fails_at_once)
{
    world_open(&w);
    struct question *q = question_new(w.alice, "wx/nobody", "services.calc.add");
    question_ask(&w, q);
    CHECK_INT(q->outcome, RPC_GONE);
    check_slice(buf_slice(&q->text), "Target peer wx/nobody is not connected");
    question_free(q);
    world_close(&w);
}

static void tell_alice_left(struct loop *l, void *arg)
{
    (void)l;
    (void)arg;
    rpc_loop_peer_gone(w.rl[1], SLICE_LIT("wa/alice"));
}

static void tell_bob_left(struct loop *l, void *arg)
{
    (void)l;
    (void)arg;
    rpc_loop_peer_gone(w.rl[0], SLICE_LIT("*/bob"));
}

/* Alice's call, which bob has and does not answer. */
static struct question *begin_kept(void)
{
    struct question *q = question_new(w.alice, "*/bob", "services.calc.keep");
    question_begin(&w, q);
    wait_count(&w.n_kept, 1, "the call to begin");
    return q;
}

/* req: W-078 */
CASE(leaving_ends_what_both_sides_wait_for)
{
    world_open(&w);
    struct question *q = begin_kept();
    on_loop(&w, 1, tell_alice_left, NULL);
    wait_count(&w.n_gone, 1, "the handler to hear that its caller left");
    CHECK(!atomic_load(&q->is_done)); /* what it answered then was dropped */
    on_loop(&w, 0, tell_bob_left, NULL);
    wait_flag(&q->is_done, "the failure");
    CHECK_INT(q->outcome, RPC_GONE);
    check_slice(buf_slice(&q->text), "Client disconnected: */bob");
    question_free(q);
    world_close(&w);
}

static void close_bob(struct loop *l, void *arg)
{
    (void)l;
    (void)arg;
    rpc_host_close(w.bob);
    w.bob = NULL;
}

static void close_alice(struct loop *l, void *arg)
{
    (void)l;
    (void)arg;
    rpc_host_close(w.alice);
    w.alice = NULL;
}

CASE(closing_a_host_settles_everything)
{
    world_open(&w);
    struct question *q = begin_kept();
    on_loop(&w, 1, close_bob, NULL);
    CHECK_INT(atomic_load(&w.n_gone), 1);
    CHECK(!atomic_load(&q->is_done));
    on_loop(&w, 0, close_alice, NULL);
    CHECK(atomic_load(&q->is_done));
    CHECK_INT(q->outcome, RPC_CLOSED);
    question_free(q);
    world_close(&w);
}

/* One turn: the call has failed already, and is to be told at its end. */
static void lose_bob_and_close_alice(struct loop *l, void *arg)
{
    tell_bob_left(l, arg);
    close_alice(l, arg);
}

CASE(closing_a_host_is_what_a_call_that_has_just_failed_hears)
{
    world_open(&w);
    struct question *q = begin_kept();
    on_loop(&w, 0, lose_bob_and_close_alice, NULL);
    CHECK(atomic_load(&q->is_done));
    CHECK_INT(q->outcome, RPC_CLOSED);
    question_free(q);
    world_close(&w);
}

static void cancel(struct loop *l, void *arg)
{
    struct question *q = arg;

    (void)l;
    rpc_cancel(q->host, q->id);
    rpc_cancel(q->host, q->id);
}

static void settle_kept(struct loop *l, void *arg)
{
    struct rpc_call *call = w.kept;

    (void)l;
    (void)arg;
    w.kept = NULL;
    rpc_resolve(call, (struct slice){NULL, 0});
}

CASE(a_cancelled_call_is_never_answered)
{
    world_open(&w);
    struct question *q = begin_kept();
    on_loop(&w, 0, cancel, q);
    on_loop(&w, 1, settle_kept, NULL);
    struct question *next = question_new(w.alice, "*/bob", "services.calc.add");
    add_int_args(next, 1, 1);
    question_ask(&w, next); /* behind the late answer, in order */
    check_sum(next, 2);
    CHECK(!atomic_load(&q->is_done));
    question_free(q);
    world_close(&w);
}

CASE(calls_past_the_cap_are_shed)
{
    enum { N = 3 };
    struct question *q[N], *late;

    world_open(&w);
    w.settings.max_pending = N;
    for (int i = 0; i < N; i++) {
        q[i] = question_new(w.alice, "*/bob", "services.calc.keep");
        question_begin(&w, q[i]);
    }
    wait_count(&w.n_kept, N, "the calls to begin");
    late = question_new(w.alice, "*/bob", "services.calc.keep");
    question_ask(&w, late);
    CHECK_INT(late->outcome, RPC_OVERLOADED);
    CHECK_TEXT(late->rule, "max-pending-calls");
    CHECK_INT(world_count(&w, METRIC_HUB_CALLS_SHED), 1);
    on_loop(&w, 1, close_bob, NULL);
    on_loop(&w, 0, close_alice, NULL);
    for (int i = 0; i < N; i++)
        question_free(q[i]);
    question_free(late);
    world_close(&w);
}

/* A refused frame must not stay: the callee's cap is per caller, and lower here than the caller's
 * own. */
CASE(one_callers_calls_do_not_shed_anothers)
{
    world_open(&w);
    struct question *mine = question_new(w.alice, "*/bob", "services.calc.keep");
    question_begin(&w, mine);
    wait_count(&w.n_kept, 1, "the call to begin");
    w.settings.max_pending = 1;
    struct question *hers = question_new(w.carol, "*/bob", "services.calc.add");
    add_int_args(hers, 20, 3);
    question_ask(&w, hers);
    check_sum(hers, 23);
    on_loop(&w, 1, close_bob, NULL);
    on_loop(&w, 0, close_alice, NULL);
    question_free(mine);
    world_close(&w);
}

static struct account *payer;
static struct rpc_host *dave;

static void open_dave(struct loop *l, void *arg)
{
    struct user *u = user_new_root("dave");

    (void)l;
    (void)arg;
    dave = rpc_host_open(w.rl[0], &(struct rpc_host_options){.address = SLICE_LIT("wd/dave"),
                                                             .user = u,
                                                             .account = payer,
                                                             .workspace = SLICE_LIT("wd")});
    user_unref(u);
}

static void close_dave(struct loop *l, void *arg)
{
    (void)l;
    (void)arg;
    rpc_host_close(dave);
}

static void nothing(struct loop *l, void *arg)
{
    (void)l;
    (void)arg;
}

/* So many bytes of room are left. Returns what takes the others. */
static size_t fill_up(size_t n_left)
{
    size_t n = payer->cap_bytes - account_used(payer) - account_kept(payer) - n_left;

    CHECK_INT(account_charge(payer, n), ACCOUNT_OK);
    return n;
}

/* Each loop has had a turn for what the other has sent it, there and back. */
static void let_pass(void)
{
    for (int i = 0; i < 3; i++) {
        on_loop(&w, 1, nothing, NULL);
        on_loop(&w, 0, nothing, NULL);
    }
}

/* What was on its way to dave has come, and is gone: his answer comes behind the heartbeat. */
static void settle_frames(void)
{
    struct question *q = question_new(dave, "*/bob", "services.calc.add");

    add_int_args(q, 1, 1);
    question_ask(&w, q);
    check_sum(q, 2);
    let_pass();
}

/* Both records of a call, the one that waits and the one that is waited for, and what its handler
 * keeps. req: S-92 */
CASE(what_is_under_way_is_paid_by_who_asks)
{
    world_open(&w);
    /* one heartbeat, the first, and no other meanwhile */
    w.settings.call_timeout_ms = 3600000;
    payer = account_new(NULL, ACCOUNT_PROCESS, 1000000);
    on_loop(&w, 0, open_dave, NULL);
    CHECK(dave != NULL);
    size_t before = account_used(payer), of_one;
    struct question *first = question_new(dave, "*/bob", "services.calc.keep");
    question_begin(&w, first);
    wait_count(&w.n_kept, 1, "the call to begin");
    settle_frames();
    of_one = account_used(payer) - before;
    CHECK(of_one >= sizeof(struct pending) + sizeof(struct call) + 512);

    size_t filled = fill_up(sizeof(struct pending) / 2),
           more = of_one - 512 - sizeof(struct pending) / 2;
    struct question *refused = question_new(dave, "*/bob", "services.calc.keep");
    question_ask(&w, refused);
    CHECK_INT(refused->outcome, RPC_OVERLOADED);
    check_slice(buf_slice(&refused->text),
                "Too many bytes under way (--process-bytes, 1000000 bytes)");
    CHECK_TEXT(refused->rule, "process-bytes");
    CHECK_INT(world_count(&w, METRIC_CHARGES_REFUSED), 1);
    /* Room for the record that waits and for the frame, none for the callee's: the frame is dropped
     * there, and that is told as far as there is room for it. Nothing of it stays. */
    account_release(payer, more);
    struct question *half = question_new(dave, "*/bob", "services.calc.keep");
    question_begin(&w, half);
    while (world_count(&w, METRIC_HUB_CALLS) < 3)
        sched_yield();
    on_loop(&w, 1, nothing, NULL);
    CHECK_INT(atomic_load(&w.n_kept), 1);

    on_loop(&w, 1, settle_kept, NULL);
    on_loop(&w, 0, close_dave, NULL);
    let_pass();
    account_release(payer, filled - more);
    CHECK_INT(account_used(payer), 0);
    account_unref(payer);
    question_free(first);
    question_free(refused);
    question_free(half);
    world_close(&w);
}

CASES(RUN(both_promise_forms_are_answered_on_one_loop_and_across), RUN(keywords_mix_with_positions),
      RUN(errors_have_the_known_words), RUN(the_caller_is_who_the_router_says),
      RUN(a_missing_target_fails_at_once), RUN(leaving_ends_what_both_sides_wait_for),
      RUN(closing_a_host_settles_everything),
      RUN(closing_a_host_is_what_a_call_that_has_just_failed_hears),
      RUN(a_cancelled_call_is_never_answered), RUN(calls_past_the_cap_are_shed),
      RUN(one_callers_calls_do_not_shed_anothers), RUN(what_is_under_way_is_paid_by_who_asks))
