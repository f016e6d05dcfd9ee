/* caller: the RPC client that lives for one HTTP request (http.md 1.9, 2.4). It is let in by the same admission as a connection,
 * acts in the workspace the admission chose, and is gone when the response has ended. Loop of the request. */
#pragma once
#include <stdbool.h>

#include "auth/user.h"
#include "base/buf.h"
#include "base/slice.h"
#include "rpc/rpc.h"
#include "wire/mp.h"

struct api;
struct caller;
struct http_request;

/* What an endpoint is to a caller. */
struct caller_endpoint {
    void (*next)(struct caller *c); /* what to do once inside */
    /* Whoever may not read the workspace of the path is told that, also when there is none. */
    bool hides_absence;
};

struct caller {
    struct api *api;
    struct http_request *req; /* NULL once answered or gone */
    struct rpc_host *host;
    struct user *user;              /* owned */
    char *workspace;                /* owned: the context */
    enum permission permission;     /* on it */
    bool url_workspace_exists;      /* the one in the path */
    uint64_t pending;               /* rpc id of the call under way, 0 = none */
    const struct caller_endpoint *endpoint;
    /* the endpoint's own */
    struct buf object;      /* the service object */
    char *target_workspace; /* owned: of the service, for bare references */
    struct buf scratch;
    struct slice generator; /* inside object, while streaming */
    struct mp_iter items; /* inside object, while a listing is written */
    size_t n_items;       /* written so far */
    bool wants_msgpack, is_waiting_drain, is_closing_generator;
    struct rpc_request step;
    struct buf step_text;
};

/* Identifies, admits, opens the host, then endpoint->next(). Refusals are answered here. url_workspace: from the path. */
void caller_begin(struct api *a, struct http_request *req, struct slice url_workspace,
                  const struct caller_endpoint *endpoint);
/* 403 for a workspace the caller may not read (http.md 3.1). */
void caller_answer_no_access(struct caller *c, const struct user *who);
/* A call to the manager; done as in rpc_request, arg the caller. args: an encoded array. */
void caller_ask_manager(struct caller *c, const char *method, struct slice args, rpc_done *done);
void caller_request(struct caller *c, const struct rpc_request *request, rpc_done *done);
/* Answers and ends the caller. */
void caller_answer_value(struct caller *c,
                         struct slice value); /* JSON, or msgpack when that was asked for */
void caller_answer_error(struct caller *c, unsigned status, struct slice detail); /* F1 */
void caller_answer_reply(
    struct caller *c,
    const struct rpc_reply *reply); /* anything but RPC_RESOLVED, mapped (http.md 3.7) */
void caller_free(struct caller *c); /* the request must have ended or is dropped here */
