/* store: what an acknowledged write costs on a disk: records of 1 KiB put one after the other, and
 * 256 at a time.
 *
 *     hyphad-bench-store FOLDER|redis://... [SECONDS] */
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/memory.h"
#include "loop/loop.h"

enum { RECORD_BYTES = 1024 };

struct run {
    struct store *store;
    struct loop *loop;
    uint64_t until_ns, n_done;
    unsigned n_under_way;
    bool has_failed, is_closed;
};

static void put(struct run *r);

static void on_done(int outcome, void *arg)
{
    struct run *r = arg;

    r->n_under_way--;
    r->n_done++;
    r->has_failed = r->has_failed || outcome != STORE_OK;
    if (uv_hrtime() < r->until_ns && !r->has_failed)
        put(r);
}

static void put(struct run *r)
{
    static const char bytes[RECORD_BYTES] = "record";
    char key[24];

    (void)snprintf(key, sizeof(key), "key-%u", (unsigned)(r->n_done % 1000));
    r->n_under_way++;
    store_put(r->store, "bench", slice_of(key), slice_make(bytes, sizeof(bytes)), 0, on_done, r);
}

static void measure(struct run *r, unsigned in_flight, double seconds)
{
    uint64_t began = uv_hrtime();

    r->n_done = 0;
    r->until_ns = began + (uint64_t)(seconds * 1e9);
    for (unsigned i = 0; i < in_flight; i++)
        put(r);
    while (r->n_under_way)
        (void)uv_run(&r->loop->uv, UV_RUN_ONCE);
    double took = (double)(uv_hrtime() - began) / 1e9;
    printf("%4u at a time: %8.0f acknowledged writes/s, %7.3f ms until one is acknowledged\n",
           in_flight, (double)r->n_done / took, took * 1e3 * in_flight / (double)r->n_done);
}

static void on_closed(int outcome, void *arg)
{
    (void)outcome;
    ((struct run *)arg)->is_closed = true;
}

static struct store *open_store(struct loop *loop, const char *where, char *file, size_t room)
{
    bool is_folder = !strstr(where, "://");
    const struct store_options options = {.where = is_folder ? "sqlite" : where,
                                          .path = is_folder ? file : ":memory:",
                                          .owner = "hyphad-bench-store",
                                          .timeout_ms = 5000};
    char error[STORE_ERROR_MAX] = "";
    struct store *s = NULL;

    if (is_folder)
        (void)snprintf(file, room, "%s/bench-store-%d.db", where, (int)getpid());
    if (store_open(loop, &options, &s, error) == STORE_OK)
        return s;
    fprintf(stderr, "%s\n", error);
    exit(1);
}

int main(int argc, char **argv)
{
    double seconds = argc > 2 ? atof(argv[2]) : 3;
    struct loop_set set;
    struct run r = {0};
    char file[512] = "";

    if (argc < 2 || argc > 3 || seconds <= 0) {
        fprintf(stderr, "usage: hyphad-bench-store FOLDER|redis://... [SECONDS]\n");
        return 2;
    }
    if (loop_set_init(&set, 1) != 0)
        return 1;
    r.loop = set.loops;
    r.store = open_store(r.loop, argv[1], file, sizeof(file));
    measure(&r, 1, seconds);
    measure(&r, 256, seconds);
    store_close(r.store, on_closed, &r);
    while (!r.is_closed)
        (void)uv_run(&r.loop->uv, UV_RUN_ONCE);
    if (*file)
        (void)unlink(file); /* its log went when it closed */
    if (loop_set_start(&set) == 0)
        loop_set_stop(&set);
    loop_set_deinit(&set);
    return r.has_failed;
}
