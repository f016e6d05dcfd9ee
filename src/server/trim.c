/* trim: the allocator keeps what ten thousand connections needed, or a few with much to say,
 * scattered between what is still in use. Looking costs a sum of a few counters; when many have
 * left since the last time, or much was freed, each loop and worker hands over the freed blocks it
 * keeps for itself, and a worker frees them and gives the pages back. */
#include "server/trim.h"

#include "base/account.h"
#include "base/memory.h"
#include "server/wiring.h"

enum { LOOK_MS = 1000, PAUSE_LOOKS = 4, LEFT_AT_LEAST = 256, FALLEN_AT_LEAST = 4 << 20 };

struct trim_job {
    struct job job;
    struct trim *trim;
    unsigned n_loops, n_answers; /* hub loop */
    struct mem_kept *chains[];   /* one of each loop, then those of workers */
};

struct trim_mail { /* to a loop, and back with its chain */
    struct mail mail;
    struct trim_job *job;
    struct mem_kept *chain;
};

static void trim_run(struct job *job)
{
    struct trim_job *tj = CONTAINER_OF(job, struct trim_job, job);

    mem_trim(tj->chains,
             tj->n_loops + offload_take_kept(&tj->trim->server->loops, tj->chains + tj->n_loops));
}

static void trim_done(struct job *job)
{
    struct trim_job *tj = CONTAINER_OF(job, struct trim_job, job);

    tj->trim->is_running = false;
    mem_free(tj);
}

static void trim_run_answer(struct loop *hub, struct mail *mail)
{
    struct trim_mail *tm = CONTAINER_OF(mail, struct trim_mail, mail);
    struct trim_job *tj = tm->job;

    tj->chains[tj->n_answers++] = tm->chain;
    mem_free(tm);
    if (tj->n_answers < tj->n_loops)
        return;
    if (!tj->trim->is_stopped) {
        tj->job = (struct job){.class = OFFLOAD_STORE, .work = trim_run, .done = trim_done};
        ASSERT(offload(hub, &tj->job) == OFFLOAD_OK);
        return;
    }
    trim_run(&tj->job); /* the loops have ended: nobody waits for this thread */
    trim_done(&tj->job);
}

static void run_take(struct loop *loop, struct mail *mail)
{
    struct trim_mail *tm = CONTAINER_OF(mail, struct trim_mail, mail);

    tm->chain = mem_take_kept();
    tm->mail.run = trim_run_answer;
    loop_post(loop, tm->job->trim->server->hub.loop, mail);
}

static void trim_begin(struct trim *t)
{
    struct loop *hub = t->server->hub.loop;
    struct loop_set *loops = &t->server->loops;
    struct trim_job *tj =
        mem_new(sizeof(*tj) + (loops->n_loops + OFFLOAD_KEPT_MAX) * sizeof(tj->chains[0]));

    tj->trim = t;
    tj->n_loops = loops->n_loops;
    t->is_running = true;
    router_collect(t->server->router);
    offload_ask_kept(loops);
    for (unsigned i = 0; i < loops->n_loops; i++) {
        struct trim_mail *tm = MEM_NEW(struct trim_mail);
        *tm = (struct trim_mail){.mail = {.run = run_take}, .job = tj};
        loop_post(hub, &loops->loops[i], &tm->mail);
    }
}

/* Many have left since the last time. */
static bool has_emptied(struct trim *t)
{
    int64_t n = loop_set_sum(&t->server->loops, METRIC_CONNS_OPEN);

    if (n > t->most_open)
        t->most_open = n;
    if (t->most_open - n < LEFT_AT_LEAST || n > t->most_open / 2)
        return false;
    t->most_open = n;
    return true;
}

/* Much was held since the last time, and is not any more. */
static bool has_fallen(struct trim *t)
{
    struct account *process = t->server->process;
    size_t now = account_used(process) + account_kept(process), peak = account_take_peak(process);

    if (peak > t->most_bytes)
        t->most_bytes = peak;
    if (t->most_bytes - now < FALLEN_AT_LEAST || now > t->most_bytes || now > t->most_bytes / 2)
        return false;
    t->most_bytes = now;
    return true;
}

/* Not at every wave of a traffic that comes in waves. */
static void trim_look(struct trim *t)
{
    if (t->is_running || (t->n_looks_left && --t->n_looks_left))
        return;
    bool has_left = has_emptied(t), is_late = offload_n_kept(&t->server->loops) > 0;
    if (!has_fallen(t) && !has_left && !is_late)
        return;
    t->n_looks_left = PAUSE_LOOKS;
    trim_begin(t);
}

static void trim_on_due(struct timer *timer)
{
    struct trim *t = CONTAINER_OF(timer, struct trim, timer);

    hub_sweep(&t->server->hub);
    trim_look(t);
    timer_start(t->server->hub.loop, &t->timer, LOOK_MS);
}

void trim_start(struct trim *t, struct server *s)
{
    t->server = s;
    timer_init(&t->timer, trim_on_due);
    timer_start(s->hub.loop, &t->timer, LOOK_MS);
}

void trim_stop(struct trim *t)
{
    t->is_stopped = true;
    if (t->server)
        timer_stop(t->server->hub.loop, &t->timer);
}
