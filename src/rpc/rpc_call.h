/* rpc_call: one call a host has accepted, from its arrival to its answer. Private to rpc;
 * loop-owned. */
#pragma once
#include "rpc/rpc_dispatch.h"

struct call {
    struct rpc_call pub; /* first: what the handler sees */
    /* among remote->calls, then rl->gone_calls; unlinked once nobody needs telling */
    struct list link;
    struct list host_link; /* among host->calls */
    struct remote *remote; /* NULL once the caller left or the host closed */
    struct deferred first_beat;
    struct timer beat;
    /* holds a reference: args, session and promise point into it */
    struct msg *msg;
    /* to the caller, for this record and what its handler keeps */
    size_t n_charged;
    struct slice parent; /* the caller's session, as `parent` of what we answer */
    struct rpc_promise promise;
    size_t n_held;
    bool is_unwanted; /* the answer has nowhere to go */
    char text[];      /* from and ws */
};

/* Starts services.<path>: finds the method, checks who may, binds the arguments, runs the
 * handler. */
void call_start(struct rpc_host *h, const struct incoming *in, struct slice path);
/* The same for `<session>.<name>`: the functions handed over with a call of ours, whose session has
 * admitted the caller. */
void call_start_callback(struct rpc_host *h, const struct incoming *in,
                         const struct rpc_service *callbacks, struct slice name);
/* Rejects a frame that never became a call, with the bare text; nothing is sent when it carries no
 * promise. */
void call_refuse(struct rpc_host *h, const struct incoming *in, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* The two halves of settling, for who must answer before it goes on: send (once), then end, which
 * frees. */
void call_send_answer(struct call *c, bool is_result, struct slice value);
/* of answer_send */
void call_send_answer_in(struct call *c, bool is_result, struct slice value, struct blob *blob);
void call_end(struct call *c);

/* the caller left: handlers are told at the end of the turn */
void calls_gone(struct remote *r);
void calls_tell_gone(struct deferred *d); /* rl->tell_gone */
/* the host closes: handlers are told at once */
void calls_give_up(struct rpc_host *h);

/* Whether the service's visibility lets a workspace in: public and unlisted all, else its own and
 * the authorized. */
bool call_may_reach(const struct rpc_host *h, const struct rpc_service *service,
                    struct slice workspace);
