/* pending: one call of a host that waits for its answer: a session. Private to rpc; loop-owned. */
#pragma once
#include "base/random.h"
#include "rpc/host.h"

struct upload_out;

struct pending {
    struct list link; /* among host->pendings */
    struct list wait; /* among remote->waits; unlinked once finished */
    struct list due;  /* among host->finished; unlinked before */
    struct rpc_host *host;
    struct account *payer; /* holds a reference; charged with n_charged */
    size_t n_charged;      /* 0: it had no room, and is finished */
    struct remote *remote; /* NULL once finished */
    uint64_t id;
    char session[RANDOM_ID_LEN + 1];
    /* in text; the method may be cut: it is for people only */
    struct slice target, method;
    rpc_done *done;
    void *arg;
    struct timer silence, deadline;
    const struct rpc_service *callbacks; /* borrowed, or NULL */
    bool takes_long;
    struct upload_out *upload; /* while the call itself travels in chunks */
    enum rpc_outcome outcome;  /* of a finished one */
    struct held_buf words;     /* the same: what rpc_reply.text will be */
    const char *rule;          /* the same */
    char text[];
};

/* NULL when unknown or finished */
struct pending *pending_find(struct rpc_host *h, struct slice session);
/* a sign of life: the silence timer starts again */
void pending_touch(struct pending *p);
/* An answer has come: calls done and frees. */
struct incoming;
void pending_settle(struct pending *p, bool is_result, const struct incoming *in);
/* It will not come: done is called at the end of the turn. Harmless when finished already. Not
 * RPC_OVERLOADED. */
void pending_fail(struct pending *p, enum rpc_outcome outcome, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* The same, RPC_OVERLOADED: nobody is told so without the rule. */
NONNULL(2)
void pending_refuse(struct pending *p, const char *rule, const char *fmt, ...) PRINTF_LIKE(3, 4);
void pendings_gone(struct remote *r);           /* the client left */
void pendings_close(struct rpc_host *h);        /* RPC_CLOSED for all, at once */
void pendings_run_finished(struct deferred *d); /* host->finish */

/* rpc_request for steps of an upload: not counted against max_pending, and never an upload
 * itself. */
uint64_t pending_request_step(struct rpc_host *h, const struct rpc_request *request, rpc_done *done,
                              void *arg);
