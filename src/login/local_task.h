/* local_task: what the calls of local accounts are made of: their arguments, their steps, their
 * answers. For the files of local accounts only. Hub loop. */
#pragma once
#include "login/local_internal.h"

/* One more mail, or one more try of a password, of the caller's address; else the call is
 * refused. */
MUST_CHECK bool local_may_mail(struct local *l, struct rpc_call *call);
MUST_CHECK bool local_may_try(struct local *l, struct rpc_call *call);
uint64_t local_now(const struct local *l);
void local_tell_figures(struct local *l); /* the metrics */

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
