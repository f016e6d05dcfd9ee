/* local: the life of local accounts. */
#include "login/local.h"

#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "login/local_internal.h"
#include "login/local_task.h"
#include "login/login_internal.h"
#include "login/password.h"
#include "net/fetch.h"
#include "peer/hub.h"

enum { SWEEP_MS = 60 * 1000 };

/* ---- sweeping ---- */

static void local_on_sweep(struct timer *t)
{
    struct local *l = CONTAINER_OF(t, struct local, sweep);
    uint64_t now = local_now(l);

    codes_sweep(&l->signups, now);
    codes_sweep(&l->resets, now);
    throttle_sweep(&l->throttle, now);
    local_tell_figures(l);
    timer_start(l->loop, &l->sweep, SWEEP_MS);
}

/* ---- life ---- */

/* Whoever guesses a code of a reset gets somebody's account, not one of their own: it is longer. */
enum { SIGNUP_DIGITS = 6, RESET_DIGITS = 8 };

static struct code_rules rules_of(const struct config *c, unsigned n_digits)
{
    return (struct code_rules){.n_digits = n_digits,
                               .ttl_ms = c->verification_code_ttl_ms,
                               .throttle_ms = c->verification_resend_throttle_ms,
                               .max_attempts = c->verification_max_attempts,
                               .max_pending = c->verification_max_pending};
}

/* A reload may have changed them. */
static void take_rules(struct local *l)
{
    const struct config *c = loop_config(l->loop);

    l->signups.rules = rules_of(c, SIGNUP_DIGITS);
    l->resets.rules = rules_of(c, RESET_DIGITS);
    l->accounts.max_accounts = c->max_accounts;
}

struct local *local_of(void *arg)
{
    struct local *l = ((struct login *)arg)->local;

    take_rules(l);
    return l;
}

static void on_counted(int outcome, void *arg)
{
    struct task *t = arg;

    t->local->is_counted = outcome == ACCOUNT_FOUND;
    if (!t->local->is_closed && outcome != ACCOUNT_FOUND)
        LOG(LOG_ERROR, "login", "accounts cannot be read");
    task_end(t);
}

struct local *local_open(struct login *login)
{
    struct local *l = MEM_NEW(struct local);
    const struct config *c = loop_config(login->hub->loop);

    l->login = login;
    l->hub = login->hub;
    l->loop = login->hub->loop;
    accounts_init(&l->accounts, l->hub->store);
    l->passwords = passwords_new(l->loop, c->password_hashes, c->password_queue);
    l->fetcher = fetcher_new(l->loop);
    l->mailer = mailer_new(l->loop, l->fetcher);
    codes_init(&l->signups);
    codes_init(&l->resets);
    take_rules(l);
    throttle_init(&l->throttle);
    list_init(&l->tasks);
    timer_init(&l->sweep, local_on_sweep);
    timer_start(l->loop, &l->sweep, SWEEP_MS);
    accounts_load(&l->accounts, on_counted, task_new(l, NULL, ""));
    return l;
}

void local_close(struct local *l)
{
    if (!l)
        return;
    /* so that it lives until the end of this function */
    struct task *last = task_new(l, NULL, "");
    l->is_closed = true;
    timer_stop(l->loop, &l->sweep);
    LIST_FOREACH (it, &l->tasks) {
        struct task *t = LIST_ENTRY(it, struct task, link);

        if (t->call)
            rpc_reject(t->call, "RuntimeError", "The server is going down");
        t->call = NULL;
    }
    passwords_free(l->passwords); /* these two end the tasks that wait for them */
    fetcher_close(l->fetcher);
    mailer_free(l->mailer);
    codes_deinit(&l->signups);
    codes_deinit(&l->resets);
    throttle_deinit(&l->throttle);
    task_end(last);
}
