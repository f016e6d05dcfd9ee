/* local_internal: the inside of local accounts, for their files only. Hub loop throughout.
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
#include "login/mail_verification.h"
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

typedef void local_handler(struct rpc_call *call, void *arg);
local_handler do_signup, do_verify_email, do_resend_code; /* local_signup.c */
local_handler do_local_login;                             /* local_login.c */
local_handler do_update_profile;                          /* local_profile.c */
local_handler do_request_reset, do_reset_password;        /* local_reset.c */
