/* A writer is killed at a random moment; every write it was told about must be there afterwards. */
#include <signal.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "unit/store/bench.h"

enum { N_ROUNDS = 12, N_AHEAD = 40 };

struct writer {
    struct store *store;
    int pipe;
    uint32_t n_asked;
};

struct client_request {
    struct writer *writer;
    uint32_t number;
};

static void ask_next(struct writer *w);

static void on_kept(int outcome, void *arg)
{
    struct client_request *a = arg;

    if (outcome != STORE_OK ||
        write(a->writer->pipe, &a->number, sizeof(a->number)) != sizeof(a->number))
        _exit(1);
    ask_next(a->writer);
    mem_free(a);
}

static void ask_next(struct writer *w)
{
    struct client_request *a = MEM_NEW(struct client_request);
    char bytes[900];

    *a = (struct client_request){w, w->n_asked++};
    memset(bytes, (int)(a->number & 0xff), sizeof(bytes));
    store_put(w->store, "b", slice_make(&a->number, sizeof(a->number)),
              slice_make(bytes, 100 + a->number % 800), 0, on_kept, a);
}

static void open_loop(struct bench *b)
{
    CHECK_INT(loop_set_init(&b->set, 1), 0);
    b->loop = b->set.loops;
}

static _Noreturn void write_until_killed(struct bench *b, int pipe)
{
    struct writer w = {NULL, pipe, 0};
    bool never = false;

    open_loop(b);
    w.store = bench_open_sqlite(b);
    for (int i = 0; i < N_AHEAD; i++)
        ask_next(&w);
    bench_run_until(b, &never);
    _exit(0);
}

/* Lets the writer acknowledge a random number of writes, kills it in the middle of the next, and
 * returns how many it said. */
static uint32_t read_until_kill(int pipe, pid_t writer)
{
    uint32_t number, n = 0, enough = 1 + (uint32_t)random() % 400;

    while (n < enough && read(pipe, &number, sizeof(number)) == sizeof(number)) {
        CHECK_INT(number, n); /* in the order of the calls */
        n++;
    }
    CHECK_INT(n, enough);
    check_take_us((unsigned)random() % 3000, "the moment of the kill is any");
    CHECK_INT(kill(writer, SIGKILL), 0);
    CHECK_INT(waitpid(writer, NULL, 0), writer);
    while (read(pipe, &number, sizeof(number)) == sizeof(number))
        n++;
    return n;
}

struct count {
    uint32_t n;
    bool is_ended;
    uint32_t n_said;
};

static void on_row(int outcome, struct slice key, struct slice bytes, void *arg)
{
    struct count *c = arg;
    uint32_t number;

    CHECK(outcome != STORE_FAILED);
    if (outcome == STORE_ABSENT) {
        c->is_ended = true;
        return;
    }
    memcpy(&number, key.ptr, sizeof(number));
    CHECK_INT(bytes.len, 100 + number % 800);
    for (size_t i = 0; i < bytes.len; i++)
        CHECK((unsigned char)bytes.ptr[i] == (number & 0xff));
    c->n += number < c->n_said;
}

static _Noreturn void verify(struct bench *b, uint32_t n_said)
{
    struct count c = {.n_said = n_said};

    open_loop(b);
    struct store *s = bench_open_sqlite(b);

    store_scan(s, "b", on_row, &c);
    bench_run_until(b, &c.is_ended);
    CHECK_INT(c.n, n_said);
    bench_close_store(b, s);
    bench_remove_file(b, "");
    _exit(0);
}

/* In a process of its own too: the one that forks stays without threads. */
static void verify_elsewhere(struct bench *b, uint32_t n_said)
{
    int status;
    pid_t reader = fork();

    if (reader == 0)
        verify(b, n_said);
    CHECK_INT(waitpid(reader, &status, 0), reader);
    CHECK_INT(status, 0);
}

CASE(acknowledged_writes_survive_a_kill)
{
    struct bench b;

    bench_open(&b);
    srandom((unsigned)getpid());
    for (int round = 0; round < N_ROUNDS; round++) {
        int ends[2];
        CHECK_INT(pipe(ends), 0);
        pid_t writer = fork();
        if (writer == 0)
            write_until_killed(&b, ends[1]);
        CHECK(writer > 0);
        (void)close(ends[1]);
        uint32_t n_said = read_until_kill(ends[0], writer);
        (void)close(ends[0]);
        verify_elsewhere(&b, n_said);
    }
    bench_close(&b);
}

CASES(RUN(acknowledged_writes_survive_a_kill))
