/* caller: the RPC client that lives for one HTTP request. It is let in by the same authorization as
 * a connection, acts in the workspace the authorization chose, and is gone when the response has
 * ended.
 *
 *   caller_begin -> ASKING --admitted--> endpoint->next --> request, then ... --> answer: gone
 *                     \--refused: answered, gone
 *
 * A caller knows its request by a ticket. Whatever an endpoint does next is handed the request as a
 * parameter, and is run only while the client is there; when it leaves, the caller goes, with its
 * RPC client and what that had under way. So an endpoint keeps no request, and has no case for a
 * client that is gone. Loop of the request. */
#pragma once
#include <stdbool.h>

#include "auth/user.h"
#include "base/buf.h"
#include "base/slice.h"
#include "http/request.h"
#include "peer/lease.h"
#include "rpc/rpc.h"
#include "wire/mp.h"

struct api;
struct caller;
struct msg;

/* What an endpoint is to a caller. */
struct caller_endpoint {
    void (*next)(struct caller *c, struct http_request *req); /* what to do once inside */
    /* Whoever may not read the workspace of the path is told that, also when there is none. */
    bool hides_absence;
};

/* The reply of a call, never RPC_CLOSED. Not run when the client has gone. */
typedef void caller_then(struct caller *c, struct http_request *req, const struct rpc_reply *reply);

struct caller {
    struct api *api;
    struct http_ticket ticket;
    struct rpc_host *host;      /* NULL until admitted */
    struct user *user;          /* owned */
    char *workspace;            /* owned: the context */
    enum permission permission; /* on it */
    bool url_workspace_exists;  /* the one in the path */
    uint64_t pending;           /* rpc id of the call under way, 0 = none */
    /* that call, or the last one, is to the hub itself: its refusals are ours */
    bool asks_hub;
    caller_then *then; /* of that call */
    const struct caller_endpoint *endpoint;
    struct lease lease; /* open from the authorization on */
    /* While streaming: how to end before its time; ends the request and the caller. NULL: it is
     * cut. */
    void (*on_put_out)(struct caller *c, struct http_request *req, struct slice text);
    /* the endpoint's own */
    struct held_buf object; /* the service object */
    char *target_workspace; /* owned: of the service, for bare references */
    struct held_buf scratch;
    struct slice generator; /* inside object, while streaming */
    struct msg *listed;     /* holds a reference: what the items lie in; NULL: object */
    struct mp_iter items;   /* while a listing is written */
    size_t n_items;         /* written so far */
    struct held_buf text;   /* an item of a generator on its way out */
    size_t n_text;          /* of it written so far */
    bool wants_msgpack, is_waiting_drain;
    struct rpc_request step;
    struct held_buf step_text;
};

/* Identifies, admits, opens the host, then endpoint->next(). Refusals are answered here.
 * url_workspace: from the path. */
void caller_begin(struct api *a, struct http_request *req, struct slice url_workspace,
                  const struct caller_endpoint *endpoint);
/* Whether that client ("workspace/client") is the hub itself. */
bool caller_is_hubs(const struct caller *c, struct slice target);
/* One call at a time. */
void caller_request(struct caller *c, const struct rpc_request *request, caller_then *then);
/* A call to the manager. args: an encoded array. */
void caller_ask_manager(struct caller *c, const char *method, struct slice args, caller_then *then);
/* One more call of a caller whose client has gone (its on_gone): the caller ends with the reply. */
void caller_request_last(struct caller *c, const struct rpc_request *request);

/* From here on the endpoint hears when what it has written has left. */
void caller_watch_drained(struct caller *c, struct http_request *req,
                          void (*on_drained)(struct http_request *req, void *caller));

/* Each answers, ends the request and the caller. A value: api/api_answer.h. */
void caller_answer_error(struct caller *c, struct http_request *req, unsigned status,
                         struct slice detail); /* F1 */
/* 503: payer, which has been charged in vain, or an account above it is full. what: the sentence,
 * to which the option is added. */
void caller_answer_no_room(struct caller *c, struct http_request *req, const struct account *payer,
                           const char *what);
void caller_answer_reply(struct caller *c, struct http_request *req,
                         /* anything but RPC_RESOLVED, mapped */
                         const struct rpc_reply *reply);
/* 403 for a workspace the caller may not read. */
void caller_answer_no_access(struct caller *c, struct http_request *req, const struct user *who);
/* When the request has been answered by other means, or has gone. */
void caller_free(struct caller *c);
