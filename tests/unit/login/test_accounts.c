#include "login/accounts.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "harness/check.h"
#include "loop/loop.h"
#include "store/engines.h"

struct world {
    struct loop_set set;
    struct loop *loop;
    struct store *store;
    struct accounts accounts;
    int outcome;
    struct person *person;
    bool is_done;
};

static void on_done(int outcome, void *arg)
{
    struct world *w = arg;

    w->outcome = outcome;
    w->is_done = true;
}

static void on_got(int outcome, struct person *person, void *arg)
{
    struct world *w = arg;

    w->person = person;
    on_done(outcome, w);
}

static void wait_done(struct world *w, int wanted)
{
    while (!w->is_done) {
        (void)uv_run(&w->loop->uv, UV_RUN_NOWAIT);
        sched_yield();
    }
    CHECK_INT(w->outcome, wanted);
    w->is_done = false;
}

static void open_store(struct world *w, const char *path, size_t max)
{
    char error[STORE_ERROR_MAX];

    CHECK_INT(store_open_sqlite(w->loop, path, &w->store, error), STORE_OK);
    accounts_init(&w->accounts, w->store);
    w->accounts.max_accounts = max;
    accounts_load(&w->accounts, on_done, w);
    wait_done(w, ACCOUNT_FOUND);
}

static void close_store(struct world *w)
{
    accounts_deinit(&w->accounts);
    store_close(w->store, on_done, w);
    wait_done(w, STORE_OK);
}

static void put(struct world *w, const char *email, bool is_fresh, int wanted)
{
    struct person *p = person_new(email, "Eve", "$argon2id$x");

    accounts_put(&w->accounts, p, is_fresh, on_done, w);
    person_free(p);
    wait_done(w, wanted);
}

CASE(what_was_put_is_there_after_a_restart)
{
    char path[] = "/tmp/hyphad-accounts-XXXXXX";
    int fd = mkstemp(path);
    struct world w = {0};

    CHECK(fd >= 0);
    close(fd);
    check_allow_fds(2);
    CHECK_INT(loop_set_init(&w.set, 1), 0);
    w.loop = w.set.loops;
    open_store(&w, path, 2);
    CHECK_INT(w.accounts.n_accounts, 0);
    put(&w, "eve@example.org", true, ACCOUNT_FOUND);
    put(&w, "eve@example.org", false, ACCOUNT_FOUND);
    put(&w, "mal@example.org", true, ACCOUNT_FOUND);
    put(&w, "zoe@example.org", true, ACCOUNT_NO_ROOM);
    CHECK_INT(w.accounts.n_accounts, 2);
    close_store(&w);
    open_store(&w, path, 2);
    CHECK_INT(w.accounts.n_accounts, 2);
    accounts_get(&w.accounts, "eve@example.org", on_got, &w);
    wait_done(&w, ACCOUNT_FOUND);
    CHECK_TEXT(w.person->email, "eve@example.org");
    CHECK_TEXT(w.person->name, "Eve");
    CHECK_TEXT(w.person->hash, "$argon2id$x");
    person_free(w.person);
    accounts_get(&w.accounts, "zoe@example.org", on_got, &w);
    wait_done(&w, ACCOUNT_ABSENT);
    close_store(&w);
    CHECK_INT(loop_set_start(&w.set), 0);
    loop_set_stop(&w.set);
    loop_set_deinit(&w.set);
    unlink(path);
}

/* A disk that is full. */
static void fail_put(struct store *s, const char *bucket, struct slice key, struct slice bytes,
                     int64_t expires_at, store_done *done, void *arg)
{
    (void)s, (void)bucket, (void)key, (void)bytes, (void)expires_at;
    done(STORE_FAILED, arg);
}

static void fail_get(struct store *s, const char *bucket, struct slice key, store_got *got,
                     void *arg)
{
    (void)s, (void)bucket, (void)key;
    got(STORE_FAILED, (struct slice){NULL, 0}, arg);
}

CASE(what_the_store_refuses_is_told_and_not_counted)
{
    static const struct store_ops ops = {.put = fail_put, .get = fail_get};
    struct store store = {.ops = &ops};
    struct world w = {0};

    accounts_init(&w.accounts, &store);
    w.accounts.max_accounts = 1;
    put(&w, "eve@example.org", true, ACCOUNT_BROKEN);
    CHECK_INT(w.accounts.n_accounts, 0);
    accounts_get(&w.accounts, "eve@example.org", on_got, &w);
    wait_done(&w, ACCOUNT_BROKEN);
    CHECK(!w.person);
    accounts_deinit(&w.accounts);
}

CASE(one_change_of_an_account_at_a_time)
{
    struct accounts a;
    struct change one = {0}, two = {0}, other = {0};

    accounts_init(&a, NULL);
    CHECK(accounts_begin_change(&a, &one, "eve@x"));
    CHECK(!accounts_begin_change(&a, &two, "eve@x"));
    CHECK(accounts_begin_change(&a, &other, "mal@x"));
    accounts_end_change(&a, &two);
    accounts_end_change(&a, &one);
    CHECK(accounts_begin_change(&a, &two, "eve@x"));
    accounts_end_change(&a, &two);
    accounts_end_change(&a, &other);
    accounts_deinit(&a);
}

CASE(an_address_has_one_spelling_and_cannot_leave_its_header)
{
    static const char *const bad[] = {
        "",      "a",          "@x",      "a@",      "a@b@c", "a b@x", "a@x\r\nBcc: b@y",
        "a,b@x", "<a@x>",      "\"a\"@x", "a@x;b@y", "-f@x",  "a:b@x", "a\\@x",
        "(a)@x", "\xc3\xbc@x", "a\xff@x"};
    char out[EMAIL_MAX + 1], long_one[EMAIL_MAX + 2];

    CHECK(email_read(slice_of("  Eve@Example.ORG\t"), out));
    CHECK_TEXT(out, "eve@example.org");
    CHECK(email_read(slice_of("o'neil+tag@x-y.z"), out));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!email_read(slice_of(bad[i]), out));
    CHECK(!email_read(slice_make("a\0@x", 4), out));
    memset(long_one, 'a', sizeof(long_one));
    long_one[1] = '@';
    CHECK(email_read(slice_make(long_one, EMAIL_MAX), out));
    CHECK(!email_read(slice_make(long_one, EMAIL_MAX + 1), out));
}

CASE(a_record_that_does_not_parse_is_none)
{
    struct person *p = person_new("eve@x", "Eve", "h");
    struct buf b;

    buf_init(&b, 0);
    person_add_mp(&b, p);
    person_free(p);
    for (size_t n = 0; n < b.len; n++)
        CHECK(!person_read(slice_make(b.ptr, n)));
    p = person_read(buf_slice(&b));
    CHECK(p);
    person_free(p);
    CHECK(!person_read(SLICE_LIT("\x80")));
    CHECK(!person_read(SLICE_LIT("\xc0")));
    buf_deinit(&b);
}

CASES(RUN(what_was_put_is_there_after_a_restart),
      RUN(what_the_store_refuses_is_told_and_not_counted), RUN(one_change_of_an_account_at_a_time),
      RUN(an_address_has_one_spelling_and_cannot_leave_its_header),
      RUN(a_record_that_does_not_parse_is_none))
