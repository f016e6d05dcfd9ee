/* login_report: what the page of a person calls. Pages report by HTTP too, so numbers where texts
 * belong are taken as the texts they came from. The key is looked at before the
 * token: who guesses keys learns nothing about tokens. Hub loop. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "auth/revocation.h"
#include "auth/verify.h"
#include "base/memory.h"
#include "config/config.h"
#include "login/login_report.h"
#include "login/login_internal.h"
#include "login/login_token.h"
#include "manager/reply.h"
#include "peer/hub.h"
#include "peer/sharer.h"
#include "wire/json.h"
#include "wire/mp.h"

enum { TEXT_MAX = 64, LONG_TEXT_MAX = 1024, REPORT_TOKEN_MAX = 4096 };

/* A text, or what JSON would write for a scalar: kept in *scratch. Absent: ptr NULL. */
static struct slice loose_text(struct slice value, struct buf *scratch)
{
    struct slice text = {NULL, 0};

    if (!value.len || mp_is(value, MP_NIL) || mp_get_str(value, &text))
        return text;
    if (json_from_mp(value, scratch) != JSON_OK)
        return text;
    return buf_slice(scratch);
}

bool login_read_int(struct slice value, int64_t *ret)
{
    char digits[24];
    struct slice text;
    int n = 0;

    if (mp_get_int(value, ret))
        return true;
    if (!mp_get_str(value, &text) || !text.len || text.len >= sizeof(digits))
        return false;
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';
    return sscanf(digits, "%" SCNd64 "%n", ret, &n) == 1 && digits[n] == '\0';
}

bool login_session_finish(struct login *l, struct slice key, struct slice token,
                          const struct login_profile *profile)
{
    struct session *s = session_find(&l->sessions, key);

    if (!s)
        return false;
    session_report(s, token, profile, loop_config(l->hub->loop)->maximum_login_time_ms);
    loop_count(l->hub->loop, METRIC_LOGINS_REPORTED, 1);
    return true;
}

enum { KEY, TOKEN, WORKSPACE, EXPIRES_IN, EMAIL, EMAIL_VERIFIED, NAME, NICKNAME, USER_ID, PICTURE };

struct report {
    struct buf texts[PICTURE + 1]; /* those that came as numbers */
    struct login_profile profile;
};

static bool login_report_read_text(struct report *p, const struct rpc_call *call, unsigned i,
                                   size_t max, struct slice *ret, struct refusal *r)
{
    *ret = loose_text(call->args[i], &p->texts[i]);
    if (ret->ptr && ret->len > max)
        return refuse(r, "ValueError", "%s is longer than %zu bytes", call->method->params[i].name,
                      max);
    return true;
}

static bool read_picture(const struct login_profile *p, struct refusal *r)
{
    if (!p->picture.len || slice_starts(p->picture, "https://") ||
        slice_starts(p->picture, "http://"))
        return true;
    return refuse(r, "ValueError", "picture must be an http URL");
}

static bool read_verified(struct report *p, const struct rpc_call *call)
{
    struct slice text = call_text(call, EMAIL_VERIFIED);
    bool flag = slice_is_nocase(text, "true");

    p->profile.has_email_verified =
        mp_get_bool(call->args[EMAIL_VERIFIED], &flag) || flag || slice_is_nocase(text, "false");
    p->profile.email_verified = flag;
    return p->profile.has_email_verified || !call_has(call, EMAIL_VERIFIED) || !text.len;
}

static bool read_report(struct report *p, const struct rpc_call *call, struct refusal *r)
{
    struct login_profile *f = &p->profile;

    if (!login_report_read_text(p, call, WORKSPACE, LONG_TEXT_MAX, &f->workspace, r) ||
        !login_report_read_text(p, call, EMAIL, LONG_TEXT_MAX, &f->email, r) ||
        !login_report_read_text(p, call, NAME, TEXT_MAX, &f->name, r) ||
        !login_report_read_text(p, call, NICKNAME, TEXT_MAX, &f->nickname, r) ||
        !login_report_read_text(p, call, USER_ID, TEXT_MAX, &f->user_id, r) ||
        !login_report_read_text(p, call, PICTURE, LONG_TEXT_MAX, &f->picture, r) ||
        !read_picture(f, r))
        return false;
    if (!read_verified(p, call))
        return refuse(r, "ValueError", "email_verified must be true or false");
    if (call_has(call, EXPIRES_IN) &&
        (!login_read_int(call->args[EXPIRES_IN], &f->expires_in) || f->expires_in <= 0))
        return refuse(r, "ValueError", "expires_in must be a positive number of seconds");
    return true;
}

static bool refuse_token(const char *error, struct refusal *r)
{
    return refuse(
        r, "ValueError",
        "Invalid token provided to report_login: 401: %s. The token must be a valid JWT "
        "token signed by this server or an external authentication provider (e.g., Auth0). "
        "Arbitrary strings are not accepted for security reasons.",
        error);
}

/* The token to keep: the one presented, or one made for the workspace. */
static bool login_report_finish(struct login *l, const struct rpc_call *call,
                                const struct token *token, struct report *p, struct refusal *r)
{
    struct slice text = slice_trim(call_text(call, TOKEN));
    char *minted = NULL;

    if (revocation_covers(l->hub->revocations, token->user))
        return refuse_token("Token has been revoked", r);
    bool ok = read_report(p, call, r);
    if (ok && p->profile.workspace.len && !l->variant->is_local) {
        int64_t life_s = p->profile.expires_in ? p->profile.expires_in : LOGIN_LIFE_S;
        ok = login_mint(l, token, p->profile.workspace, &life_s, &minted, r);
        p->profile.expires_in = life_s;
        text = slice_of(minted);
    }
    if (ok)
        ok = login_session_finish(l, call_text(call, KEY), text, &p->profile) ||
             refuse(r, l->variant->unknown_class, "%s", l->variant->unknown_at_report);
    if (minted)
        explicit_bzero(minted, strlen(minted));
    mem_free(minted);
    return ok;
}

static void reply_reported(struct rpc_call *call, bool is_local)
{
    struct buf b;

    if (!is_local) {
        reply_nil(call);
        return;
    }
    buf_init(&b, 0);
    mp_add_map(&b, 1);
    mp_add_text(&b, "success");
    mp_add_bool(&b, true);
    reply_buf(call, &b);
}

/* Without a token the login may be gone already: the server is closing. */
static void login_report_on_verified(struct token *token, const char *error, void *arg)
{
    struct rpc_call *call = arg;
    struct report p = {0};
    struct refusal r;

    if (!token) {
        (void)refuse_token(error, &r);
        reply_refusal(call, &r);
        return;
    }
    struct login *l = call->arg;
    if (!login_report_finish(l, call, token, &p, &r))
        reply_refusal(call, &r);
    else
        reply_reported(call, l->variant->is_local);
    token_deinit(token);
    for (unsigned i = 0; i <= PICTURE; i++)
        buf_deinit(&p.texts[i]);
}

void login_do_report(struct rpc_call *call, void *arg)
{
    struct login *l = arg;
    struct slice text = slice_trim(call_text(call, TOKEN));
    const struct client *c = client_find(&l->hub->registry, call->from_text);
    char asker[SHARER_MAX];
    struct verify_question q = {text, sharer_of(call->user, c, asker)};

    if (!session_find(&l->sessions, call_text(call, KEY)))
        rpc_reject(call, l->variant->unknown_class, "%s", l->variant->unknown_at_report);
    else if (text.len > REPORT_TOKEN_MAX)
        login_report_on_verified(NULL, "The token is too long", call);
    else if (!l->hub->verifier)
        login_report_on_verified(NULL, "The server is not ready, please retry", call);
    else
        verifier_ask(l->hub->verifier, &q, login_report_on_verified, call);
}
