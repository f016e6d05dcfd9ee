/* trim: the allocator keeps what ten thousand connections needed, scattered between what is still in use. Looking costs a sum of a
 * few counters; trimming happens on a worker, and only when many have left since the last time. */
#include "server/trim.h"

#include "base/memory.h"
#include "server/wiring.h"

enum { LOOK_MS = 1000, LEFT_AT_LEAST = 256 };

struct trim_job {
    struct job job;
    struct trim *trim;
};

static void work(struct job *job)
{
    (void)job;
    mem_trim();
}

static void done(struct job *job)
{
    struct trim_job *tj = CONTAINER_OF(job, struct trim_job, job);

    tj->trim->is_running = false;
    mem_free(tj);
}

static void look(struct trim *t)
{
    int64_t n = loop_set_sum(&t->server->loops, METRIC_CONNS_OPEN);

    if (n > t->most_open)
        t->most_open = n;
    if (t->is_running || t->most_open - n < LEFT_AT_LEAST || n > t->most_open / 2)
        return;
    struct trim_job *tj = MEM_NEW(struct trim_job);
    tj->trim = t;
    t->is_running = true;
    t->most_open = n;
    offload(t->server->hub.loop, &tj->job, work, done);
}

static void on_due(struct timer *timer)
{
    struct trim *t = CONTAINER_OF(timer, struct trim, timer);

    look(t);
    timer_start(t->server->hub.loop, &t->timer, LOOK_MS);
}

void trim_start(struct trim *t, struct server *s)
{
    t->server = s;
    timer_init(&t->timer, on_due);
    timer_start(s->hub.loop, &t->timer, LOOK_MS);
}

void trim_stop(struct trim *t)
{
    if (t->server)
        timer_stop(t->server->hub.loop, &t->timer);
}
