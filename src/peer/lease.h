/* lease: what somebody keeps open beside a connection: an HTTP request under way (a call that
 * waits, an event stream, a listing that is read slowly), an upgrade that waits for a place. It
 * ends before its time when a token it has come by is revoked or expires, and when its user or its
 * address is blocked.
 *
 * Nobody is authorized without one: a connect request of an HTTP request names its lease, which is
 * open before the answer is seen. So a revocation, which goes out from the hub loop as the answer
 * does, finds everything that was let in before it. Connections have a record in the registry
 * instead; what closes both is manager/evict.h.
 *
 * The leases of a loop are that loop's; a closing (peer/closing.h) goes to all of them by mail. */
#pragma once
#include <netinet/in.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"
#include "peer/expiry.h"

struct hub;
struct loop;
struct loop_set;
struct user;

/* The leases of one loop. */
struct leases {
    /* loop only */
    struct list open; /* struct lease.link */
    /* struct peer.link: connections that have not said who they are, and so have an address
     * alone */
    struct list greeting;
};
struct leases *leases_new(const struct loop_set *set);
/* when none is open; returns NULL */
struct leases *leases_free(struct leases *all, const struct loop_set *set);

struct lease { /* embedded in what it is of; all loop only */
    struct list link;
    struct loop *loop;
    const struct user *user; /* NULL = not known yet; else lives as long as the lease */
    struct in6_addr address;
    struct slice client; /* address of the client it acts as, borrowed; or empty */
    struct expiry expiry;
    /* Has to close it, now. outcome: CONNECT_TOKEN_ERROR or CONNECT_BLOCKED. */
    void (*end)(struct lease *l, int outcome, struct slice text);
};

struct lease_terms {
    const struct user *user;
    struct in6_addr address;
    int64_t expires_at; /* Unix seconds; 0 = never */
    void (*end)(struct lease *l, int outcome, struct slice text);
};
/* Opens it on this loop. */
void lease_open(struct hub *h, struct loop *loop, struct lease *l, const struct lease_terms *terms);
/* takes one that was never opened (all zero), or closed before */
void lease_close(struct lease *l);
/* Ends it before its time: closes what it is of, and counts that. */
void lease_end(struct lease *l, int outcome, struct slice text);
