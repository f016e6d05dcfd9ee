/* offload: a thin cover over uv_queue_work that keeps libuv types out of the rooms above. */
#include "loop/offload.h"

static void on_work(uv_work_t *uv)
{
    struct job *job = uv->data;
    job->work(job);
}

static void on_done(uv_work_t *uv, int status)
{
    struct job *job = uv->data;

    /* Jobs are never cancelled: a loop ends only when its jobs are done. */
    ASSERT(status == 0);
    job->done(job);
}

void offload(struct loop *l, struct job *job, void (*work)(struct job *job), void (*done)(struct job *job))
{
    LOOP_ASSERT(l);
    job->loop = l;
    job->work = work;
    job->done = done;
    job->uv.data = job;
    ASSERT(uv_queue_work(&l->uv, &job->uv, on_work, on_done) == 0);
}
