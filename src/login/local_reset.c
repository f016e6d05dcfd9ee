/* local_reset: another password for who has forgotten theirs. Asking gives the same answer, at the
 * same time, whether or not there is such an account: the code is made for every address, and the
 * mail leaves behind the answer. */
#include "login/local.h"
#include "login/local_internal.h"
#include "login/local_task.h"
#include "login/password.h"

/* ---- request_reset ---- */

static void request_mailed(struct task *t)
{
    task_end(t); /* a failure is in the log; the person can ask again */
}

static void request_found(struct task *t)
{
    struct local *l = t->local;
    struct code *code = code_find(&l->resets, slice_of(t->email), local_now(l));

    if (t->outcome == ACCOUNT_FOUND && code && code->is_waiting &&
        code->generation == t->generation)
        task_mail(t, MAIL_RESET, code, request_mailed);
    else
        task_end(t);
}

static void answer_request(struct local *l, struct rpc_call *call, const struct code *code)
{
    struct yes y;

    yes_open(&y);
    yes_add(&y, "email", code->email);
    if (mailer_is_dev(l->mailer))
        yes_add(&y, "dev_code", code->digits);
    yes_settle(&y, call);
}

/* Asking again within the throttle, or after the last mail of the hour: the wait is the same for
 * every address. */
static int local_reset_issue(struct local *l, struct slice email, struct code **ret,
                             unsigned *ret_wait_s)
{
    struct code *code = code_find(&l->resets, email, local_now(l));

    if (code && code->is_waiting)
        return code_reissue(&l->resets, email, local_now(l), ret, ret_wait_s);
    return code_issue(&l->resets, email, local_now(l), ret, ret_wait_s);
}

void do_request_reset(struct rpc_call *call, void *arg)
{
    struct local *l = local_of(arg);
    struct slice address = local_text(call, 0);
    char email[EMAIL_MAX + 1];
    struct code *code;
    unsigned wait_s;

    if (!address.len) {
        local_refuse(call, "Email is required");
    } else if (!email_read(address, email)) {
        local_refuse(call, "Invalid email address");
    } else if (!local_may_mail(l, call)) {
        return;
    } else if (local_reset_issue(l, slice_of(email), &code, &wait_s) != CODE_OK) {
        local_refuse(call, "Please wait %us before requesting another code.", wait_s);
    } else {
        struct task *t = task_new(l, NULL, email);
        t->generation = code->generation;
        answer_request(l, call, code);
        task_find(t, request_found);
    }
}

/* ---- reset_password ---- */

static const char no_code[] =
    "No pending reset for this email, or the code has expired. Please request another one.";

static void reset_stored(struct task *t)
{
    struct yes y;

    if (t->outcome != ACCOUNT_FOUND) {
        task_refuse_store(t);
        return;
    }
    throttle_clear(&t->local->throttle, slice_of(t->email));
    yes_open(&y);
    yes_add(&y, "message", "Password changed");
    task_accept(t, &y);
}

static void reset_hashed(struct task *t)
{
    if (t->outcome != PASSWORD_OK) {
        task_refuse_busy(t);
        return;
    }
    person_set(&t->person->hash, slice_of(t->hash));
    task_store(t, false, reset_stored);
}

static void reset_found(struct task *t)
{
    if (t->outcome == ACCOUNT_FOUND)
        task_hash(t, local_secret(t->call, 2), reset_hashed);
    else if (t->outcome == ACCOUNT_ABSENT)
        task_refuse(t, no_code);
    else
        task_refuse_store(t);
}

static void reset_right(struct local *l, struct rpc_call *call, struct code *code)
{
    struct task *t = task_new(l, call, code->email);

    if (!accounts_begin_change(&l->accounts, &t->change, t->email)) {
        task_refuse_busy(t);
        return;
    }
    code_settle(&l->resets, code);
    task_find(t, reset_found);
}

void do_reset_password(struct rpc_call *call, void *arg)
{
    struct local *l = local_of(arg);
    char email[EMAIL_MAX + 1], room[CODE_DIGITS_MAX + 1];
    struct slice address = local_text(call, 0), digits = local_digits(call, 1, &l->resets, room);
    struct slice password = local_secret(call, 2);
    struct code *code;
    unsigned left;
    int r = CODE_ABSENT;

    if (!address.len || !digits.len || !password.len) {
        local_refuse(call, "Email, code and new password are required");
        return;
    }
    if (local_password_error(password, true)) {
        local_refuse(call, "%s", local_password_error(password, true));
        return;
    }
    if (email_read(address, email))
        r = code_guess(&l->resets, slice_of(email), digits, local_now(l), &code, &left);
    if (r == CODE_OK)
        reset_right(l, call, code);
    else if (r == CODE_WRONG)
        local_refuse(call, "Incorrect code. %u attempt(s) remaining.", left);
    else if (r == CODE_SPENT)
        local_refuse(call, "Too many incorrect attempts. Please request another code.");
    else
        local_refuse(call, "%s", no_code);
}
