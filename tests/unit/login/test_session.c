#include "login/session.h"

#include <stdio.h>
#include <string.h>

#include "base/account.h"
#include "harness/check.h"

struct world {
    struct loop_set set;
    struct loop *loop;
    struct sessions table;
};

struct asker {
    struct session_waiter waiter;
    unsigned n_heard;
    enum session_news news;
    bool ends_it; /* ends the session when it hears of a report */
    char token[16];
};

static void world_open(struct world *w)
{
    check_allow_fds(2);
    CHECK_INT(loop_set_init(&w->set, 1), 0);
    w->loop = w->set.loops;
    sessions_init(&w->table, w->loop);
}

static void world_close(struct world *w)
{
    sessions_deinit(&w->table);
    CHECK_INT(account_kept(w->loop->own), 0); /* what the server has counted for them */
    CHECK_INT(metric_get(&w->loop->metrics, METRIC_LOGIN_SESSIONS), 0);
    CHECK_INT(metric_get(&w->loop->metrics, METRIC_LOGIN_WAITERS), 0);
    CHECK_INT(loop_set_start(&w->set), 0);
    loop_set_stop(&w->set);
    loop_set_deinit(&w->set);
}

static void on_news(struct session_waiter *w, struct session *s, enum session_news news)
{
    struct asker *a = CONTAINER_OF(w, struct asker, waiter);

    a->n_heard++;
    a->news = news;
    if (news == SESSION_REPORTED)
        (void)snprintf(a->token, sizeof(a->token), "%s", s->token);
    if (news == SESSION_REPORTED && a->ends_it)
        session_end(s);
}

static void ask(struct session *s, struct asker *a, uint64_t timeout_ms)
{
    a->waiter.on_news = on_news;
    CHECK(session_wait(s, &a->waiter, timeout_ms));
    CHECK_INT(a->n_heard, 0);
}

static void run_until(struct world *w, const struct asker *a)
{
    while (!a->n_heard)
        (void)uv_run(&w->loop->uv, UV_RUN_ONCE);
}

static void report(struct session *s, const char *token)
{
    const struct login_profile profile = {.name = SLICE_LIT("Alice"), .expires_in = 5};

    session_report(s, slice_of(token), &profile, 60000);
}

CASE(keys_are_fresh_and_bounded)
{
    struct world w;

    world_open(&w);
    struct session *a = session_start(&w.table, 60000, 2), *b = session_start(&w.table, 60000, 2);
    CHECK(a && b && a != b);
    CHECK_INT(strlen(a->key), RANDOM_ID_LEN);
    CHECK(session_find(&w.table, slice_of(b->key)) == b);
    session_end(a);
    CHECK(session_start(&w.table, 60000, 2));
    CHECK(!session_find(&w.table, SLICE_LIT("")));
    world_close(&w);
}

/* req: S-68 */
CASE(a_full_table_forgets_what_nobody_waits_for)
{
    struct world w;
    struct asker one = {0}, two = {0};
    char idle[RANDOM_ID_LEN + 1];

    world_open(&w);
    struct session *waited_for = session_start(&w.table, 60000, 3),
                   *reported = session_start(&w.table, 60000, 3);
    struct session *s = session_start(&w.table, 60000, 3);
    ask(waited_for, &one, 60000);
    report(reported, "t");
    memcpy(idle, s->key, sizeof(idle));
    for (unsigned i = 0; i < 20; i++) {
        CHECK((s = session_start(&w.table, 60000, 3)) != NULL);
        CHECK(!session_find(&w.table, slice_of(idle)));
        memcpy(idle, s->key, sizeof(idle));
    }
    CHECK_INT(w.table.by_key.n_entries, 3);
    CHECK_INT(metric_get(&w.loop->metrics, METRIC_LOGIN_SESSIONS_EVICTED), 20);
    ask(s, &two, 60000);
    CHECK(!session_start(&w.table, 60000, 3)); /* everybody waits for theirs */
    session_leave(&two.waiter);
    CHECK(session_start(&w.table, 60000, 3));
    CHECK_INT(one.n_heard + two.n_heard, 0);
    world_close(&w);
}

/* req: A-180 */
CASE(what_is_reported_is_copied_and_told_once)
{
    struct world w;
    struct asker a = {0};
    char token[] = "token-1", name[] = "Alice";

    world_open(&w);
    struct session *s = session_start(&w.table, 60000, 10);
    ask(s, &a, 60000);
    const struct login_profile profile = {.name = slice_of(name)};
    size_t before = account_kept(w.loop->own);
    session_report(s, slice_of(token), &profile, 60000);
    CHECK(account_kept(w.loop->own) > before + strlen(token));
    token[0] = name[0] = 'X';
    CHECK_INT(a.n_heard, 1);
    CHECK_INT(a.news, SESSION_REPORTED);
    CHECK_TEXT(a.token, "token-1");
    CHECK_TEXT(s->token, "token-1");
    CHECK(slice_is(s->profile.name, "Alice") && !s->profile.email.ptr);
    report(s, "token-2");
    CHECK_TEXT(s->token, "token-2");
    CHECK_INT(a.n_heard, 1);
    world_close(&w);
}

CASE(who_is_first_may_end_it_for_all)
{
    struct world w;
    struct asker first = {.ends_it = true}, second = {0};

    world_open(&w);
    struct session *s = session_start(&w.table, 60000, 10);
    ask(s, &first, 60000);
    ask(s, &second, 60000);
    report(s, "t");
    CHECK_INT(first.news, SESSION_REPORTED);
    CHECK_INT(second.n_heard, 1);
    CHECK_INT(second.news, SESSION_EXPIRED);
    CHECK_INT(w.table.by_key.n_entries, 0);
    world_close(&w);
}

CASE(who_leaves_hears_nothing)
{
    struct world w;
    struct asker a = {0};

    world_open(&w);
    struct session *s = session_start(&w.table, 60000, 10);
    ask(s, &a, 60000);
    session_leave(&a.waiter);
    session_leave(&a.waiter);
    report(s, "t");
    CHECK_INT(a.n_heard, 0);
    for (unsigned i = 0; i < 2 * SESSION_WAITERS_MAX; i++) {
        ask(s, &a, 60000);
        session_leave(&a.waiter);
    }
    world_close(&w);
}

CASE(those_who_wait_are_bounded)
{
    struct world w;
    struct asker a[SESSION_WAITERS_MAX + 1] = {0};

    world_open(&w);
    struct session *s = session_start(&w.table, 60000, 10);
    for (unsigned i = 0; i < SESSION_WAITERS_MAX; i++)
        ask(s, &a[i], 60000);
    CHECK(!session_wait(s, &a[SESSION_WAITERS_MAX].waiter, 60000));
    sessions_clear(&w.table);
    for (unsigned i = 0; i < SESSION_WAITERS_MAX; i++)
        CHECK_INT(a[i].n_heard, 1);
    world_close(&w);
}

/* req: A-184, D-37 */
CASE(waiting_ends_by_its_own_time_or_the_keys)
{
    struct world w;
    struct asker brief = {0}, patient = {0};

    world_open(&w);
    struct session *s = session_start(&w.table, 200, 10);
    ask(s, &brief, 20);
    ask(s, &patient, 60000);
    run_until(&w, &brief);
    CHECK_INT(brief.news, SESSION_TIMED_OUT);
    CHECK_INT(patient.n_heard, 0);
    CHECK_INT(w.table.by_key.n_entries, 1);
    run_until(&w, &patient);
    CHECK_INT(patient.news, SESSION_EXPIRED);
    CHECK_INT(w.table.by_key.n_entries, 0);
    world_close(&w);
}

CASE(life_is_shortened_and_never_lengthened)
{
    struct world w;

    world_open(&w);
    struct session *s = session_start(&w.table, 60000, 10);
    uint64_t due = s->expiry.due_ms;
    session_shorten(s, 120000);
    CHECK_INT(s->expiry.due_ms, due);
    session_shorten(s, 1000);
    CHECK(s->expiry.due_ms < due);
    world_close(&w);
}

CASES(RUN(keys_are_fresh_and_bounded), RUN(a_full_table_forgets_what_nobody_waits_for),
      RUN(what_is_reported_is_copied_and_told_once), RUN(who_is_first_may_end_it_for_all),
      RUN(who_leaves_hears_nothing), RUN(those_who_wait_are_bounded),
      RUN(waiting_ends_by_its_own_time_or_the_keys), RUN(life_is_shortened_and_never_lengthened))
