#include "loop/offload.h"

#include <sched.h>

#include "base/memory.h"
#include "harness/check.h"

/* Bulk workers wait at a gate, so what is under way and what waits is known without a clock. */
struct world {
    struct loop_set set;
    pthread_mutex_t gate;
    atomic_int n_begun, n_bulk_done, n_store_done, n_refused;
};

static struct world w;

struct work {
    struct job job;
};

static void at_gate(struct job *job)
{
    (void)job;
    atomic_fetch_add(&w.n_begun, 1);
    pthread_mutex_lock(&w.gate);
    pthread_mutex_unlock(&w.gate);
}

static void at_once(struct job *job)
{
    (void)job;
}

static void done(struct job *job)
{
    LOOP_ASSERT(job->loop);
    atomic_fetch_add(job->class == OFFLOAD_BULK ? &w.n_bulk_done : &w.n_store_done, 1);
    mem_free(CONTAINER_OF(job, struct work, job));
}

static void send_job(struct loop *l, enum offload_class class, void (*work)(struct job *job))
{
    struct work *k = MEM_NEW(struct work);

    k->job = (struct job){.class = class, .work = work, .done = done};
    if (offload(l, &k->job) == OFFLOAD_OK)
        return;
    atomic_fetch_add(&w.n_refused, 1);
    mem_free(k);
}

static void start(unsigned n_threads, size_t n_waiting)
{
    const struct offload_share shares[OFFLOAD_CLASSES] = {[OFFLOAD_STORE] = {1, 0},
                                                          [OFFLOAD_CRYPTO] = {1, 0},
                                                          [OFFLOAD_BULK] = {n_threads, n_waiting}};

    check_allow_fds(2);
    pthread_mutex_init(&w.gate, NULL);
    pthread_mutex_lock(&w.gate);
    CHECK_INT(loop_set_init(&w.set, 1), 0);
    offload_set_shares(&w.set, shares);
    CHECK_INT(loop_set_start(&w.set), 0);
}

static void post(void (*run)(struct loop *l, struct mail *mail))
{
    struct mail *mail = MEM_NEW(struct mail);

    mail->run = run;
    loop_post_outside(&w.set.loops[0], mail);
}

static void wait_for(atomic_int *n, int wanted)
{
    while (atomic_load(n) < wanted)
        sched_yield();
}

static void send_flood(struct loop *l, struct mail *mail)
{
    mem_free(mail);
    for (int i = 0; i < 100; i++)
        send_job(l, OFFLOAD_BULK, at_gate);
}

static void send_store(struct loop *l, struct mail *mail)
{
    mem_free(mail);
    send_job(l, OFFLOAD_STORE, at_once);
    send_job(l, OFFLOAD_CRYPTO, at_once);
}

CASE(a_flood_of_one_class_leaves_the_others_their_threads)
{
    start(2, 0);
    post(send_flood);
    wait_for(&w.n_begun, 2);
    post(send_store);
    wait_for(&w.n_store_done, 2);
    CHECK_INT(atomic_load(&w.n_begun), 2);
    CHECK_INT(atomic_load(&w.n_bulk_done), 0);
    pthread_mutex_unlock(&w.gate);
    wait_for(&w.n_bulk_done, 100);
    loop_set_stop(&w.set);
    CHECK_INT(metric_get(&w.set.loops[0].metrics, METRIC_OFFLOAD_BULK_JOBS), 0);
    loop_set_deinit(&w.set);
}

CASE(what_waits_is_bounded_and_the_rest_is_refused)
{
    start(1, 10);
    post(send_flood);
    wait_for(&w.n_begun, 1);
    wait_for(&w.n_refused, 89);
    pthread_mutex_unlock(&w.gate);
    wait_for(&w.n_bulk_done, 100 - atomic_load(&w.n_refused));
    loop_set_stop(&w.set);
    /* The worker takes its first at any moment of the flood. */
    CHECK(atomic_load(&w.n_refused) >= 89 && atomic_load(&w.n_refused) <= 90);
    CHECK_INT(metric_get(&w.set.loops[0].metrics, METRIC_OFFLOAD_REFUSED),
              atomic_load(&w.n_refused));
    loop_set_deinit(&w.set);
}

/* ---- strangers ---- */

enum { N_STRANGERS = 20, N_KNOWN = 5 };

static atomic_int n_taken; /* jobs that were taken after the one at the gate */
static atomic_int sum_of_known, n_strangers_refused, is_sent;

static void note_known(struct job *job)
{
    int at = atomic_fetch_add(&n_taken, 1);

    if (!job->is_stranger)
        atomic_fetch_add(&sum_of_known, at);
}

static void send_as(struct loop *l, bool is_stranger)
{
    struct work *k = MEM_NEW(struct work);

    k->job = (struct job){
        .class = OFFLOAD_BULK, .is_stranger = is_stranger, .work = note_known, .done = done};
    if (offload(l, &k->job) == OFFLOAD_OK)
        return;
    CHECK(is_stranger);
    atomic_fetch_add(&n_strangers_refused, 1);
    mem_free(k);
}

static void send_one(struct loop *l, struct mail *mail)
{
    mem_free(mail);
    send_job(l, OFFLOAD_BULK, at_gate);
}

static void send_both(struct loop *l, struct mail *mail)
{
    mem_free(mail);
    for (int i = 0; i < N_STRANGERS; i++)
        send_as(l, true);
    for (int i = 0; i < N_KNOWN; i++)
        send_as(l, false);
    atomic_store(&is_sent, 1);
}

CASE(strangers_wait_behind_others_and_leave_them_places)
{
    start(1, 20); /* fifteen of the places for strangers */
    post(send_one);
    wait_for(&w.n_begun, 1);
    post(send_both);
    wait_for(&is_sent, 1);
    pthread_mutex_unlock(&w.gate);
    wait_for(&w.n_bulk_done, 1 + 15 + N_KNOWN);
    CHECK_INT(atomic_load(&n_strangers_refused), N_STRANGERS - 15);
    /* four, with the one at the gate, before a stranger */
    CHECK_INT(atomic_load(&sum_of_known), 0 + 1 + 2 + 4 + 5);
    loop_set_stop(&w.set);
    loop_set_deinit(&w.set);
}

CASE(a_loop_ends_when_its_jobs_are_done)
{
    start(2, 0);
    post(send_flood);
    wait_for(&w.n_begun, 2);
    pthread_mutex_unlock(&w.gate);
    loop_set_stop(&w.set); /* most of them still wait */
    CHECK_INT(atomic_load(&w.n_bulk_done), 100);
    loop_set_deinit(&w.set);
}

/* For as long as it takes them all. */
static void wait_for_kept(size_t n)
{
    while (offload_n_kept(&w.set) != n)
        sched_yield();
}

CASE(workers_that_were_busy_when_they_were_asked_hand_over_what_has_a_place)
{
    enum { THREADS = 40 };
    struct mem_kept *chains[OFFLOAD_KEPT_MAX], *mine = mem_take_kept();

    if (!mine)
        check_skip("this allocator keeps nothing for a thread");
    mem_trim(&mine, 1);
    start(THREADS, 0);
    post(send_flood);
    wait_for(&w.n_begun, THREADS);
    offload_ask_kept(&w.set);
    CHECK_INT(offload_take_kept(&w.set, chains), 0);
    pthread_mutex_unlock(&w.gate);
    wait_for_kept(THREADS);
    offload_ask_kept(&w.set);
    wait_for_kept(OFFLOAD_KEPT_MAX / OFFLOAD_CLASSES);
    size_t n = offload_take_kept(&w.set, chains);
    CHECK_INT(n, OFFLOAD_KEPT_MAX / OFFLOAD_CLASSES);
    mem_trim(chains, n);
    loop_set_stop(&w.set);
    loop_set_deinit(&w.set);
}

/* ---- a stop amid many answers ---- */

enum { N_LONG = 40, LONG_NS = 100 * 1000 };

static void done_slowly(struct job *job)
{
    uint64_t end_ns = uv_hrtime() + LONG_NS;

    while (uv_hrtime() < end_ns)
        continue;
    done(job);
}

static void note_begun(struct job *job)
{
    (void)job;
    atomic_fetch_add(&w.n_begun, 1);
}

/* Holds the loop until all have been worked on, so that their answers and the stop come in one
 * turn. */
static void send_and_hold(struct loop *l, struct mail *mail)
{
    mem_free(mail);
    for (int i = 0; i < N_LONG; i++) {
        struct work *k = MEM_NEW(struct work);
        k->job = (struct job){.class = OFFLOAD_STORE, .work = note_begun, .done = done_slowly};
        CHECK_INT(offload(l, &k->job), OFFLOAD_OK);
    }
    wait_for(&w.n_begun, N_LONG);
}

CASE(a_loop_that_stops_hears_of_its_last_jobs_however_long_they_take)
{
    start(1, 0);
    pthread_mutex_unlock(&w.gate);
    post(send_and_hold);
    loop_set_stop(&w.set);
    CHECK_INT(atomic_load(&w.n_store_done), N_LONG);
    loop_set_deinit(&w.set);
}

/* ---- a stop that a turn has no time for before its end ---- */

static struct deferred endless;

static void go_on_for_ever(struct deferred *d)
{
    loop_again(&w.set.loops[0], d);
}

static void be_late(struct loop *l, struct mail *mail)
{
    uint64_t end_ns = uv_hrtime() + 100 * LONG_NS;

    mem_free(mail);
    endless.run = go_on_for_ever;
    list_init(&endless.link);
    loop_again(l, &endless);
    while (uv_hrtime() < end_ns)
        continue;
}

static atomic_int is_held, may_go_on;

static void hold(struct loop *l, struct mail *mail)
{
    (void)l;
    mem_free(mail);
    atomic_store(&is_held, 1);
    wait_for(&may_go_on, 1);
}

static void *stop_all(void *arg)
{
    loop_set_stop(&w.set);
    return arg;
}

CASE(a_loop_that_is_told_to_stop_at_the_end_of_a_turn_has_no_other)
{
    pthread_t stopping;

    start(1, 0);
    pthread_mutex_unlock(&w.gate);
    post(hold);
    wait_for(&is_held, 1);
    for (int i = 0; i < 3; i++) /* the clock starts behind the first */
        post(be_late);
    struct mail *last = atomic_load(&w.set.loops[0].inbox);
    CHECK_INT(pthread_create(&stopping, NULL, stop_all, NULL), 0);
    while (atomic_load(&w.set.loops[0].inbox) == last)
        sched_yield();
    atomic_store(&may_go_on, 1);
    CHECK_INT(pthread_join(stopping, NULL), 0);
    loop_set_deinit(&w.set);
}

CASES(RUN(a_flood_of_one_class_leaves_the_others_their_threads),
      RUN(what_waits_is_bounded_and_the_rest_is_refused),
      RUN(strangers_wait_behind_others_and_leave_them_places),
      RUN(a_loop_ends_when_its_jobs_are_done),
      RUN(a_loop_that_stops_hears_of_its_last_jobs_however_long_they_take),
      RUN(a_loop_that_is_told_to_stop_at_the_end_of_a_turn_has_no_other),
      RUN(workers_that_were_busy_when_they_were_asked_hand_over_what_has_a_place))
