/* sim: loops in virtual time, driven by the test's own thread. The clock stands still but for
 * sim_run, which moves it to the next alarm when no loop has anything left to do; whose turn it is,
 * and every random byte, follows from the seed. So what a test sees is the same each time, and an
 * hour takes no longer than what happens in it.
 *
 * It is the real loop that runs, with its real timers and mail. What is replaced is below it:
 * clock_gettime(2) and getrandom(2), which base/clock.c, base/random.c and libuv ask. They are
 * defined here, so one test file includes this. Threads beside the loops are not simulated: what
 * goes to workers (loop/offload.h) has no place here. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "harness/check.h"
#include "loop/loop.h"

enum { SIM_SETS = 4, SIM_LOOPS = 16 };

struct sim {
    struct loop_set *sets[SIM_SETS]; /* each of them a process, as it were */
    unsigned n_sets;
    struct loop *loops[SIM_LOOPS]; /* of all of them */
    unsigned n_loops;
    /* has had a turn since it last did something: a turn sends what the one before has made */
    bool is_flushed[SIM_LOOPS];
    uint64_t order; /* state of the dice that say whose turn it is */
    uint64_t noise; /* state of those that make random bytes */
};

static _Atomic(uint64_t) sim_now_ns; /* 0: time is the machine's */
static struct sim *sim_running;      /* NULL: random is the machine's */

/* splitmix64 */
static inline uint64_t sim_roll(uint64_t *dice)
{
    uint64_t z = *dice += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *ret)
{
    uint64_t now = atomic_load(&sim_now_ns);

    if (!now)
        return (int)syscall(SYS_clock_gettime, clock, ret);
    *ret = (struct timespec){(time_t)(now / 1000000000u), (long)(now % 1000000000u)};
    return 0;
}

__attribute__((visibility("default"))) ssize_t getrandom(void *out, size_t n, unsigned flags)
{
    if (!sim_running)
        return syscall(SYS_getrandom, out, n, flags);
    for (size_t i = 0; i < n; i++)
        ((unsigned char *)out)[i] = (unsigned char)sim_roll(&sim_running->noise);
    return (ssize_t)n;
}

/* From here on time is virtual. Before any loop is made. */
static inline void sim_init(struct sim *s, uint64_t seed)
{
    *s = (struct sim){.order = seed, .noise = ~seed};
    atomic_store(&sim_now_ns, 1700000000u * UINT64_C(1000000000));
    sim_running = s;
    check_allow_fds(2);
}

static inline void sim_add(struct sim *s, struct loop_set *set, unsigned n_loops)
{
    CHECK(s->n_sets < SIM_SETS && s->n_loops + n_loops <= SIM_LOOPS);
    CHECK_INT(loop_set_init(set, n_loops), 0);
    s->sets[s->n_sets++] = set;
    for (unsigned i = 0; i < n_loops; i++)
        s->loops[s->n_loops++] = &set->loops[i];
}

/* One turn of one of those that have something to do. False: there is none. */
static inline bool sim_turn(struct sim *s)
{
    unsigned first = (unsigned)(sim_roll(&s->order) % s->n_loops);

    for (unsigned n = 0; n < s->n_loops; n++) {
        unsigned i = (first + n) % s->n_loops;
        struct loop *l = s->loops[i];
        bool is_busy = atomic_load(&l->inbox) || uv_backend_timeout(&l->uv) == 0;
        if (is_busy || !s->is_flushed[i]) {
            s->is_flushed[i] = !is_busy;
            uv_run(&l->uv, UV_RUN_NOWAIT);
            return true;
        }
    }
    return false;
}

/* When the next alarm of all is due; UINT64_MAX: there is none. */
static inline uint64_t sim_next_ms(const struct sim *s)
{
    uint64_t next_ms = UINT64_MAX;

    for (unsigned i = 0; i < s->n_loops; i++) {
        const uv_loop_t *uv = &s->loops[i]->uv;
        int wait_ms = uv_backend_timeout(uv);
        if (wait_ms >= 0 && uv_now(uv) + (uint64_t)wait_ms < next_ms)
            next_ms = uv_now(uv) + (uint64_t)wait_ms;
    }
    return next_ms;
}

static inline void sim_move_to(struct sim *s, uint64_t now_ms)
{
    atomic_store(&sim_now_ns, now_ms * 1000000u);
    for (unsigned i = 0; i < s->n_loops; i++)
        uv_update_time(&s->loops[i]->uv);
}

/* Everything that happens in the next so many milliseconds. */
static inline void sim_run(struct sim *s, uint64_t ms)
{
    uint64_t end_ms = atomic_load(&sim_now_ns) / 1000000u + ms;

    for (unsigned i = 0; i < s->n_loops; i++)
        /* the test may have posted something between two runs */
        s->is_flushed[i] = false;
    for (;;) {
        while (sim_turn(s))
            continue;
        uint64_t next_ms = sim_next_ms(s);
        sim_move_to(s, next_ms < end_ms ? next_ms : end_ms);
        if (next_ms > end_ms)
            return;
    }
}

/* Every timer must be stopped. The threads run for the moment it takes to stop them, in the
 * machine's time. */
static inline void sim_deinit(struct sim *s)
{
    atomic_store(&sim_now_ns, 0);
    sim_running = NULL;
    for (unsigned i = 0; i < s->n_sets; i++) {
        CHECK_INT(loop_set_start(s->sets[i]), 0);
        loop_set_stop(s->sets[i]);
        loop_set_deinit(s->sets[i]);
    }
}
