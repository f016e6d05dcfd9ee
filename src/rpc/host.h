/* host: the inside of rpc_loop and rpc_host, for the files of this room only. Loop-owned
 * throughout. */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "base/ring.h"
#include "rpc/remote.h"
#include "rpc/rpc.h"

struct rpc_loop {
    /* const after init */
    struct loop *loop;
    struct router *router;
    const struct rpc_settings *settings;
    /* loop only */
    struct list hosts;
    struct map remotes; /* address -> struct remote, owned */
    /* struct call: their callers left, on_gone is due at the end of the turn */
    struct list gone_calls;
    struct deferred tell_gone;
    struct list dead_uploads; /* struct upload_in: their memory goes piece by piece */
    struct deferred ended;
    struct rpc_service built_in; /* const after init: every host carries it */
    struct held_buf built_in_config;
    struct buf scratch; /* frame heads are written here before their size is known */
};

/* A service of a host, with the forms others ask for encoded once, when first asked. */
struct hosted {
    struct list link;
    const struct rpc_service *service;
    struct held_buf object; /* what get_service answers; empty until asked */
};

struct rpc_host {
    struct endpoint endpoint; /* first: the router's view */
    /* const after init */
    struct rpc_loop *rl;
    char *text; /* owned; address and workspace point into it */
    struct slice address;
    struct address parts;     /* of the address */
    struct slice workspace;   /* stamped as `ws`; empty = the target's */
    struct user *user;        /* holds a reference */
    struct held_buf user_map; /* the same, encoded */
    struct account *account;  /* holds a reference */
    /* loop only */
    struct list link;     /* among the loop's hosts */
    struct list services; /* struct hosted */
    struct ring inbox;    /* struct msg: delivered this turn, handled at its end */
    struct deferred drain;
    struct map sessions;  /* session id -> struct pending */
    struct list pendings; /* all of them, finished ones whose `done` is still due too */
    struct list finished; /* struct pending: `done` is due at the end of the turn */
    struct deferred finish;
    size_t n_pendings;
    struct list calls;   /* struct call: unsettled, whoever asks */
    struct list uploads; /* struct upload_in: unfinished, whoever sends */
    uint64_t last_id;
    /* one while open, one per unsettled call, one per walk that calls out */
    unsigned n_refs;
    bool is_open;
};

void host_ref(struct rpc_host *h);
void host_unref(struct rpc_host *h); /* the last one frees */
static inline struct loop *host_loop(const struct rpc_host *h)
{
    return h->endpoint.loop;
}
/* NULL when the host carries no such service. */
struct hosted *host_find_service(const struct rpc_host *h, struct slice id);
/* encoded on first use; empty: no room */
struct slice host_service_object(const struct rpc_host *h, struct hosted *s);
