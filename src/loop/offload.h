/* offload: what may block (files, fsync, hashing, RSA) runs on libuv's worker pool and comes back to its loop. */
#pragma once
#include <uv.h>

#include "loop/loop.h"

struct job {
    uv_work_t uv;
    struct loop *loop;
    void (*work)(struct job *job);      /* on a worker: touches nothing of the loop */
    void (*done)(struct job *job);      /* on the loop; frees the job */
};

/* Loop thread. Jobs of one loop may finish in any order. */
void offload(struct loop *l, struct job *job, void (*work)(struct job *job), void (*done)(struct job *job));
