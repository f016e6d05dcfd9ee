/* timer: a timer hangs in the slot of its tick; one that is due a whole turn of the wheel later is
 * passed over. The libuv timer repeats only while something runs, so an idle loop sleeps. Of many
 * that are due at once some wait for the next turn. */
#include "loop/timer.h"

#include "base/assert.h"
#include "loop/loop.h"

enum { ALLOWANCE_US = 500 };

/* Moves what is due from the slots of the ticks that have passed to the list of what is due. */
static void collect_due(struct timers *ts)
{
    uint64_t now = uv_now(ts->loop);
    uint64_t last = now / TIMER_TICK_MS;

    /* A loop that was stopped for longer than a turn of the wheel visits each slot once. */
    if (last > ts->done_tick + TIMER_SLOTS)
        ts->done_tick = last - TIMER_SLOTS;
    while (ts->done_tick < last) {
        ts->done_tick++;
        LIST_FOREACH (it, &ts->slots[ts->done_tick % TIMER_SLOTS]) {
            if (LIST_ENTRY(it, struct timer, link)->due_ms <= now) {
                list_unlink(it);
                list_link(&ts->due, it);
            }
        }
    }
}

static void timer_on_tick(uv_timer_t *uv)
{
    struct timers *ts = uv->data;
    struct loop *l = ts->loop->data;

    collect_due(ts);
    loop_begin_part(l, ALLOWANCE_US);
    /* A callback may stop any other due timer, so the list is taken from its head each time. */
    while (!list_is_empty(&ts->due) && !loop_is_late(l)) {
        struct timer *t = LIST_ENTRY(ts->due.next, struct timer, link);
        list_unlink(&t->link);
        ts->n_running--;
        t->on_due(t);
        loop_begin_item(l);
    }
    if (!ts->n_running)
        uv_timer_stop(&ts->uv);
    else if (!list_is_empty(&ts->due))
        /* 0 would be this turn */
        uv_timer_start(&ts->uv, timer_on_tick, 1, TIMER_TICK_MS);
}

int timers_init(struct timers *ts, uv_loop_t *loop)
{
    ts->loop = loop;
    ts->n_running = 0;
    list_init(&ts->due);
    for (unsigned i = 0; i < TIMER_SLOTS; i++)
        list_init(&ts->slots[i]);
    ts->uv.data = ts;
    return uv_timer_init(loop, &ts->uv);
}

void timers_close(struct timers *ts)
{
    ASSERT(ts->n_running == 0);
    uv_close((uv_handle_t *)&ts->uv, NULL);
}

void timer_init(struct timer *t, void (*on_due)(struct timer *t))
{
    list_init(&t->link);
    t->due_ms = 0;
    t->on_due = on_due;
}

void timer_start(struct loop *l, struct timer *t, uint64_t after_ms)
{
    struct timers *ts = &l->timers;

    timer_stop(l, t);
    uint64_t now = uv_now(ts->loop);
    if (!ts->n_running++) {
        ts->done_tick = now / TIMER_TICK_MS;
        uv_timer_start(&ts->uv, timer_on_tick, TIMER_TICK_MS, TIMER_TICK_MS);
    }
    t->due_ms = now + after_ms;
    /* Rounded up to the tick at whose end the time has passed, and never into a tick already
     * handled. */
    uint64_t tick = t->due_ms / TIMER_TICK_MS + 1;
    if (tick <= ts->done_tick)
        tick = ts->done_tick + 1;
    list_link(&ts->slots[tick % TIMER_SLOTS], &t->link);
}

void timer_stop(struct loop *l, struct timer *t)
{
    if (!timer_is_running(t))
        return;
    list_unlink(&t->link);
    l->timers.n_running--;
}
