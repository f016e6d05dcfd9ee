/* local_signup: an account comes to be when the code that was mailed to its address comes back,
 * and not before: until then there is only an entry in the table of codes, which holds the hash of
 * the password. */
#include "base/memory.h"
#include "login/local.h"
#include "login/local_internal.h"
#include "login/local_task.h"
#include "login/login_internal.h"
#include "login/password.h"

static const char wait_error[] = "Please wait %us before requesting another code.";
static const char mail_error[] = "The e-mail could not be sent. Please try again later.";

/* ---- signup ---- */

static void answer_code(struct task *t, bool is_signup)
{
    struct yes y;

    yes_open(&y);
    if (is_signup) {
        mp_key(&y.map, "verification_required");
        mp_add_bool(&y.b, true);
    }
    yes_add(&y, "email", t->email);
    if (mailer_is_dev(t->local->mailer))
        yes_add(&y, "dev_code", t->digits);
    task_accept(t, &y);
}

static void on_mailed(struct task *t, bool is_signup)
{
    if (t->outcome == MAIL_SENT) {
        answer_code(t, is_signup);
        return;
    }
    code_withdraw(&t->local->signups, slice_of(t->email), t->generation);
    task_refuse(t, mail_error);
}

static void signup_mailed(struct task *t)
{
    on_mailed(t, true);
}

static void signup_hashed(struct task *t)
{
    struct local *l = t->local;
    struct slice name = local_text(t->call, 0);
    struct code *code;
    unsigned wait_s;

    if (t->outcome != PASSWORD_OK) {
        task_refuse_busy(t);
        return;
    }
    if (code_issue(&l->signups, slice_of(t->email), local_now(l), &code, &wait_s) != CODE_OK) {
        task_refuse(t, wait_error, wait_s);
        return;
    }
    char *text = mem_copy(name.ptr, name.len);
    code_set_fields(code, text, t->hash);
    mem_free(text);
    task_mail(t, MAIL_SIGNUP, code, signup_mailed);
}

static void signup_found(struct task *t)
{
    if (t->outcome == ACCOUNT_FOUND)
        task_refuse(t, "Email already registered");
    else if (t->outcome == ACCOUNT_ABSENT)
        task_hash(t, local_secret(t->call, 2), signup_hashed);
    else
        task_refuse_store(t);
}

void do_signup(struct rpc_call *call, void *arg)
{
    struct slice name = local_text(call, 0), address = local_text(call, 1);
    struct slice password = local_secret(call, 2);
    struct local *l = local_of(arg);
    char email[EMAIL_MAX + 1];

    if (!name.len || !address.len || !password.len)
        local_refuse(call, "Name, email and password are required");
    else if (local_password_error(password, false))
        local_refuse(call, "%s", local_password_error(password, false));
    else if (!local_name_is_valid(name))
        local_refuse(call, "%s", local_name_error);
    else if (!email_read(address, email))
        local_refuse(call, "Invalid email address");
    else if (local_may_mail(l, call))
        task_find(task_new(l, call, email), signup_found);
}

/* ---- verify_email ---- */

static const char other_code[] = "Another code was sent meanwhile. Please use that one.";

static void verify_stored(struct task *t)
{
    struct yes y;

    if (t->outcome != ACCOUNT_FOUND) {
        task_refuse_store(t);
        return;
    }
    yes_open(&y);
    yes_add(&y, "user_id", t->person->id);
    mp_key(&y.map, "email_verified");
    mp_add_bool(&y.b, true);
    task_accept(t, &y);
}

static void verify_checked(struct task *t)
{
    struct local *l = t->local;
    struct code *code = code_find(&l->signups, slice_of(t->email), local_now(l));

    if (t->outcome == PASSWORD_WRONG) {
        task_refuse(t, "Somebody else has signed up with this address meanwhile. "
                       "Please sign up again.");
    } else if (t->outcome != PASSWORD_OK) {
        task_refuse_busy(t);
    } else if (!code || code->generation != t->generation) {
        task_refuse(t, other_code);
    } else {
        code_settle(&l->signups, code);
        task_store(t, true, verify_stored);
    }
}

/* A sign-up that was being hashed when an older code of the address was used leaves a second code:
 * it must not replace the account. */
static void verify_found(struct task *t)
{
    struct local *l = t->local;
    struct code *code = code_find(&l->signups, slice_of(t->email), local_now(l));
    struct slice password = local_secret(t->call, 2);

    if (t->outcome == ACCOUNT_FOUND) {
        task_refuse(t, "Email already registered");
    } else if (t->outcome != ACCOUNT_ABSENT) {
        task_refuse_store(t);
    } else if (!code || code->generation != t->generation) {
        task_refuse(t, other_code);
    } else {
        t->person = person_new(t->email, code->name, code->hash);
        t->outcome = PASSWORD_OK;
        if (password.len)
            task_check(t, password, verify_checked);
        else
            verify_checked(t);
    }
}

static void verify_right(struct local *l, struct rpc_call *call, const struct code *code)
{
    struct task *t = task_new(l, call, code->email);

    t->generation = code->generation;
    if (accounts_begin_change(&l->accounts, &t->change, t->email))
        task_find(t, verify_found);
    else
        task_refuse_busy(t);
}

void do_verify_email(struct rpc_call *call, void *arg)
{
    struct local *l = local_of(arg);
    char email[EMAIL_MAX + 1], room[CODE_DIGITS_MAX + 1];
    struct slice address = local_text(call, 0), digits = local_digits(call, 1, &l->signups, room);
    struct code *code;
    unsigned left;
    int r = CODE_ABSENT;

    if (!address.len || !digits.len) {
        local_refuse(call, "Email and verification code are required");
        return;
    }
    if (email_read(address, email))
        r = code_guess(&l->signups, slice_of(email), digits, local_now(l), &code, &left);
    if (r == CODE_OK)
        verify_right(l, call, code);
    else if (r == CODE_WRONG)
        local_refuse(call, "Incorrect code. %u attempt(s) remaining.", left);
    else if (r == CODE_SPENT)
        local_refuse(call, "Too many incorrect attempts. Please sign up again.");
    else
        local_refuse(call, "No pending verification for this email, or the code has expired. "
                           "Please sign up again.");
}

/* ---- resend_code ---- */

static void resend_mailed(struct task *t)
{
    on_mailed(t, false);
}

void do_resend_code(struct rpc_call *call, void *arg)
{
    struct local *l = local_of(arg);
    struct slice address = local_text(call, 0);
    char email[EMAIL_MAX + 1];
    struct code *code;
    unsigned wait_s;
    int r = CODE_ABSENT;

    if (!address.len) {
        local_refuse(call, "Email is required");
        return;
    }
    if (!local_may_mail(l, call))
        return;
    if (email_read(address, email))
        r = code_reissue(&l->signups, slice_of(email), local_now(l), &code, &wait_s);
    if (r == CODE_OK)
        task_mail(task_new(l, call, email), MAIL_SIGNUP, code, resend_mailed);
    else if (r == CODE_WAIT)
        local_refuse(call, wait_error, wait_s);
    else
        local_refuse(call, "No pending verification for this email. Please sign up again.");
}
