#include "loop/loop.h"

#include <sched.h>

#include "base/memory.h"
#include "harness/check.h"

enum { N_TIMERS = 200 };

struct bench {
    struct loop *loop;
    struct timer timers[N_TIMERS];
    uint64_t due_ms[N_TIMERS], last_ms; /* last_ms: when one has fired before */
    atomic_int n_fired;
    int n_wrong;
    struct loop_set set;
};

static struct bench *the_bench; /* timers carry no argument; one case a process */

static void on_due(struct timer *t)
{
    struct bench *b = the_bench;
    size_t i = (size_t)(t - b->timers);
    uint64_t now = loop_now_ms(b->loop);

    /* A machine that stands still is late itself: what must not be is others that fire long after,
     * and this one not yet. */
    if (now < b->due_ms[i] || b->last_ms > b->due_ms[i] + 200)
        b->n_wrong++;
    b->last_ms = now;
    /* Each third timer stops its neighbour, which is due at the same time or later. */
    if (i % 3 == 0 && i + 1 < N_TIMERS && timer_is_running(&b->timers[i + 1])) {
        timer_stop(b->loop, &b->timers[i + 1]);
        b->n_fired++;
    }
    b->n_fired++;
}

static void run_start(struct loop *l, struct mail *mail)
{
    struct bench *b = the_bench;

    mem_free(mail);
    b->loop = l;
    for (int i = 0; i < N_TIMERS; i++) {
        timer_init(&b->timers[i], on_due);
        b->due_ms[i] = loop_now_ms(l) + (uint64_t)(i * 2);
        timer_start(l, &b->timers[i], 5000);
        timer_start(l, &b->timers[i], (uint64_t)(i * 2));
    }
}

CASE(every_timer_fires_once_and_never_early)
{
    static struct bench b;
    struct mail *mail = MEM_NEW(struct mail);

    the_bench = &b;
    check_allow_fds(2);
    CHECK_INT(loop_set_init(&b.set, 1), 0);
    mail->run = run_start;
    loop_post_outside(&b.set.loops[0], mail);
    CHECK_INT(loop_set_start(&b.set), 0);
    while (atomic_load(&b.n_fired) < N_TIMERS)
        sched_yield();
    loop_set_stop(&b.set);
    loop_set_deinit(&b.set);
    CHECK_INT(b.n_fired, N_TIMERS);
    CHECK_INT(b.n_wrong, 0);
}

CASES(RUN(every_timer_fires_once_and_never_early))
