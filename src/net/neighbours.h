/* neighbours: addresses that hold seats (net/shares.h), by the network one person usually has. What
 * is counted for each is shares' own; here they are found, counted by reference and forgotten.
 * Under the lock of the shares, but for what allocates and frees. */
#pragma once
#include <netinet/in.h>
#include <stddef.h>

#include "base/list.h"

struct account;

enum { NEIGHBOUR_LISTS = 3 };

struct neighbour {
    struct list link;    /* in its bucket */
    struct in6_addr key; /* of IPv6 the /64 */
    size_t n_refs;       /* seats that name it */
    size_t n_seats;      /* places that count for it; those leaving included */
    size_t n_leaving;
    /* seats that have not asked for anything and are not leaving */
    size_t n_unasked;
    struct list by_use[NEIGHBOUR_LISTS];
};

struct neighbours {
    struct list *buckets;  /* owned */
    size_t n_buckets;      /* const after init */
    struct account *payer; /* borrowed, or NULL */
};

void neighbours_init(struct neighbours *all, size_t n_expected);
void neighbours_deinit(struct neighbours *all);
/* One that nobody knows yet. Any thread, without the lock. */
struct neighbour *neighbour_new(const struct neighbours *all, const struct in6_addr *address);
/* takes NULL; likewise */
void neighbour_free(const struct neighbours *all, struct neighbour *n);
/* The one that is known under the key of `fresh`, else `fresh`, which is known from here on; with a
 * reference. *ret_unused: to be freed when the lock is released, or NULL. */
struct neighbour *neighbour_ref(struct neighbours *all, struct neighbour *fresh,
                                struct neighbour **ret_unused);
/* Returns it when nobody names it any more, to be freed when the lock is released; else NULL. */
struct neighbour *neighbour_unref(struct neighbour *n);
