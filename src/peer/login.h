/* login: from the first text frame to connection_info. */
#pragma once
#include "base/slice.h"
#include "peer/connect_request.h"

struct asker;
struct peer;
struct peer_loop;

void login_first_message(struct peer *p, struct slice text);
struct login_claim { /* borrowed for the call */
    enum connect_kind kind;
    struct slice client_id, workspace, token; /* empty = not given */
    enum connect_credential by;               /* what the token is, if it is given */
    /* who has shown that token, which is verified; NULL: nobody has looked at it */
    struct asker *asker;
};
/* GREETING to JOINING. A token that is no good refuses the peer in this call. */
void login_ask(struct peer *p, const struct login_claim *claim);
void login_undecodable(struct peer *p); /* its first message is none */
