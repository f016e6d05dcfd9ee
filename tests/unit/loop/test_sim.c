/* What the simulation of harness/sim.h promises, on the loop's own timers and mail. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "harness/sim.h"

enum { N_LOOPS = 3, N_TIMERS = 300, HOUR_MS = 3600 * 1000, N_MAILS = 50 };

struct world {
    struct sim sim;
    struct loop_set set;
    struct timer timers[N_TIMERS];
    size_t n_fired, n_wrong;
    uint64_t last_due_ms;
    unsigned heard[2 * N_MAILS]; /* which loop each mail came from */
    size_t n_heard;
};

static struct world *the_world; /* timers carry no argument */

static void on_due(struct timer *t)
{
    struct world *w = the_world;
    uint64_t now = clock_mono_ms();

    w->n_wrong += now < t->due_ms || now > t->due_ms + 2 * TIMER_TICK_MS ||
                  t->due_ms + TIMER_TICK_MS < w->last_due_ms;
    w->last_due_ms = t->due_ms;
    w->n_fired++;
}

static uint64_t machine_ms(void)
{
    struct timespec t;

    CHECK_INT(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t), 0);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

CASE(an_hour_of_timers_fires_in_order_without_waiting)
{
    static struct world w;
    uint64_t began = machine_ms();

    the_world = &w;
    sim_init(&w.sim, 1);
    sim_add(&w.sim, &w.set, N_LOOPS);
    uint64_t virtual_began = clock_mono_ms();
    for (size_t i = 0; i < N_TIMERS; i++) {
        uint32_t after_ms;
        random_bytes(&after_ms, sizeof(after_ms));
        timer_init(&w.timers[i], on_due);
        timer_start(&w.set.loops[i % N_LOOPS], &w.timers[i], after_ms % HOUR_MS);
    }
    sim_run(&w.sim, HOUR_MS / 2);
    CHECK_INT(clock_mono_ms() - virtual_began, HOUR_MS / 2);
    CHECK(w.n_fired > 0 && w.n_fired < N_TIMERS);
    sim_run(&w.sim, HOUR_MS / 2 + 2 * TIMER_TICK_MS);
    CHECK_INT(w.n_fired, N_TIMERS);
    CHECK_INT(w.n_wrong, 0);
    CHECK_INT(clock_mono_ms() - virtual_began, HOUR_MS + 2 * TIMER_TICK_MS);
    sim_deinit(&w.sim);
    CHECK(machine_ms() - began < HOUR_MS / 10);
}

struct numbered {
    struct mail mail;
    struct world *world;
    unsigned from; /* of a talker: how many it has still to send */
};

static struct numbered *numbered_new(struct world *w,
                                     void (*run)(struct loop *l, struct mail *mail), unsigned from)
{
    struct numbered *m = MEM_NEW(struct numbered);

    *m = (struct numbered){{NULL, run}, w, from};
    return m;
}

static void run_heard(struct loop *l, struct mail *mail)
{
    struct numbered *m = CONTAINER_OF(mail, struct numbered, mail);

    CHECK_INT(l->index, 0);
    m->world->heard[m->world->n_heard++] = m->from;
    mem_free(m);
}

static void run_talk(struct loop *l, struct mail *mail)
{
    struct numbered *m = CONTAINER_OF(mail, struct numbered, mail);

    loop_post(l, &l->set->loops[0], &numbered_new(m->world, run_heard, l->index)->mail);
    if (--m->from)
        loop_post(l, l, &m->mail);
    else
        mem_free(m);
}

/* Two loops talk to a third: in which order it hears them is the seed's. */
static void talk(struct world *w, uint64_t seed)
{
    *w = (struct world){0};
    sim_init(&w->sim, seed);
    sim_add(&w->sim, &w->set, N_LOOPS);
    for (unsigned i = 1; i < N_LOOPS; i++)
        loop_post_outside(&w->set.loops[i], &numbered_new(w, run_talk, N_MAILS)->mail);
    sim_run(&w->sim, 1);
    CHECK_INT(w->n_heard, 2 * N_MAILS);
    sim_deinit(&w->sim);
}

CASE(one_seed_is_one_order)
{
    static struct world a, b, c;

    talk(&a, 7);
    talk(&b, 7);
    talk(&c, 8);
    CHECK_BYTES(a.heard, sizeof(a.heard), b.heard, sizeof(b.heard));
    CHECK(memcmp(a.heard, c.heard, sizeof(a.heard)) != 0);
}

CASES(RUN(an_hour_of_timers_fires_in_order_without_waiting), RUN(one_seed_is_one_order))
