/* local_task: one call on its way through store, pool and mail. Every callback comes through
 * local_task_go(), the only place that asks whether there is still anybody to go on for. */
#include "login/local_task.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "config/config.h"
#include "login/login_limits.h"
#include "login/login_internal.h"
#include "login/password.h"
#include "manager/reply.h"
#include "peer/hub.h"
#include "wire/url.h"
#include "wire/utf8.h"

/* ---- life ---- */

static void local_task_tell(struct local *l, enum metric id, size_t is, size_t *told)
{
    loop_count(l->loop, id, (int64_t)is - (int64_t)*told);
    *told = is;
}

void local_tell_figures(struct local *l)
{
    size_t n_codes = l->signups.by_email.n_entries + l->resets.by_email.n_entries;
    size_t n_evicted = l->signups.n_evicted + l->resets.n_evicted;

    local_task_tell(l, METRIC_CODES, n_codes, &l->n_codes_told);
    local_task_tell(l, METRIC_CODES_EVICTED, n_evicted, &l->n_evicted_told);
    local_task_tell(l, METRIC_ACCOUNTS, l->accounts.n_accounts, &l->n_accounts_told);
}

struct task *task_new(struct local *l, struct rpc_call *call, const char *email)
{
    struct task *t = MEM_NEW(struct task);

    t->local = l;
    t->call = call;
    snprintf(t->email, sizeof(t->email), "%s", email);
    list_init(&t->link);
    list_link(&l->tasks, &t->link);
    return t;
}

static void wipe_text(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    mem_free(text);
}

void task_end(struct task *t)
{
    struct local *l = t->local;

    ASSERT(!t->call);
    accounts_end_change(&l->accounts, &t->change);
    person_free(t->person);
    wipe_text(t->hash);
    explicit_bzero(t->digits, sizeof(t->digits));
    list_unlink(&t->link);
    mem_free(t);
    if (!l->is_closed)
        local_tell_figures(l);
    if (!l->is_closed || !list_is_empty(&l->tasks))
        return;
    accounts_deinit(&l->accounts);
    mem_free(l);
}

static void local_task_go(struct task *t, int outcome)
{
    if (t->local->is_closed) {
        task_end(t);
        return;
    }
    t->outcome = outcome;
    t->next(t);
}

/* ---- steps ---- */

static void on_found(int outcome, struct person *person, void *arg)
{
    struct task *t = arg;

    person_free(t->person);
    t->person = person;
    local_task_go(t, outcome);
}

void task_find(struct task *t, void (*next)(struct task *t))
{
    t->next = next;
    accounts_get(&t->local->accounts, t->email, on_found, t);
}

static void on_outcome(int outcome, void *arg)
{
    local_task_go(arg, outcome);
}

void task_store(struct task *t, bool is_fresh, void (*next)(struct task *t))
{
    t->next = next;
    accounts_put(&t->local->accounts, t->person, is_fresh, on_outcome, t);
}

static void on_hash(int outcome, const char *hash, void *arg)
{
    struct task *t = arg;

    if (outcome == PASSWORD_OK && *hash) {
        wipe_text(t->hash);
        t->hash = mem_copy(hash, strlen(hash));
    }
    local_task_go(t, outcome);
}

void task_hash(struct task *t, struct slice password, void (*next)(struct task *t))
{
    t->next = next;
    password_hash(t->local->passwords, password, on_hash, t);
}

void task_check(struct task *t, struct slice password, void (*next)(struct task *t))
{
    t->next = next;
    password_check(t->local->passwords, password, t->person ? t->person->hash : NULL, on_hash, t);
}

/* The page reads it from the fragment, which no server, proxy or log ever sees. */
static void add_link(struct buf *b, const struct task *t, enum mail_kind kind)
{
    buf_add_fmt(b, "%s/public/apps/hypha-login/#%s&email=", t->local->hub->info->public_base_url,
                kind == MAIL_SIGNUP ? "verify" : "reset");
    url_encode(slice_of(t->email), b);
    buf_add_fmt(b, "&code=%s", t->digits);
}

void task_mail(struct task *t, enum mail_kind kind, const struct code *code,
               void (*next)(struct task *t))
{
    SCRATCH_BUF(link, 0);

    memcpy(t->digits, code->digits, sizeof(t->digits));
    t->generation = code->generation;
    t->next = next;
    add_link(&link, t, kind);
    buf_add_byte(&link, 0);
    struct code_mail mail = {
        .kind = kind,
        .to = t->email,
        .digits = t->digits,
        .link = link.ptr,
        .minutes =
            (unsigned)(loop_config(t->local->loop)->verification_code_ttl_ms + 59999) / 60000};
    mail_code(t->local->mailer, &mail, on_outcome, t);
}

/* ---- answers ---- */

static void local_task_refuse_text(struct rpc_call *call, const char *fmt, va_list args)
{
    char text[256];
    struct mp_open map;
    struct buf b;

    vsnprintf(text, sizeof(text), fmt, args);
    buf_init(&b, 0);
    mp_open_map(&map, &b);
    mp_key(&map, "success");
    mp_add_bool(&b, false);
    mp_key(&map, "error");
    mp_add_text(&b, text);
    mp_close(&map);
    reply_buf(call, &b);
}

void local_refuse(struct rpc_call *call, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    local_task_refuse_text(call, fmt, args);
    va_end(args);
}

void task_refuse(struct task *t, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (t->call)
        local_task_refuse_text(t->call, fmt, args);
    va_end(args);
    t->call = NULL;
    task_end(t);
}

static bool local_task_may(struct local *l, struct rpc_call *call, enum login_rate rate)
{
    unsigned wait_s;

    if (login_rate_take_call(l->login, rate, call, &wait_s))
        return true;
    local_refuse(call, "Too many requests from your address. Please try again in %us.", wait_s);
    return false;
}

bool local_may_mail(struct local *l, struct rpc_call *call)
{
    return local_task_may(l, call, LOGIN_RATE_MAILS);
}

bool local_may_try(struct local *l, struct rpc_call *call)
{
    return local_task_may(l, call, LOGIN_RATE_TRIES);
}

void task_refuse_busy(struct task *t)
{
    task_refuse(t, "The server is busy. Please try again in a moment.");
}

void task_refuse_store(struct task *t)
{
    switch (t->outcome) {
    case ACCOUNT_NO_ROOM:
        task_refuse(t, "No further accounts can be made on this server (--max-accounts %zu).",
                    t->local->accounts.max_accounts);
        break;
    default:
        task_refuse(t, "The accounts cannot be reached. Please try again later.");
    }
}

void yes_open(struct yes *y)
{
    buf_init(&y->b, 0);
    mp_open_map(&y->map, &y->b);
    mp_key(&y->map, "success");
    mp_add_bool(&y->b, true);
}

void yes_add(struct yes *y, const char *key, const char *text)
{
    mp_key(&y->map, key);
    mp_add_text(&y->b, text);
}

void yes_settle(struct yes *y, struct rpc_call *call)
{
    mp_close(&y->map);
    reply_buf(call, &y->b);
}

void task_accept(struct task *t, struct yes *y)
{
    yes_settle(y, t->call);
    t->call = NULL;
    task_end(t);
}

/* ---- arguments ---- */

uint64_t local_now(const struct local *l)
{
    return loop_now_ms(l->loop);
}

struct slice local_secret(const struct rpc_call *call, unsigned i)
{
    struct slice text = {0};

    return mp_get_str(call->args[i], &text) ? text : (struct slice){0};
}

struct slice local_text(const struct rpc_call *call, unsigned i)
{
    return slice_trim(local_secret(call, i));
}

struct slice local_digits(const struct rpc_call *call, unsigned i, const struct codes *codes,
                          char room[CODE_DIGITS_MAX + 1])
{
    unsigned n_digits = codes->rules.n_digits;
    int64_t n;

    if (!mp_get_int(call->args[i], &n) || n < 0 || n > 99999999)
        return local_text(call, i);
    return slice_make(
        room, (size_t)snprintf(room, CODE_DIGITS_MAX + 1, "%0*u", (int)n_digits, (unsigned)n));
}

const char local_name_error[] = "Name must be at most 64 characters, without control characters";

static size_t n_characters(struct slice text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++)
        n += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return n;
}

bool local_name_is_valid(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.ptr[i] < ' ' || name.ptr[i] == 0x7f)
            return false;
    }
    return slice_is_utf8(name) && !utf8_has_direction(name) &&
           n_characters(name) <= PERSON_NAME_MAX;
}

const char *local_password_error(struct slice password, bool is_new)
{
    if (n_characters(password) < PASSWORD_MIN_BYTES)
        return is_new ? "New password must be at least 8 characters"
                      : "Password must be at least 8 characters";
    if (password.len > PASSWORD_MAX_BYTES)
        return is_new ? "New password must be at most 1024 bytes"
                      : "Password must be at most 1024 bytes";
    return NULL;
}
