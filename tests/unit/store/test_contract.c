/* Every engine, the same cases: nobody above can tell which one runs. */
#include "store/engines.h"

#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/clock.h"
#include "store/op.h"
#include "unit/store/bench.h"
#include "unit/store/redis_server.h"

/* whether the store is still open */
typedef bool scene(struct bench *b, struct store *s);

struct engine {
    /* NULL: not on this machine */
    struct store *(*open)(struct bench *b, struct redis_server *r);
};

static struct store *open_memory(struct bench *b, struct redis_server *r)
{
    (void)r;
    return store_open_memory(b->loop);
}

static struct store *open_sqlite(struct bench *b, struct redis_server *r)
{
    (void)r;
    return bench_open_sqlite(b);
}

static struct store *open_redis(struct bench *b, struct redis_server *r)
{
    char error[STORE_ERROR_MAX] = "";
    struct store *s = NULL;

    redis_server_start(r, b, NULL);
    CHECK_INT(redis_server_open(b, r->uri, "srv", 20000, &s, error), STORE_OK);
    CHECK_TEXT(error, "");
    return s;
}

static const struct engine memory = {open_memory}, sqlite = {open_sqlite}, redis = {open_redis};

static void with(const struct engine *e, scene *play)
{
    struct redis_server r = {0};
    struct bench b;

    bench_open(&b);
    struct store *s = e->open(&b, &r);
    if (play(&b, s))
        bench_close_store(&b, s);
    redis_server_stop(&r);
    bench_close(&b);
}

/* What the callbacks said, in order: one letter per outcome and the bytes. */
struct tape {
    struct buf text;
    bool is_ended;
};

static void on_done(int outcome, void *arg)
{
    struct tape *t = arg;

    buf_add_fmt(&t->text, "d%d ", outcome);
}

static void on_got(int outcome, struct slice bytes, void *arg)
{
    struct tape *t = arg;

    buf_add_fmt(&t->text, "g%d:" SLICE_FMT " ", outcome, SLICE_ARG(bytes));
}

static void on_row(int outcome, struct slice key, struct slice bytes, void *arg)
{
    struct tape *t = arg;

    buf_add_fmt(&t->text, "r%d:" SLICE_FMT "=" SLICE_FMT " ", outcome, SLICE_ARG(key),
                SLICE_ARG(bytes));
}

static void on_end(int outcome, struct slice bytes, void *arg)
{
    (void)outcome, (void)bytes;
    ((struct tape *)arg)->is_ended = true;
}

/* Waits until everything asked for so far has been answered, and compares what was said. */
static void expect(struct bench *b, struct store *s, struct tape *t, const char *wanted)
{
    t->is_ended = false;
    store_get(s, "end", SLICE_LIT("end"), on_end, t);
    bench_run_until(b, &t->is_ended);
    buf_add_byte(&t->text, '\0');
    CHECK_TEXT(t->text.ptr, wanted);
    buf_deinit(&t->text);
}

static void put(struct store *s, struct tape *t, const char *key, const char *bytes)
{
    store_put(s, "b", slice_of(key), slice_of(bytes), 0, on_done, t);
}

static bool play_order(struct bench *b, struct store *s)
{
    struct tape t = {0};

    store_get(s, "b", SLICE_LIT("k"), on_got, &t);
    put(s, &t, "k", "one");
    store_get(s, "b", SLICE_LIT("k"), on_got, &t);
    put(s, &t, "k", "two");
    store_get(s, "b", SLICE_LIT("k"), on_got, &t);
    store_remove(s, "b", SLICE_LIT("k"), on_done, &t);
    store_remove(s, "b", SLICE_LIT("k"), on_done, &t);
    store_get(s, "b", SLICE_LIT("k"), on_got, &t);
    CHECK_INT(t.text.len, 0); /* never inside the call */
    expect(b, s, &t, "g1: d0 g0:one d0 g0:two d0 d0 g1: ");
    return true;
}

static bool play_scan(struct bench *b, struct store *s)
{
    struct tape t = {0};

    put(s, &t, "b", "2");
    put(s, &t, "ab", "1");
    put(s, &t, "a", "0");
    put(s, &t, "c", "");
    put(s, &t, "", "first");
    store_put(s, "b2", SLICE_LIT("a"), SLICE_LIT("other"), 0, NULL, NULL);
    store_scan(s, "b", on_row, &t);
    store_scan(s, "nothing", on_row, &t);
    expect(b, s, &t, "d0 d0 d0 d0 d0 r0:=first r0:a=0 r0:ab=1 r0:b=2 r0:c= r1:= r1:= ");
    return true;
}

/* req: S-83 More than a piece may hold, by rows and by bytes: it comes whole and in order, and
 * before what was asked for after it. */
enum { N_MANY = 1500, N_LARGE = 7, LARGE_BYTES = 200 * 1024 };

struct walk {
    unsigned n_rows;
    size_t n_bytes;
    bool is_ended, was_overtaken;
};

static void on_walked(int outcome, struct slice key, struct slice bytes, void *arg)
{
    struct walk *w = arg;
    unsigned n;

    if (outcome != STORE_OK) {
        CHECK_INT(outcome, STORE_ABSENT);
        w->is_ended = true;
        return;
    }
    CHECK(!w->is_ended);
    CHECK_INT(sscanf(key.ptr, "key %05u", &n), 1);
    CHECK_INT(n, w->n_rows);
    w->n_rows++;
    w->n_bytes += bytes.len;
}

static void on_after(int outcome, struct slice bytes, void *arg)
{
    struct walk *w = arg;

    (void)bytes;
    CHECK_INT(outcome, STORE_ABSENT);
    w->was_overtaken = !w->is_ended;
}

static void on_removed_after(int outcome, void *arg)
{
    on_after(outcome == STORE_OK ? STORE_ABSENT : outcome, (struct slice){0}, arg);
}

static bool play_long_scan(struct bench *b, struct store *s)
{
    static char large[LARGE_BYTES];
    struct walk w = {0}, again = {0};
    char key[16];

    for (unsigned i = 0; i < N_MANY; i++) {
        size_t n = i % (N_MANY / N_LARGE) == 0 ? sizeof(large) : 10;
        (void)snprintf(key, sizeof(key), "key %05u", (i * 7) % N_MANY);
        store_put(s, "long", slice_of(key), slice_make(large, n), 0, NULL, NULL);
        if (i % 10 == 0)
            store_put(s, "other", slice_of(key), slice_make(large, 10), 0, NULL, NULL);
    }
    store_scan(s, "long", on_walked, &w);
    store_get(s, "long", SLICE_LIT("none"), on_after, &w);
    store_remove(s, "long", SLICE_LIT("none"), on_removed_after, &w);
    store_scan(s, "long", on_walked, &again);
    while (!again.is_ended) {
        unsigned before = w.n_rows + again.n_rows;
        (void)uv_run(&b->loop->uv, UV_RUN_NOWAIT);
        /* no turn has them all */
        CHECK(w.n_rows + again.n_rows - before <= 2 * STORE_SCAN_ROWS);
        sched_yield();
    }
    CHECK(w.is_ended && !w.was_overtaken);
    CHECK_INT(w.n_rows, N_MANY);
    CHECK_INT(again.n_rows, N_MANY);
    CHECK(w.n_bytes > (size_t)N_LARGE * LARGE_BYTES);
    return true;
}

/* One that is under way when the store closes ends then. */
static void on_cut(int outcome, struct slice key, struct slice bytes, void *arg)
{
    (void)outcome, (void)key, (void)bytes;
    ++*(unsigned *)arg;
}

static bool play_cut_scan(struct bench *b, struct store *s)
{
    bool is_closed = false;
    unsigned n = 0;

    for (unsigned i = 0; i < 3 * STORE_SCAN_ROWS; i++)
        store_put(s, "cut", slice_make(&i, sizeof(i)), SLICE_LIT("v"), 0, NULL, NULL);
    store_scan(s, "cut", on_cut, &n);
    store_close(s, bench_on_closed, &is_closed);
    bench_run_until(b, &is_closed);
    CHECK(n >= 1);
    return false;
}

static bool play_bytes(struct bench *b, struct store *s)
{
    static const char key[] = "\0\xff k", other[] = "\0\xff", value[] = "\0v\0";
    struct tape t = {0};

    store_put(s, "b", slice_make(key, 4), slice_make(value, 3), 0, NULL, NULL);
    store_put(s, "b", slice_make(other, 2), SLICE_LIT("w"), 0, NULL, NULL);
    store_get(s, "b", slice_make(other, 2), on_got, &t);
    expect(b, s, &t, "g0:w ");
    store_get(s, "b", slice_make(key, 4), on_got, &t);
    t.is_ended = false;
    store_get(s, "end", SLICE_LIT("end"), on_end, &t);
    bench_run_until(b, &t.is_ended);
    CHECK(slice_starts(buf_slice(&t.text), "g0:"));
    buf_deinit(&t.text);
    return true;
}

static bool play_expiry(struct bench *b, struct store *s)
{
    int64_t now = clock_wall_ms() / 1000;
    struct tape t = {0};

    store_put(s, "b", SLICE_LIT("past"), SLICE_LIT("x"), now - 1, on_done, &t);
    store_put(s, "b", SLICE_LIT("soon"), SLICE_LIT("y"), now + 1000, on_done, &t);
    store_get(s, "b", SLICE_LIT("past"), on_got, &t);
    store_get(s, "b", SLICE_LIT("soon"), on_got, &t);
    store_scan(s, "b", on_row, &t);
    store_put(s, "b", SLICE_LIT("soon"), SLICE_LIT("z"), now - 1, on_done, &t);
    store_get(s, "b", SLICE_LIT("soon"), on_got, &t);
    store_put(s, "b", SLICE_LIT("soon"), SLICE_LIT("a"), 0, on_done, &t);
    store_get(s, "b", SLICE_LIT("soon"), on_got, &t);
    expect(b, s, &t, "d0 d0 g1: g0:y r0:soon=y r1:= d0 g1: d0 g0:a ");
    return true;
}

/* More than the queue may hold: refused by name, in its turn, and its neighbours go on. */
static bool play_full(struct bench *b, struct store *s)
{
    size_t len = (size_t)STORE_QUEUE_BYTES_MAX + 1;
    char *huge = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct tape t = {0};

    CHECK(huge != MAP_FAILED);
    put(s, &t, "a", "1");
    store_put(s, "b", SLICE_LIT("huge"), slice_make(huge, len), 0, on_done, &t);
    put(s, &t, "b", "2");
    store_get(s, "b", SLICE_LIT("huge"), on_got, &t);
    store_scan(s, "b", on_row, &t);
    expect(b, s, &t, "d0 d2 d0 g1: r0:a=1 r0:b=2 r1:= ");
    CHECK_INT(munmap(huge, len), 0);
    return true;
}

struct chain {
    struct store *store;
    int n_left;
    bool is_ended;
};

static void on_link(int outcome, void *arg)
{
    struct chain *c = arg;

    CHECK_INT(outcome, STORE_OK);
    if (--c->n_left)
        store_put(c->store, "b", SLICE_LIT("k"), SLICE_LIT("v"), 0, on_link, c);
    else
        c->is_ended = true;
}

static bool play_chain(struct bench *b, struct store *s)
{
    struct chain c = {s, 50, false};

    store_put(s, "b", SLICE_LIT("k"), SLICE_LIT("v"), 0, on_link, &c);
    bench_run_until(b, &c.is_ended);
    return true;
}

/* Random operations, each answer compared with a plain array. */
enum { N_KEYS = 8, N_STEPS = 3000 };

struct asked {
    int wanted_outcome, wanted_value;
};

static void on_compared(int outcome, struct slice bytes, void *arg)
{
    struct asked *a = arg;

    CHECK_INT(outcome, a->wanted_outcome);
    if (outcome == STORE_OK) {
        CHECK_INT(bytes.len, sizeof(int));
        CHECK(memcmp(bytes.ptr, &a->wanted_value, sizeof(int)) == 0);
    }
    mem_free(a);
}

static void step(struct store *s, int model[N_KEYS], int i)
{
    char key = (char)('a' + random() % N_KEYS);
    int *value = &model[key - 'a'];
    struct slice k = slice_make(&key, 1);
    long dice = random() % 4;

    if (dice == 0) {
        *value = -1;
        store_remove(s, "m", k, NULL, NULL);
    } else if (dice == 1) {
        *value = i;
        store_put(s, "m", k, slice_make(value, sizeof(int)), 0, NULL, NULL);
    } else {
        struct asked *a = MEM_NEW(struct asked);
        *a = (struct asked){*value < 0 ? STORE_ABSENT : STORE_OK, *value};
        store_get(s, "m", k, on_compared, a);
    }
}

static bool play_random(struct bench *b, struct store *s)
{
    int model[N_KEYS];
    struct tape t = {0};

    srandom(7);
    for (int i = 0; i < N_KEYS; i++)
        model[i] = -1;
    for (int i = 0; i < N_STEPS; i++) {
        step(s, model, i);
        if (random() % 64 == 0)
            (void)uv_run(&b->loop->uv, UV_RUN_NOWAIT);
    }
    expect(b, s, &t, "");
    return true;
}

static void on_counted(int outcome, void *arg)
{
    CHECK_INT(outcome, STORE_OK);
    ++*(int *)arg;
}

static bool play_close(struct bench *b, struct store *s)
{
    bool is_closed = false;
    int n = 0;

    for (int i = 0; i < 3000; i++)
        store_put(s, "b", slice_make(&i, sizeof(i)), SLICE_LIT("v"), 0, on_counted, &n);
    store_close(s, bench_on_closed, &is_closed);
    bench_run_until(b, &is_closed);
    CHECK_INT(n, 3000);
    return false;
}

/* What is asked for together, by a great many, is answered over turns and in order. Each answer
 * takes longer than the whole of a turn's share, and the first look at the clock only starts it. */
enum { N_ASKED = 40, TWO_LOOKS = 8, ANSWER_US = 200 };

static void on_slowly(int outcome, struct slice bytes, void *arg)
{
    uint64_t until = uv_hrtime() + ANSWER_US * 1000u;
    int *n = arg, value;

    CHECK_INT(outcome, STORE_OK);
    memcpy(&value, bytes.ptr, sizeof(value));
    CHECK_INT(value, *n);
    ++*n;
    while (uv_hrtime() < until)
        continue;
}

CASE(memory_takes_turns)
{
    unsigned n_turns = 0;
    struct bench b;
    int n = 0;

    bench_open(&b);
    struct store *s = store_open_memory(b.loop);
    for (int i = 0; i < N_ASKED; i++) {
        store_put(s, "b", slice_make(&i, sizeof(i)), slice_make(&i, sizeof(i)), 0, NULL, NULL);
        store_get(s, "b", slice_make(&i, sizeof(i)), on_slowly, &n);
    }
    for (; n < N_ASKED; n_turns++) {
        int before = n;
        (void)uv_run(&b.loop->uv, UV_RUN_NOWAIT);
        CHECK(n - before <= TWO_LOOKS);
    }
    CHECK(n_turns >= N_ASKED / TWO_LOOKS);
    bench_close_store(&b, s);
    bench_close(&b);
}

#define EACH(name)                                                                                 \
    CASE(memory_##name)                                                                            \
    {                                                                                              \
        with(&memory, play_##name);                                                                \
    }                                                                                              \
    CASE(sqlite_##name)                                                                            \
    {                                                                                              \
        with(&sqlite, play_##name);                                                                \
    }                                                                                              \
    CASE(redis_##name)                                                                             \
    {                                                                                              \
        with(&redis, play_##name);                                                                 \
    }
#define RUN_EACH(name) RUN(memory_##name), RUN(sqlite_##name), RUN(redis_##name)

EACH(order)
EACH(scan)
EACH(long_scan)
EACH(cut_scan)
EACH(bytes)
EACH(expiry)
EACH(full)
EACH(chain)
EACH(random)
EACH(close)

CASES(RUN_EACH (order), RUN_EACH (scan), RUN_EACH (long_scan), RUN_EACH (cut_scan),
      RUN_EACH (bytes), RUN_EACH (expiry), RUN_EACH (full), RUN_EACH (chain), RUN_EACH (random),
      RUN_EACH (close), RUN(memory_takes_turns))
