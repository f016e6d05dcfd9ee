/* explain: may this user do that there, and why? Answered by the functions that enforce it;
 * nothing is made, counted or kept. A token is asked about as a login would; what it says is
 * never echoed. */
#include <stdio.h>
#include <string.h>

#include "admin/explain_case.h"
#include "admin/explain_text.h"
#include "admin/admin_internal.h"
#include "auth/token.h"
#include "auth/verify.h"
#include "base/memory.h"
#include "peer/hub.h"
#include "wire/mp.h"

/* A token wherever it is written as one, and any text that is the root token; other texts are
 * user ids. */
static bool explain_is_token(const struct hub *h, struct slice who, struct slice *ret_text)
{
    char error[TOKEN_ERROR_MAX];
    struct token token;

    if (mp_find_str(who, "token", ret_text))
        return true;
    if (!mp_get_str(who, ret_text))
        return false;
    if (slice_starts(*ret_text, "eyJ") || slice_starts(*ret_text, "Bearer "))
        return true;
    if (token_parse(h->keys, *ret_text, &token, error) != TOKEN_OK)
        return false;
    token_deinit(&token);
    return true;
}

static void explain_answer(struct explain_case *c)
{
    struct refusal r;
    struct buf b;

    if (explain_decide(c, &r)) {
        buf_init(&b, 0);
        explain_add(&b, c);
        reply_buf(c->call, &b);
    } else {
        reply_refusal(c->call, &r);
    }
    explain_deinit(c);
    mem_free(c);
}

static void explain_on_verified(struct token *token, const char *error, void *arg)
{
    struct explain_case *c = arg;

    if (token) {
        explain_token(c, token);
        token_deinit(token);
    } else {
        (void)snprintf(c->token_error, sizeof(c->token_error), "%s", error);
    }
    explain_answer(c);
}

void admin_explain(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct admin *)arg)->hub;
    struct explain_case *c = MEM_NEW(struct explain_case);
    struct slice text;
    struct refusal r;

    c->hub = h;
    c->call = call;
    if (!explain_read(c, &r)) {
        reply_refusal(call, &r);
        mem_free(c);
    } else if (explain_is_token(h, call->args[0], &text)) {
        if (h->verifier)
            verifier_ask(
                h->verifier,
                &(struct verify_question){text, slice_of(call->user->id), VERIFY_TO_CONNECT},
                explain_on_verified, c);
        else
            explain_on_verified(NULL, "The server is not ready, please retry", c);
    } else if (explain_person(c, call->args[0], &r)) {
        explain_answer(c);
    } else {
        reply_refusal(call, &r);
        mem_free(c);
    }
}
