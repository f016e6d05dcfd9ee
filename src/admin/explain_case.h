/* explain_case: one question of the administrator's, from its words to the decision: who is
 * asked about, where that user would act, and what access_decide() says of it. Nothing is
 * decided here, so nothing can differ from what is enforced. Hub loop; lives for one turn, but
 * for a token that somebody else must be asked about. */
#pragma once
#include <stdbool.h>

#include "auth/user.h"
#include "base/slice.h"
#include "manager/reply.h"
#include "peer/access.h"
#include "peer/connect_request.h"

struct hub;
struct rpc_call;
struct token;

struct explain_case {
    struct hub *hub;
    struct rpc_call *call;
    /* the question */
    enum access_operation operation;
    enum permission wanted;          /* of generate_token */
    struct slice workspace, service; /* as they were given; service may be empty */
    /* who: NULL when the token is no good, and why */
    struct user *user; /* holds a reference */
    enum connect_credential by;
    const char *bound_workspace, *bound_client; /* as in struct connect_question */
    bool is_connected;
    char token_error[200];
    /* the answer; what it points to lives as long as the case, in this turn */
    /* owned: the connect request of the dry run; NULL when there was none */
    struct connect_request *join;
    struct access_decision decision;
    bool is_entry; /* it is the entry into `context` that was refused */
};

/* Reads workspace, service and operation. False: refused. */
bool explain_read(struct explain_case *c, struct refusal *r);
/* Who a user id, or a map, stands for. False: refused. */
bool explain_person(struct explain_case *c, struct slice who, struct refusal *r);
/* Takes the user of a token that was found good. */
void explain_token(struct explain_case *c, struct token *token);
/* Fills in the decision. False: the service id is not one. */
bool explain_decide(struct explain_case *c, struct refusal *r);
void explain_deinit(struct explain_case *c);
