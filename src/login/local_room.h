/* local_room: the inside of local accounts, for their files only. Hub loop throughout.
 *
 * A call that needs the store, a hash or a mail becomes a task: it holds what is known so far and
 * the step that comes next, and ends exactly once. The local accounts live until their last task
 * has ended; when they are closed every call is settled at once, and what its tasks still wait for
 * leads nowhere. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "login/accounts.h"
#include "login/local.h"
#include "login/local_throttle.h"
#include "login/mail.h"
#include "login/verify.h"
#include "loop/loop.h"
#include "rpc/rpc.h"
#include "wire/mp.h"

struct fetcher;
struct hub;
struct passwords;

struct local {
    struct login *login; /* borrowed until closed */
    struct hub *hub;
    struct loop *loop;
    struct accounts accounts;
    struct passwords *passwords;
    struct fetcher *fetcher;
    struct mailer *mailer;
    struct codes signups, resets;
    struct throttle throttle;
    struct timer sweep;
    struct list tasks; /* struct task.link */
    bool is_counted;   /* accounts.n_accounts is what the store has */
    bool is_closed;
    size_t n_codes_told, n_accounts_told, n_evicted_told; /* what the metrics say */
};

struct task {
    struct list link;
    struct local *local;
    struct rpc_call *call; /* NULL: settled, the rest happens behind the answer */
    void (*next)(struct task *t);
    int outcome; /* of the step before: of accounts.h, password.h or mail.h */
    char email[EMAIL_MAX + 1];
    struct person *person; /* owned */
    struct change change;
    char *hash; /* owned: of a new password */
    unsigned generation;
    char digits[CODE_DIGITS_MAX + 1]; /* of the code under way */
};

struct local *local_of(void *arg); /* of a handler's arg; with the options as they are */
/* One more mail, or one more try of a password, of the caller's address; else the call is refused. */
MUST_CHECK bool local_may_mail(struct local *l, struct rpc_call *call);
MUST_CHECK bool local_may_try(struct local *l, struct rpc_call *call);
uint64_t local_now(const struct local *l);
void local_tell_figures(struct local *l);

/* Arguments. A text has its blanks trimmed; a secret is as it is; digits may come as a number.
 * Each is empty when absent or of another type. */
struct slice local_text(const struct rpc_call *call, unsigned i);
struct slice local_secret(const struct rpc_call *call, unsigned i);
struct slice local_digits(const struct rpc_call *call, unsigned i, const struct codes *codes,
                          char room[CODE_DIGITS_MAX + 1]);
bool local_name_is_valid(struct slice name);
extern const char local_name_error[];
/* NULL: good. Else the text of the refusal, `what` being "Password" or "New password". */
const char *local_password_error(struct slice password, bool is_new);

struct task *task_new(struct local *l, struct rpc_call *call, const char *email);
/* Ends it; its call must be settled. */
void task_end(struct task *t);
/* Each goes on with `next`, in a later turn or in this one; never when the accounts have been
 * closed meanwhile. */
void task_find(struct task *t, void (*next)(struct task *t)); /* person; ACCOUNT_* */
void task_store(struct task *t, bool is_fresh, void (*next)(struct task *t)); /* ACCOUNT_* */
void task_hash(struct task *t, struct slice password, void (*next)(struct task *t));
/* Against the person's hash, or nobody's: PASSWORD_* */
void task_check(struct task *t, struct slice password, void (*next)(struct task *t));
void task_mail(struct task *t, enum mail_kind kind, const struct code *code,
               void (*next)(struct task *t)); /* MAIL_* */

/* Each settles with {success: false, error} and ends the task. */
void task_refuse(struct task *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void task_refuse_store(struct task *t); /* by the outcome of a look-up or a write */
void task_refuse_busy(struct task *t);
/* The same for a call that is no task. */
void local_refuse(struct rpc_call *call, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* {success: true, ...}: keys are added between the two. */
struct yes {
    struct buf b;
    struct mp_open map;
};
void yes_open(struct yes *y);
void yes_add(struct yes *y, const char *key, const char *text);
void yes_settle(struct yes *y, struct rpc_call *call);
void task_accept(struct task *t, struct yes *y); /* settles and ends */

typedef void local_handler(struct rpc_call *call, void *arg);
local_handler do_signup, do_verify_email, do_resend_code; /* local_signup.c */
local_handler do_local_login;                             /* local_login.c */
local_handler do_update_profile;                          /* local_profile.c */
local_handler do_request_reset, do_reset_password;        /* local_reset.c */
