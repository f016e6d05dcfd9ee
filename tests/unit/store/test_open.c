/* By which words engines are found. What they do is test_contract.c's. */
#include <string.h>

#include "store/store.h"
#include "unit/store/bench.h"

CASE(an_unknown_engine_is_an_error)
{
    static const char *const unknown[] = {"postgres://h/db", "", "redis", "/tmp/x.db"};
    struct bench b;

    bench_open(&b);
    for (unsigned i = 0; i < ARRAY_LEN(unknown); i++) {
        const struct store_options o = {
            .where = unknown[i], .path = ":memory:", .owner = "srv", .timeout_ms = 100};
        char error[STORE_ERROR_MAX] = "";
        struct store *s = NULL;
        CHECK_INT(store_try(&o, error), STORE_FAILED);
        CHECK(strstr(error, "want sqlite") && strstr(error, unknown[i]));
        CHECK_INT(store_open(b.loop, &o, &s, error), STORE_FAILED);
        CHECK(!s && !store_is_shared(unknown[i]));
    }
    bench_close(&b);
}

CASE(every_store_comes_with_a_journal)
{
    struct bench b;

    bench_open(&b);
    for (unsigned i = 0; i < 2; i++) {
        const struct store_options o = {.where = "sqlite", .path = i ? b.file : ":memory:"};
        char error[STORE_ERROR_MAX] = "";
        struct store *s = NULL;
        CHECK_INT(store_open(b.loop, &o, &s, error), STORE_OK);
        CHECK(s->journal != NULL);
        bench_close_store(&b, s);
    }
    CHECK(store_is_shared("redis://h") && store_is_shared("unix:///s") &&
          !store_is_shared("sqlite"));
    bench_close(&b);
}

CASES(RUN(an_unknown_engine_is_an_error), RUN(every_store_comes_with_a_journal))
