/* local_profile: what people may change of themselves. A name, by whoever is logged in as them or
 * knows the password; a password, only by who knows the present one (D-23). */
#include <strings.h>

#include "auth/user.h"
#include "login/local.h"
#include "login/local_internal.h"
#include "login/local_task.h"
#include "login/password.h"

static bool is_oneself(const struct rpc_call *call, const struct person *p)
{
    const struct user *u = call->user;

    /* A child's token was handed on: whoever has it is not the person. */
    return !u->is_anonymous && !u->parent && !user_is_specialized(u) && strcmp(u->id, p->id) == 0 &&
           u->email && strcasecmp(u->email, p->email) == 0;
}

static void profile_stored(struct task *t)
{
    struct yes y;

    if (t->outcome != ACCOUNT_FOUND) {
        task_refuse_store(t);
        return;
    }
    yes_open(&y);
    yes_add(&y, "message", "Profile updated successfully");
    task_accept(t, &y);
}

static void profile_hashed(struct task *t)
{
    struct slice name = local_text(t->call, 1);

    if (t->outcome != PASSWORD_OK) {
        task_refuse_busy(t);
        return;
    }
    if (t->hash)
        person_set(&t->person->hash, slice_of(t->hash));
    if (name.len)
        person_set(&t->person->name, name);
    task_store(t, false, profile_stored);
}

/* The caller has shown who they are. */
static void local_profile_change(struct task *t)
{
    struct slice password = local_secret(t->call, 3);
    const char *error = password.len ? local_password_error(password, true) : NULL;

    if (error) {
        task_refuse(t, "%s", error);
    } else if (password.len) {
        task_hash(t, password, profile_hashed);
    } else {
        t->outcome = PASSWORD_OK;
        profile_hashed(t);
    }
}

static void profile_checked(struct task *t)
{
    struct local *l = t->local;

    if (t->outcome == PASSWORD_OK) {
        throttle_clear(&l->throttle, slice_of(t->email));
        local_profile_change(t);
    } else if (t->outcome == PASSWORD_WRONG) {
        loop_count(l->loop, METRIC_PASSWORDS_WRONG, 1);
        task_refuse(t, "Current password is incorrect");
    } else {
        throttle_take_back(&l->throttle, slice_of(t->email));
        task_refuse_busy(t);
    }
}

static void profile_found(struct task *t)
{
    struct local *l = t->local;
    struct slice current = local_secret(t->call, 2);

    if (t->outcome == ACCOUNT_ABSENT)
        task_refuse(t, "User not found");
    else if (t->outcome != ACCOUNT_FOUND)
        task_refuse_store(t);
    else if (!current.len && local_secret(t->call, 3).len)
        task_refuse(t, "Current password required to change password");
    else if (!current.len && is_oneself(t->call, t->person))
        local_profile_change(t);
    else if (!current.len)
        task_refuse(t, "Log in or give the current password to change the profile");
    else if (current.len > PASSWORD_MAX_BYTES ||
             !throttle_try(&l->throttle, slice_of(t->email), local_now(l)))
        task_refuse(t, "Current password is incorrect");
    else
        task_check(t, current, profile_checked);
}

void do_update_profile(struct rpc_call *call, void *arg)
{
    struct local *l = local_of(arg);
    struct slice address = local_text(call, 0), name = local_text(call, 1);
    char email[EMAIL_MAX + 1];

    if (!address.len) {
        local_refuse(call, "Email is required for profile updates");
    } else if (!email_read(address, email)) {
        local_refuse(call, "User not found");
    } else if (!local_name_is_valid(name)) {
        local_refuse(call, "%s", local_name_error);
    } else if (local_secret(call, 2).len && !local_may_try(l, call)) {
        return;
    } else {
        struct task *t = task_new(l, call, email);
        if (accounts_begin_change(&l->accounts, &t->change, email))
            task_find(t, profile_found);
        else
            task_refuse_busy(t);
    }
}
