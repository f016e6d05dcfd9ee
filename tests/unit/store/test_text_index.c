/* What is found, and that nothing of a question is ever a query language: the same with every
 * engine. */
#include "store/text_index.h"

#include "base/account.h"
#include "loop/loop.h"
#include "unit/store/bench.h"

struct world {
    struct bench bench;
    struct text_index *index;
    int outcome;
    size_t n;
    double best;
    bool is_answered;
    char numbers[64]; /* of the matches, the least first */
};

static void world_open(struct world *w, const char *engine)
{
    *w = (struct world){0};
    bench_open(&w->bench);
    w->index = text_index_new(w->bench.loop, engine);
    CHECK(w->index);
}

/* What every engine keeps is played on every engine. */
#define EACH_ENGINE(engine)                                                                        \
    const char *engine;                                                                            \
    for (size_t engine_at = 0; (engine = text_index_engine(engine_at)); engine_at++)

static void world_close(struct world *w)
{
    text_index_close(w->index);
    bench_close(&w->bench);
}

static void put(struct world *w, int64_t number, const char *name, const char *text)
{
    const struct slice fields[TEXT_INDEX_FIELDS] = {slice_of(name), slice_of(text)};

    CHECK(text_index_put(w->index, number, fields));
}

static void on_done(int outcome, const struct text_match *matches, size_t n, void *arg)
{
    struct world *w = arg;

    w->outcome = outcome;
    w->n = n;
    w->best = 2;
    w->numbers[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        CHECK(matches[i].score >= 0 && matches[i].score <= 1);
        if (matches[i].score < w->best)
            w->best = matches[i].score;
    }
    for (int number = 0; number < 20; number++) { /* they come in no order */
        size_t len = strlen(w->numbers);
        for (size_t i = 0; i < n; i++)
            if (matches[i].number == number)
                (void)snprintf(w->numbers + len, sizeof(w->numbers) - len, "%d ", number);
    }
    w->is_answered = true;
}

static int search(struct world *w, struct text_question q)
{
    w->is_answered = false;
    text_index_search(w->index, &q, on_done, w);
    CHECK(!w->is_answered);
    bench_run_until(&w->bench, &w->is_answered);
    return w->outcome;
}

static void expect(struct world *w, struct text_question q, const char *wanted)
{
    q.time_ms = 60000;
    CHECK_INT(search(w, q), TEXT_INDEX_OK);
    CHECK_TEXT(w->numbers, wanted);
}

static void expect_words(struct world *w, const char *words, const char *wanted)
{
    expect(w, (struct text_question){.words = slice_of(words)}, wanted);
}

static void try_documents_come_change_and_go(const char *engine)
{
    struct world w;

    world_open(&w, engine);
    put(&w, 1, "quince", "yellow fruit");
    put(&w, 2, "medlar", "brown fruit");
    expect_words(&w, "fruit", "1 2 ");
    expect_words(&w, "QUIN", "1 ");
    expect_words(&w, "medlar quince", "1 2 ");
    put(&w, 1, "apple", "red");
    expect_words(&w, "fruit", "2 ");
    expect_words(&w, "app", "1 ");
    text_index_remove(w.index, 2);
    text_index_remove(w.index, 77);
    expect_words(&w, "fruit", "");
    world_close(&w);
}

CASE(documents_come_change_and_go)
{
    EACH_ENGINE(engine)
    try_documents_come_change_and_go(engine);
}

static void try_more_words_are_closer(const char *engine)
{
    struct world w;

    world_open(&w, engine);
    put(&w, 1, "cell tracker", "follows moving cells");
    for (int i = 2; i < 20; i++)
        put(&w, i, "other", "something else");
    expect_words(&w, "cell tracker moving", "1 ");
    double best = w.best;
    expect_words(&w, "cell", "1 ");
    CHECK(best < w.best);
    world_close(&w);
}

CASE(more_words_are_closer)
{
    EACH_ENGINE(engine)
    try_more_words_are_closer(engine);
}

static void try_filters(const char *engine)
{
    struct text_filter f[2] = {{0, SLICE_LIT("red apple"), false}, {1, SLICE_LIT("gar"), true}};
    struct text_question one = {.filters = f, .n_filters = 1}, two = {.filters = f, .n_filters = 2};
    struct world w;

    world_open(&w, engine);
    put(&w, 1, "a red apple", "from the garden");
    put(&w, 2, "apple red", "from the garden");
    put(&w, 3, "red apple", "from the shop");
    expect(&w, one, "1 3 ");
    expect(&w, two, "1 ");
    two.words = SLICE_LIT("shop garden");
    expect(&w, two, "1 ");
    two.words = SLICE_LIT("shop");
    expect(&w, two, "");
    f[0].text = SLICE_LIT("!");
    expect(&w, one, "");
    world_close(&w);
}

CASE(filters)
{
    EACH_ENGINE(engine)
    try_filters(engine);
}

static void try_nothing_is_a_query_language(const char *engine)
{
    static const char *const questions[] = {"\"",        "\"\"",     "quince\" OR \"medlar",
                                            "f0:medlar", "NOT x",    "NEAR(a b)",
                                            "*",         "^a",       "{f0}",
                                            "(",         ")",        "a AND",
                                            "'",         ";",        "-x",
                                            "+",         "\xff\xfe", "\xc3",
                                            "key",       "AND",      "OR"};
    struct world w;

    world_open(&w, engine);
    put(&w, 1, "quince", "");
    put(&w, 2, "medlar", "");
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        struct text_filter f = {4, slice_of(questions[i]), i % 2 == 0};
        struct text_question q = {.words = slice_of(questions[i]), .time_ms = 60000};
        CHECK_INT(search(&w, q), TEXT_INDEX_OK);
        q.filters = &f;
        q.n_filters = 1;
        CHECK_INT(search(&w, q), TEXT_INDEX_OK);
    }
    expect_words(&w, "zebra NOT medlar", "2 "); /* words, every one of them */
    expect(&w, (struct text_question){.words = slice_make("quince\0medlar", 13)}, "1 2 ");
    world_close(&w);
}

CASE(nothing_is_a_query_language)
{
    EACH_ENGINE(engine)
    try_nothing_is_a_query_language(engine);
}

static void try_a_search_that_takes_too_long_is_given_up(const char *engine)
{
    struct world w;

    world_open(&w, engine);
    for (int i = 0; i < 500; i++)
        put(&w, i, "common", "");
    CHECK_INT(search(&w, (struct text_question){.words = SLICE_LIT("common")}), TEXT_INDEX_LATE);
    CHECK_INT(w.n, 0);
    CHECK_INT(search(&w, (struct text_question){.words = SLICE_LIT("common"), .time_ms = 60000}),
              TEXT_INDEX_OK);
    CHECK_INT(w.n, 500);
    world_close(&w);
}

CASE(a_search_that_takes_too_long_is_given_up)
{
    EACH_ENGINE(engine)
    try_a_search_that_takes_too_long_is_given_up(engine);
}

/* Whether the worker has begun or not: who waits is answered before the close returns. */
static void try_closing_answers(const char *engine)
{
    for (int turns = 0; turns < 3; turns++) {
        struct world w;
        world_open(&w, engine);
        for (int i = 0; i < 200; i++)
            put(&w, i, "common", "");
        text_index_search(w.index,
                          &(struct text_question){.words = SLICE_LIT("common"), .time_ms = 1000},
                          on_done, &w);
        for (int i = 0; i < turns; i++)
            (void)uv_run(&w.bench.loop->uv, UV_RUN_NOWAIT);
        text_index_close(w.index);
        CHECK(w.is_answered);
        bench_close(&w.bench);
    }
}

CASE(closing_answers)
{
    EACH_ENGINE(engine)
    try_closing_answers(engine);
}

/* Who registers and unregisters without end leaves no texts behind that nobody will look for.
 * req: S-66 */
static void try_what_goes_before_its_turn_waits_no_longer(const char *engine)
{
    static char big[1024 * 1024];
    struct slice fields[TEXT_INDEX_FIELDS] = {{big, sizeof(big)}};
    struct world w;

    memset(big, ' ', sizeof(big));
    world_open(&w, engine);
    struct account *own = account_shared(w.bench.loop->own);
    size_t before = account_used(own) + account_kept(own);
    put(&w, 5, "quince", "");
    for (int n = 10; n < 110; n++) {
        CHECK(text_index_put(w.index, n, fields));
        text_index_remove(w.index, n);
    }
    for (int n = 0; n < 100; n++)
        CHECK(text_index_put(w.index, 1, fields));
    put(&w, 1, "medlar", "");
    text_index_remove(w.index, 5);
    CHECK(account_used(own) + account_kept(own) - before < sizeof(big));
    put(&w, 5, "apple", "");
    expect_words(&w, "quince", "");
    expect_words(&w, "medlar apple", "1 5 ");
    text_index_remove(w.index, 5);
    put(&w, 5, "pear", "");
    text_index_remove(w.index, 5);
    expect_words(&w, "pear apple", "");
    world_close(&w);
}

CASE(what_goes_before_its_turn_waits_no_longer)
{
    EACH_ENGINE(engine)
    try_what_goes_before_its_turn_waits_no_longer(engine);
}

/* The best of the engines knows stems; one that nobody knows is no engine. */
CASE(engines_go_by_their_names)
{
    struct world w;

    CHECK_TEXT(text_index_engine(0), "sqlite");
    CHECK_TEXT(text_index_engine(1), "memory");
    CHECK(!text_index_engine(2));
    world_open(&w, NULL);
    put(&w, 1, "apple", "");
    expect_words(&w, "apples", "1 ");
    CHECK(!text_index_new(w.bench.loop, "postgresql"));
    world_close(&w);
}

CASES(RUN(documents_come_change_and_go), RUN(more_words_are_closer), RUN(filters),
      RUN(nothing_is_a_query_language), RUN(a_search_that_takes_too_long_is_given_up),
      RUN(closing_answers), RUN(what_goes_before_its_turn_waits_no_longer),
      RUN(engines_go_by_their_names))
