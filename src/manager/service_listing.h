/* service_listing: the services a caller may see, as an encoded list. Hub loop. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/list.h"
#include "loop/work.h"
#include "manager/list_query.h"
#include "manager/service_tour.h"
#include "wire/mp.h"

struct hub;
struct rpc_call;

/* A walk over the services a query selects and the caller may see, in order of registration within
 * a workspace, in as many turns as it takes: services may come and go meanwhile. */
struct listing {
    struct hub *hub;
    /* must live until `done`; what the query borrows from it too */
    struct rpc_call *call;
    struct list_query query;
    bool with_unlisted;
    struct held_buf out; /* what `each` has written, paid by the caller */
    struct mp_open list; /* an array in it, open */
    /* of those seen: how many are left out, how many are wanted then */
    uint64_t n_skip, n_left;
    void (*each)(struct listing *l, const struct service *s);
    void (*done)(struct listing *l, void *arg); /* the list is closed; frees nothing */
    void *arg;
    /* this file's own */
    struct work work;
    struct service_tour tour;
    bool has_gone;
};

/* Of a listing whose first seven fields and `arg` are set; copied. all: where its work stands while
 * it is under way; one that is cut is done with what it has. */
void listing_start(const struct listing *l, struct list *all);
