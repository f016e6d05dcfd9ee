/* timer: deadlines of one loop, thousands of them, on one libuv timer: a wheel of 32 ms ticks. A
 * timer fires at or up to one tick after its time, or as many turns later as it takes to fire those
 * before it; never before. Loop-owned. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/list.h"

enum { TIMER_TICK_MS = 32, TIMER_SLOTS = 512 };

struct timer {
    struct list link; /* unlinked = not running */
    uint64_t due_ms;
    void (*on_due)(struct timer *t); /* may start or stop any timer, this one too */
};

struct timers {
    uv_timer_t uv;
    uv_loop_t *loop;
    struct list slots[TIMER_SLOTS];
    struct list due;    /* their time has come, and their turn not yet */
    uint64_t done_tick; /* ticks up to and including this one are handled */
    size_t n_running;
};

struct loop;
int timers_init(struct timers *ts, uv_loop_t *loop);
/* every timer must be stopped by its owner before */
void timers_close(struct timers *ts);
void timer_init(struct timer *t, void (*on_due)(struct timer *t));
/* restarts a running one */
void timer_start(struct loop *l, struct timer *t, uint64_t after_ms);
/* harmless when not running */
void timer_stop(struct loop *l, struct timer *t);
static inline bool timer_is_running(const struct timer *t)
{
    return !list_is_empty(&t->link);
}
