/* login_calls: what a program calls: start, check, logout, and the pages as values. A check that
 * waits is one record at its session: no polling. Hub loop. */
#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "config/config.h"
#include "login/login_limits.h"
#include "login/login_report.h"
#include "login/login_internal.h"
#include "login/login_page.h"
#include "manager/reply.h"
#include "peer/hub.h"
#include "wire/mp.h"
#include "wire/url.h"

#define TIMEOUT "Login timeout, waited for %s seconds"
#define LOCAL_TIMEOUT "Login timeout after %s seconds"

enum {
    READ_AGAIN_MS = 60000, /* life of a key that others may read again, once somebody has */
    WORKSPACE_TEXT_MAX = 255,
};

static const struct config *login_calls_config_of(const struct login *l)
{
    return loop_config(l->hub->loop);
}

/* ---- start ---- */

static void add_url(struct mp_open *map, const char *name, const char *base, const char *function)
{
    SCRATCH_BUF(url, 0);

    buf_add_fmt(&url, "%s/public/services/hypha-login/%s", base, function);
    mp_key(map, name);
    mp_add_str(map->buf, buf_slice(&url));
}

static void add_login_url(struct mp_open *map, const char *base, const char *key,
                          struct slice workspace, int64_t expires_in)
{
    SCRATCH_BUF(url, 0);

    buf_add_fmt(&url, "%s/public/apps/hypha-login/?key=%s", base, key);
    if (workspace.len) {
        buf_add_text(&url, "&workspace=");
        url_encode(workspace, &url);
    }
    if (expires_in)
        buf_add_fmt(&url, "&expires_in=%" PRId64, expires_in);
    mp_key(map, "login_url");
    mp_add_str(map->buf, buf_slice(&url));
}

static bool take_start(struct login *l, const struct rpc_call *call, struct refusal *r)
{
    unsigned wait_s;

    if (login_rate_take_call(l, LOGIN_RATE_STARTS, call, &wait_s))
        return true;
    return refuse(r, "RuntimeError",
                  "Too many logins from your address, please retry in %u seconds", wait_s);
}

static struct session *login_calls_start(struct login *l, const struct rpc_call *call,
                                         int64_t *expires_in, struct refusal *r)
{
    const struct config *c = login_calls_config_of(l);

    *expires_in = 0;
    if (call_has(call, 1) && (!login_read_int(call->args[1], expires_in) || *expires_in <= 0)) {
        (void)refuse(r, "ValueError", "expires_in must be a positive number of seconds");
        return NULL;
    }
    if (call_text(call, 0).len > WORKSPACE_TEXT_MAX) {
        (void)refuse(r, "ValueError", "workspace is longer than %d bytes", WORKSPACE_TEXT_MAX);
        return NULL;
    }
    if (l->is_draining) {
        (void)refuse(r, "RuntimeError", "The server is shutting down");
        return NULL;
    }
    if (!take_start(l, call, r)) {
        loop_count(l->hub->loop, METRIC_LOGIN_STARTS_REFUSED, 1);
        return NULL;
    }
    struct session *s =
        session_start(&l->sessions, c->maximum_login_time_ms, c->max_login_sessions);
    if (!s) {
        loop_count(l->hub->loop, METRIC_LOGIN_STARTS_REFUSED, 1);
        (void)refuse(r, "RuntimeError",
                     "Too many logins are under way (--max-login-sessions %zu), please retry later",
                     (size_t)c->max_login_sessions);
    }
    return s;
}

void login_do_start(struct rpc_call *call, void *arg)
{
    struct login *l = arg;
    bool is_local = l->variant->is_local;
    const char *base = l->hub->info->public_base_url;
    struct mp_open map;
    struct refusal r;
    int64_t expires_in;
    struct buf b;

    struct session *s = login_calls_start(l, call, &expires_in, &r);
    if (!s) {
        reply_refusal(call, &r);
        return;
    }
    buf_init(&b, 0);
    mp_open_map(&map, &b);
    add_login_url(&map, base, s->key, is_local ? SLICE_LIT("") : call_text(call, 0),
                  is_local ? 0 : expires_in);
    mp_key(&map, "key");
    mp_add_text(&b, s->key);
    add_url(&map, "report_url", base, "report");
    add_url(&map, "check_url", base, "check");
    if (!is_local)
        add_url(&map, "generate_url", base, "generate");
    mp_close(&map);
    reply_buf(call, &b);
}

/* ---- check ---- */

struct check {
    struct session_waiter waiter;
    struct rpc_call *call;
    struct login *login;
    bool wants_profile;
    char timeout[32]; /* in seconds, for the sentence */
};

static void login_calls_add_text(struct mp_open *map, const char *key, struct slice text)
{
    mp_key(map, key);
    if (text.ptr)
        mp_add_str(map->buf, text);
    else
        mp_add_nil(map->buf);
}

static void add_profile(struct buf *b, const struct session *s, bool is_local)
{
    const struct login_profile *p = &s->profile;
    struct mp_open map;

    mp_open_map(&map, b);
    login_calls_add_text(&map, "token", slice_of(s->token));
    login_calls_add_text(&map, "workspace", p->workspace);
    if (!is_local) {
        mp_key(&map, "expires_in");
        if (p->expires_in)
            mp_add_int(b, p->expires_in);
        else
            mp_add_nil(b);
    }
    login_calls_add_text(&map, "email", p->email);
    mp_key(&map, "email_verified");
    if (p->has_email_verified)
        mp_add_bool(b, p->email_verified);
    else
        mp_add_nil(b);
    login_calls_add_text(&map, "name", p->name);
    login_calls_add_text(&map, "nickname", p->nickname);
    login_calls_add_text(&map, "user_id", p->user_id);
    login_calls_add_text(&map, "picture", p->picture);
    mp_close(&map);
}

/* Answers with what was reported, which ends the session or its second life. */
static void login_calls_give(struct login *l, struct rpc_call *call, struct session *s,
                             bool wants_profile)
{
    struct buf b;

    buf_init(&b, 0);
    if (wants_profile)
        add_profile(&b, s, l->variant->is_local);
    else
        mp_add_text(&b, s->token);
    if (l->variant->is_local)
        session_shorten(s, READ_AGAIN_MS);
    else
        session_end(s);
    reply_buf(call, &b);
}

static void on_news(struct session_waiter *w, struct session *s, enum session_news news)
{
    struct check *c = CONTAINER_OF(w, struct check, waiter);
    const struct login_variant *m = c->login->variant;
    struct rpc_call *call = c->call;

    call->on_gone = NULL;
    if (news == SESSION_REPORTED)
        login_calls_give(c->login, call, s, c->wants_profile);
    else if (news == SESSION_EXPIRED)
        rpc_reject(call, "Exception", "Login session expired, please start again");
    else
        rpc_reject(call, m->timeout_class, m->is_local ? LOCAL_TIMEOUT : TIMEOUT, c->timeout);
    mem_free(c);
}

static void login_calls_on_gone(struct rpc_call *call)
{
    struct check *c = call->state;

    session_leave(&c->waiter);
    mem_free(c);
    reply_nil(call);
}

static void login_calls_wait_for(struct login *l, struct rpc_call *call, struct session *s,
                                 double timeout_s)
{
    struct check *c = MEM_NEW(struct check);

    (void)snprintf(c->timeout, sizeof(c->timeout), "%.10g", timeout_s);
    c->login = l;
    c->call = call;
    c->wants_profile = call_bool(call, 2, false);
    c->waiter.on_news = on_news;
    call->state = c;
    if (!session_wait(s, &c->waiter, (uint64_t)(timeout_s * 1000))) {
        mem_free(c);
        rpc_reject(call, "RuntimeError", "Too many wait for this login");
        return;
    }
    call->on_gone = login_calls_on_gone;
}

void login_do_check(struct rpc_call *call, void *arg)
{
    struct login *l = arg;
    double life_s = (double)login_calls_config_of(l)->maximum_login_time_ms / 1000, timeout_s = 180;
    struct session *s = session_find(&l->sessions, call_text(call, 0));

    if (!s) {
        rpc_reject(call, l->variant->unknown_class, "%s", l->variant->unknown_at_check);
        return;
    }
    (void)mp_get_num(call->args[1], &timeout_s);
    if (s->is_reported)
        login_calls_give(l, call, s, call_bool(call, 2, false));
    else if (!(timeout_s > 0))
        reply_nil(call);
    else
        login_calls_wait_for(l, call, s, timeout_s < life_s + 1 ? timeout_s : life_s + 1);
}

/* ---- logout, index, profile ---- */

void login_do_logout(struct rpc_call *call, void *arg)
{
    struct login *l = arg;
    struct mp_open map;
    struct buf b;
    SCRATCH_BUF(url, 0);

    buf_init(&b, 0);
    buf_add_fmt(&url, "%s/public/apps/hypha-login/?logout=true&close=true",
                l->hub->info->public_base_url);
    mp_open_map(&map, &b);
    mp_key(&map, "logout_url");
    mp_add_str(&b, buf_slice(&url));
    mp_close(&map);
    reply_buf(call, &b);
}

static void reply_page(struct rpc_call *call, int status, const char *header, struct slice value,
                       struct slice body)
{
    struct buf b;

    buf_init(&b, 0);
    mp_add_map(&b, 3);
    mp_add_text(&b, "status");
    mp_add_int(&b, status);
    mp_add_text(&b, "headers");
    mp_add_map(&b, 1);
    mp_add_text(&b, header);
    mp_add_str(&b, value);
    mp_add_text(&b, "body");
    mp_add_str(&b, body);
    reply_buf(call, &b);
}

void login_do_index(struct rpc_call *call, void *arg)
{
    SCRATCH_BUF(page, 0);

    login_page_text(arg, &page);
    reply_page(call, 200, "Content-Type", SLICE_LIT("text/html"), buf_slice(&page));
}

void login_do_profile(struct rpc_call *call, void *arg)
{
    struct login *l = arg;
    struct buf page;
    SCRATCH_BUF(url, 0);

    if (l->variant->is_local) {
        buf_init(&page, 0);
        page_text(login_calls_config_of(l), "profile.html", &page);
        reply_page(call, 200, "Content-Type", SLICE_LIT("text/html"), buf_slice(&page));
        buf_deinit(&page);
        return;
    }
    buf_add_fmt(&url, "%s/public/apps/hypha-login", l->hub->info->public_base_url);
    reply_page(call, 302, "Location", buf_slice(&url), SLICE_LIT("Redirecting to login page"));
}
