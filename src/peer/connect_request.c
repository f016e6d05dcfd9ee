/* connect_request: its texts are held by whoever pays, so that any thread may free it. */
#include "peer/connect_request.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "auth/token.h"
#include "base/account.h"
#include "base/held.h"
#include "base/memory.h"
#include "base/rate_counter.h"
#include "peer/hub.h"

struct connect_request *connect_request_new(enum connect_kind kind, struct account *payer,
                                            struct slice client_id, struct slice workspace)
{
    struct connect_request *j = held_new(sizeof(*j), payer);

    if (!j)
        return NULL;
    j->kind = kind;
    j->ask.payer = account_ref(payer);
    j->ask.client_id = held_copy(client_id.ptr, client_id.len, payer);
    j->ask.workspace = workspace.ptr ? held_copy(workspace.ptr, workspace.len, payer) : NULL;
    return j->ask.client_id && (j->ask.workspace || !workspace.ptr) ? j : connect_request_free(j);
}

struct connect_request *connect_request_free(struct connect_request *j)
{
    if (j) {
        held_free(j->ask.client_id);
        held_free(j->ask.workspace);
        mem_free(j->answer.workspace);
        held_free(j->ask.foreign_token);
        user_unref(j->ask.user);
        user_unref(j->answer.user);
        account_unref(j->answer.account);
        account_unref(j->answer.of_workspace);
        rate_counter_unref(j->answer.meter);
        mem_free(j->answer.hears);
        mem_free(j->hypothetical);
        account_unref(j->ask.payer);
        held_free(j);
    }
    return NULL;
}

void connect_request_take_user(struct connect_request *j, const struct token *token)
{
    j->ask.user = token->user;
    j->ask.bound_workspace = token->user->current_workspace;
    j->ask.bound_client = token->user->scope.client_id;
}

bool connect_request_keep_foreign(struct connect_request *j, struct slice text, char *ret_error)
{
    if (text.len > TOKEN_MAX || slice_has_byte(text, '\0')) {
        (void)snprintf(ret_error, TOKEN_ERROR_MAX, "Invalid token");
        return false;
    }
    j->ask.foreign_token = held_copy(text.ptr, text.len, j->ask.payer);
    j->ask.lacks_room = !j->ask.foreign_token;
    return !j->ask.lacks_room;
}

bool connect_request_take_token(struct connect_request *j, enum connect_credential by,
                                struct slice text, char *ret_error)
{
    struct token token;
    int r = token_parse(j->ask.hub->keys, text, &token, ret_error);

    j->ask.by = by;
    if (r == TOKEN_OK)
        connect_request_take_user(j, &token);
    return r == TOKEN_OK ||
           (r == TOKEN_FOREIGN && connect_request_keep_foreign(j, text, ret_error));
}

bool connect_request_refuse(struct connect_request *j, unsigned close_code, int outcome,
                            enum access_rule rule, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(j->answer.text, sizeof(j->answer.text), fmt, args);
    va_end(args);
    /* A text cut in the middle of a character must not leave here. */
    size_t len = slice_utf8_prefix(slice_of(j->answer.text), strlen(j->answer.text)).len;
    j->answer.text[len] = '\0';
    access_rule_note(rule, j->answer.text, sizeof(j->answer.text));
    j->answer.decision.is_allowed = false;
    j->answer.decision.rule = rule;
    j->answer.close_code = close_code;
    j->answer.outcome = outcome;
    return false;
}
