/* local_login: a password for a token. Whether there is such an account, whether its password was
 * wrong, and whether it has been tried too often get one answer; the first two in one time. */
#include "auth/scope.h"
#include "auth/token.h"
#include "base/memory.h"
#include "login/local.h"
#include "login/local_internal.h"
#include "login/local_task.h"
#include "login/login_report.h"
#include "login/login_internal.h"
#include "login/password.h"
#include "peer/hub.h"
#include "registry/registry.h"

enum { TOKEN_LIFE_S = 24 * 3600 };

static const char generic[] = "Invalid email or password";

/* The asked-for workspace when it is theirs, else their own (D-21). */
static void local_login_choose_workspace(const struct hub *h, const struct user *u,
                                         struct slice asked, struct scope *scope)
{
    char personal[USER_WORKSPACE_MAX];
    const struct workspace *w = asked.len ? workspace_find(&h->registry, asked) : NULL;

    user_personal_workspace(u, personal);
    scope_grant(scope, personal, PERMISSION_ADMIN);
    if (w && workspace_owned_by(w, u))
        scope_grant_slice(scope, asked, PERMISSION_ADMIN);
    else
        asked = slice_of(personal);
    scope->current_workspace = mem_copy(asked.ptr, asked.len);
}

static void finish_session(struct task *t, struct slice token, const char *workspace)
{
    const struct person *p = t->person;
    struct login_profile profile = {.workspace = slice_of(workspace),
                                    .email = slice_of(p->email),
                                    .name = slice_of(p->name),
                                    .nickname = slice_of(p->name),
                                    .user_id = slice_of(p->id),
                                    .has_email_verified = true,
                                    .email_verified = true};
    struct slice key = local_text(t->call, 3);

    if (key.len)
        (void)login_session_finish(t->local->login, key, token, &profile);
}

static void answer_token(struct task *t, const char *token, const char *workspace)
{
    struct yes y;

    yes_open(&y);
    yes_add(&y, "token", token);
    yes_add(&y, "user_id", t->person->id);
    yes_add(&y, "email", t->person->email);
    yes_add(&y, "workspace", workspace);
    task_accept(t, &y);
}

static void local_login_admit(struct task *t)
{
    struct local *l = t->local;
    static char role[] = "user";
    char *roles[] = {role};
    struct user user = {
        .n_refs = 1, .id = t->person->id, .email = t->person->email, .roles = roles, .n_roles = 1};
    struct scope scope = {0};

    local_login_choose_workspace(l->hub, &user, local_text(t->call, 2), &scope);
    char *token = token_mint(l->hub->keys, &user, &scope, TOKEN_LIFE_S);
    if (token) {
        finish_session(t, slice_of(token), scope.current_workspace);
        answer_token(t, token, scope.current_workspace);
        explicit_bzero(token, strlen(token));
    } else {
        task_refuse_busy(t);
    }
    mem_free(token);
    scope_deinit(&scope);
}

static void login_checked(struct task *t)
{
    struct local *l = t->local;

    if (t->outcome == PASSWORD_OK && t->person) {
        throttle_clear(&l->throttle, slice_of(t->email));
        local_login_admit(t);
    } else if (t->outcome == PASSWORD_BUSY || t->outcome == PASSWORD_FAILED) {
        throttle_take_back(&l->throttle, slice_of(t->email));
        task_refuse_busy(t);
    } else {
        loop_count(l->loop, METRIC_PASSWORDS_WRONG, 1);
        task_refuse(t, generic);
    }
}

static void login_found(struct task *t)
{
    if (t->outcome == ACCOUNT_FOUND || t->outcome == ACCOUNT_ABSENT) {
        task_check(t, local_secret(t->call, 1), login_checked);
    } else {
        throttle_take_back(&t->local->throttle, slice_of(t->email));
        task_refuse_store(t);
    }
}

/* Nobody has begun to sign up either. */
static bool nobody_is_here(const struct local *l)
{
    return l->is_counted && !l->accounts.n_accounts && !l->signups.by_email.n_entries;
}

void do_local_login(struct rpc_call *call, void *arg)
{
    struct local *l = local_of(arg);
    struct slice address = local_text(call, 0), password = local_secret(call, 1);
    char email[EMAIL_MAX + 1];

    if (!address.len || !password.len)
        local_refuse(call, "Email and password are required");
    else if (nobody_is_here(l))
        local_refuse(call, "No users registered yet. Please sign up first.");
    else if (!email_read(address, email) || password.len > PASSWORD_MAX_BYTES)
        local_refuse(call, "%s", generic); /* nobody has such a one */
    else if (!local_may_try(l, call))
        return;
    else if (throttle_try(&l->throttle, slice_of(email), local_now(l)))
        task_find(task_new(l, call, email), login_found);
    else
        local_refuse(call, "%s", generic);
}
