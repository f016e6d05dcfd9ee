/* connect_request: one request to be let in: its question, which travels to the hub loop, and its
 * answer, which travels back. What decides is peer/connect_authorization.h. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/user.h"
#include "base/slice.h"
#include "loop/loop.h"
#include "peer/access.h"

struct account;
struct hub;
struct connect_request;
struct lease;
struct rate_counter;
struct token;
struct workspace;

enum { CONNECT_TEXT_MAX = 640 };

enum connect_kind {
    CONNECT_CLIENT, /* stays: has a record, an address, a place that counts */
    /* the same over HTTP: a live client of the same user gives way */
    CONNECT_STREAM,
    /* acts in a workspace for one HTTP request: no record, no duplicates */
    CONNECT_REQUEST,
};

enum connect_credential { CONNECT_BY_NOTHING, CONNECT_BY_TOKEN, CONNECT_BY_RECONNECTION };

struct connect_question {
    struct hub *hub;
    struct loop *asker;
    struct handle handle;        /* of the asking peer's endpoint */
    struct account *payer;       /* holds a reference */
    char *client_id, *workspace; /* held; workspace NULL = not asked for */
    enum connect_credential by;
    struct user *user; /* owned: from the token, or anonymous */
    /* what the token says it is for (wid, cid), in user; NULL = nothing */
    const char *bound_workspace, *bound_client;
    /* held: a token the hub loop is to find the user of; NULL = user is set */
    char *foreign_token;
    bool lacks_room;         /* payer has refused to hold that token */
    struct in6_addr address; /* of the client; all zero: not known */
    void (*on_answer)(struct connect_request *j);
    void *arg;
    /* CONNECT_REQUEST: what the request keeps open; it is open when on_answer says that it was
     * admitted. lease_end: how it is closed. */
    struct lease *lease;
    void (*lease_end)(struct lease *l, int outcome, struct slice text);
};

struct connect_answer {
    unsigned close_code; /* 0 = admitted */
    char text[CONNECT_TEXT_MAX];
    /* For HTTP statuses. LIMITED: there will be room again. LATER: the same to who comes back, and
     * no sentence goes before the close frame: clients take one for the end, and try again
     * without. */
    enum {
        CONNECT_AUTHORIZED,
        CONNECT_TOKEN_ERROR,
        CONNECT_FORBIDDEN,
        CONNECT_NO_WORKSPACE,
        CONNECT_REFUSED,
        CONNECT_BLOCKED,
        CONNECT_LIMITED,
        CONNECT_LATER
    } outcome;
    /* why; what it points to lives for this turn of the hub loop */
    struct access_decision decision;
    char *workspace;              /* owned: its id */
    struct user *user;            /* owned: with the scope of this connection */
    struct account *account;      /* owned reference: parent of the peer's account */
    struct account *of_workspace; /* owned reference: the workspace's; NULL over HTTP */
    struct rate_counter *meter;   /* owned reference; NULL when it is not measured */
    uint64_t generation;
    /* owned, hears_len bytes: the event types it heard before (peer/subscription.h) */
    char *hears;
    size_t hears_len;
    enum permission permission; /* on the workspace */
    /* CONNECT_REQUEST: the workspace asked for, which need not be the one joined */
    bool asked_workspace_exists;
};

/* One request to be let in. The asker makes it by connect_request_new, completes the question and
 * posts it with connect_authorize (peer/connect_authorization.h); it comes back to on_answer on the
 * asker's loop, where it is freed by connect_request_free. */
struct connect_request {
    struct mail mail;
    enum connect_kind kind;
    struct connect_question ask;
    struct connect_answer answer;
    /* the hub's own: while an incumbent is being asked whether it lives */
    uint64_t asked_generation;
    unsigned n_liveness_checks;
    /* of a dry run: nothing is made, counted or kept */
    bool is_dry_run;
    struct workspace *hypothetical; /* owned: the workspace that would be made */
};

/* A question on behalf of whoever pays, from the thread that may charge them; it holds and is
 * charged with the texts it is asked with, and is freed by any. NULL: there is no room for it.
 * workspace.ptr NULL: not asked for. */
MUST_CHECK NONNULL(2) struct connect_request *connect_request_new(enum connect_kind kind,
                                                                  struct account *payer,
                                                                  struct slice client_id,
                                                                  struct slice workspace);
/* takes NULL; returns NULL */
struct connect_request *connect_request_free(struct connect_request *j);
/* Fills in who asks from a token of that kind, or keeps it for the hub loop when somebody else must
 * be asked; ask.hub must be set. False: the token is no good, ret_error (TOKEN_ERROR_MAX) says why,
 * or ask.lacks_room. */
MUST_CHECK bool connect_request_take_token(struct connect_request *j, enum connect_credential by,
                                           struct slice text, char *ret_error);
/* Keeps a token that is not ours (TOKEN_FOREIGN) for the hub loop. False: it is none, as ret_error
 * says, or ask.lacks_room. */
MUST_CHECK bool connect_request_keep_foreign(struct connect_request *j, struct slice text,
                                             char *ret_error);
/* Who asks is the user of that token, which was verified; takes its user over. Hub loop, or whoever
 * has the connect request. */
void connect_request_take_user(struct connect_request *j, const struct token *token);
/* Writes the refusal into the connect request, with the word for its rule that may be shown.
 * Returns false so that a rule can `return connect_request_refuse(...)`. */
bool connect_request_refuse(struct connect_request *j, unsigned close_code, int outcome,
                            enum access_rule rule, const char *fmt, ...) PRINTF_LIKE(5, 6);
