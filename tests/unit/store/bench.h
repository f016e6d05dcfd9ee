/* bench: a loop that runs on the test's own thread until the store has said what the test waits
 * for. */
#pragma once
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "harness/check.h"
#include "loop/loop.h"
#include "store/engines.h"

struct bench {
    struct loop_set set;
    struct loop *loop;
    char folder[64], file[96];
};

static inline void bench_open(struct bench *b)
{
    check_allow_fds(2);
    CHECK_INT(loop_set_init(&b->set, 1), 0);
    b->loop = b->set.loops;
    (void)snprintf(b->folder, sizeof(b->folder), "/tmp/hyphad-store-XXXXXX");
    CHECK(mkdtemp(b->folder));
    (void)snprintf(b->file, sizeof(b->file), "%s/records.db", b->folder);
}

/* Turns the loop until *done is set. The harness's own deadline ends a wait for nothing. */
static inline void bench_run_until(struct bench *b, const bool *done)
{
    while (!*done) {
        (void)uv_run(&b->loop->uv, UV_RUN_NOWAIT);
        sched_yield();
    }
}

static inline void bench_on_closed(int outcome, void *arg)
{
    CHECK_INT(outcome, STORE_OK);
    *(bool *)arg = true;
}

static inline void bench_close_store(struct bench *b, struct store *s)
{
    bool is_closed = false;

    store_close(s, bench_on_closed, &is_closed);
    bench_run_until(b, &is_closed);
}

static inline struct store *bench_open_sqlite(struct bench *b)
{
    char error[STORE_ERROR_MAX] = "";
    struct store *s = NULL;

    int r = store_open_sqlite(b->loop, b->file, &s, error);
    CHECK_TEXT(error, "");
    CHECK_INT(r, STORE_OK);
    return s;
}

static inline void bench_remove_file(struct bench *b, const char *suffix)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s%s", b->file, suffix);
    (void)unlink(path);
}

static inline void bench_close(struct bench *b)
{
    bench_remove_file(b, "");
    bench_remove_file(b, "-wal");
    bench_remove_file(b, "-shm");
    CHECK_INT(rmdir(b->folder), 0);
    CHECK_INT(loop_set_start(&b->set), 0); /* a set ends by running its loops down */
    loop_set_stop(&b->set);
    loop_set_deinit(&b->set);
}
