/* session: a handful of bytes per login, forgotten by a timer of its own, so no sweep ever walks
 * the table. An address starts so few a minute that it holds a small part of it; a flood from many
 * addresses pushes out what it has started itself, and not what somebody waits for. Hub loop. */
#include "login/session.h"

#include <string.h>

#include "base/account.h"
#include "base/memory.h"

static char *session_copy_text(struct slice text)
{
    return text.ptr ? mem_copy(text.ptr, text.len) : NULL;
}

static struct slice *profile_text(struct login_profile *p, unsigned i)
{
    struct slice *texts[] = {&p->workspace, &p->email,   &p->name,
                             &p->nickname,  &p->user_id, &p->picture};

    return i < sizeof(texts) / sizeof(texts[0]) ? texts[i] : NULL;
}

static void forget_result(struct session *s)
{
    if (s->token)
        explicit_bzero(s->token, strlen(s->token));
    s->token = mem_free(s->token);
    for (unsigned i = 0; profile_text(&s->profile, i); i++)
        mem_free((void *)(uintptr_t)profile_text(&s->profile, i)->ptr);
    s->profile = (struct login_profile){0};
    s->is_reported = false;
}

static void keep_profile(struct session *s, const struct login_profile *profile)
{
    s->profile = *profile;
    for (unsigned i = 0; profile_text(&s->profile, i); i++) {
        struct slice *text = profile_text(&s->profile, i);
        text->ptr = session_copy_text(*text);
    }
}

/* Counts what it takes now; nothing: it ends. */
static void count_kept(struct session *s, bool is_there)
{
    size_t n = is_there ? mem_taken(s) + mem_taken(s->token) : 0;

    for (unsigned i = 0; is_there && profile_text(&s->profile, i); i++)
        n += mem_taken(profile_text(&s->profile, i)->ptr);
    account_keep_now_always(s->table->loop->own, &s->n_kept, n);
}

/* ---- which are idle ---- */

static void settle_idle(struct session *s)
{
    bool is_idle = !s->n_waiters && !s->is_reported;

    if (!is_idle)
        list_unlink(&s->idle);
    else if (list_is_empty(&s->idle))
        list_link(&s->table->idle, &s->idle);
}

/* ---- waiters ---- */

void session_leave(struct session_waiter *w)
{
    struct session *s = w->session;

    if (!s)
        return;
    w->session = NULL;
    list_unlink(&w->link);
    timer_stop(s->table->loop, &w->timer);
    s->n_waiters--;
    settle_idle(s);
    loop_count(s->table->loop, METRIC_LOGIN_WAITERS, -1);
}

static void session_tell(struct session_waiter *w, enum session_news news)
{
    struct session *s = w->session;

    session_leave(w);
    w->on_news(w, s, news);
}

static void on_timeout(struct timer *t)
{
    session_tell(CONTAINER_OF(t, struct session_waiter, timer), SESSION_TIMED_OUT);
}

bool session_wait(struct session *s, struct session_waiter *w, uint64_t timeout_ms)
{
    if (s->n_waiters >= SESSION_WAITERS_MAX)
        return false;
    list_init(&w->link);
    list_link(&s->waiters, &w->link);
    timer_init(&w->timer, on_timeout);
    timer_start(s->table->loop, &w->timer, timeout_ms);
    w->session = s;
    s->n_waiters++;
    settle_idle(s);
    loop_count(s->table->loop, METRIC_LOGIN_WAITERS, 1);
    return true;
}

/* ---- sessions ---- */

void session_end(struct session *s)
{
    struct sessions *t = s->table;

    map_take(&t->by_key, slice_of(s->key));
    timer_stop(t->loop, &s->expiry);
    while (!list_is_empty(&s->waiters))
        session_tell(LIST_ENTRY(s->waiters.next, struct session_waiter, link), SESSION_EXPIRED);
    forget_result(s);
    list_unlink(&s->idle);
    count_kept(s, false);
    mem_free(s);
    loop_count(t->loop, METRIC_LOGIN_SESSIONS, -1);
}

static void on_expiry(struct timer *t)
{
    session_end(CONTAINER_OF(t, struct session, expiry));
}

struct session *session_start(struct sessions *t, uint64_t life_ms, uint64_t max_sessions)
{
    if (t->by_key.n_entries >= max_sessions) {
        if (list_is_empty(&t->idle))
            return NULL;
        session_end(LIST_ENTRY(t->idle.next, struct session, idle));
        loop_count(t->loop, METRIC_LOGIN_SESSIONS_EVICTED, 1);
    }
    struct session *s = MEM_NEW(struct session);
    s->table = t;
    random_id(s->key);
    list_init(&s->waiters);
    list_init(&s->idle);
    settle_idle(s);
    timer_init(&s->expiry, on_expiry);
    timer_start(t->loop, &s->expiry, life_ms);
    map_put(&t->by_key, slice_of(s->key), s);
    count_kept(s, true);
    loop_count(t->loop, METRIC_LOGIN_SESSIONS, 1);
    return s;
}

struct session *session_find(const struct sessions *t, struct slice key)
{
    return map_find(&t->by_key, key);
}

void session_shorten(struct session *s, uint64_t life_ms)
{
    struct loop *loop = s->table->loop;

    if (loop_now_ms(loop) + life_ms < s->expiry.due_ms)
        timer_start(loop, &s->expiry, life_ms);
}

void session_report(struct session *s, struct slice token, const struct login_profile *profile,
                    uint64_t life_ms)
{
    struct sessions *t = s->table;
    char key[RANDOM_ID_LEN + 1];

    forget_result(s);
    s->token = session_copy_text(token);
    keep_profile(s, profile);
    s->is_reported = true;
    count_kept(s, true);
    settle_idle(s);
    timer_start(t->loop, &s->expiry, life_ms);
    /* Each waiter may end the session, and with it all others. */
    memcpy(key, s->key, sizeof(key));
    while (session_find(t, slice_of(key)) == s && !list_is_empty(&s->waiters))
        session_tell(LIST_ENTRY(s->waiters.next, struct session_waiter, link), SESSION_REPORTED);
}

void sessions_init(struct sessions *t, struct loop *loop)
{
    t->loop = loop;
    map_init(&t->by_key);
    list_init(&t->idle);
}

void sessions_clear(struct sessions *t)
{
    struct slice key;
    void *value;

    for (size_t at = 0; map_next(&t->by_key, &at, &key, &value); at = 0)
        session_end(value);
}

void sessions_deinit(struct sessions *t)
{
    sessions_clear(t);
    map_deinit(&t->by_key);
}
