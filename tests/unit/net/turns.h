/* turns: loops that the test's own thread drives, one turn at a time, so that what a test sees
 * between two turns is exactly what the code did: no thread, no lock, no waiting for luck. */
#pragma once
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "config/config.h"
#include "harness/check.h"
#include "loop/loop.h"

enum { TURNS_DEADLINE_MS = 8000 };

struct turns {
    struct loop_set set;
    struct loop *loop; /* the first of the set */
    struct config config;
};

static inline void turns_init(struct turns *t, unsigned n_loops)
{
    memset(t, 0, sizeof(*t));
    check_allow_fds(2);
    signal(SIGPIPE, SIG_IGN);
    CHECK_INT(loop_set_init(&t->set, n_loops), 0);
    t->loop = &t->set.loops[0];
    t->config.sendq_bytes = t->config.max_message_bytes = 1 << 20;
    t->config.sendq_frames = 1000;
    for (unsigned i = 0; i < n_loops; i++)
        t->set.loops[i].config = &t->config;
}

/* One turn of every loop, without waiting. */
static inline void turns_run(struct turns *t)
{
    for (unsigned i = 0; i < t->set.n_loops; i++)
        uv_run(&t->set.loops[i].uv, UV_RUN_NOWAIT);
}

/* Turns until the condition holds; between them the process sleeps until a descriptor or a timer of
 * the first loop is due. */
#define TURNS_UNTIL(t, cond)                                                                       \
    do {                                                                                           \
        uint64_t end_ = uv_hrtime() / 1000000 + TURNS_DEADLINE_MS;                                 \
        for (turns_run(t); !(cond); turns_run(t)) {                                                \
            struct pollfd p_ = {uv_backend_fd(&(t)->loop->uv), POLLIN, 0};                         \
            if (uv_hrtime() / 1000000 > end_)                                                      \
                check_fail(__FILE__, __LINE__, "not in time: %s", #cond);                          \
            (void)poll(&p_, 1, 2);                                                                 \
        }                                                                                          \
    } while (0)

/* Everything of the loops must be closed. The threads run for the moment it takes to stop them. */
static inline void turns_deinit(struct turns *t)
{
    for (unsigned i = 0; i < t->set.n_loops; i++)
        CHECK(list_is_empty(&t->set.loops[i].streams));
    CHECK_INT(loop_set_start(&t->set), 0);
    loop_set_stop(&t->set);
    loop_set_deinit(&t->set);
}

static inline void turns_pair(int fds[2])
{
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
}
