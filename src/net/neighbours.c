/* neighbours: a table of fixed size whose chains are as long as the server is large: a walk is a
 * few steps, and nothing grows under the lock. */
#include "net/neighbours.h"

#include "base/account.h"
#include "base/map.h"
#include "base/memory.h"
#include "wire/ip.h"

enum { BUCKETS_MIN = 64, BUCKETS_MAX = 16384 };

void neighbours_init(struct neighbours *all, size_t n_expected)
{
    size_t n = n_expected / 4;

    *all = (struct neighbours){.n_buckets = n < BUCKETS_MIN   ? BUCKETS_MIN
                                            : n > BUCKETS_MAX ? BUCKETS_MAX
                                                              : n};
    all->buckets = mem_new(all->n_buckets * sizeof(*all->buckets));
    for (size_t i = 0; i < all->n_buckets; i++)
        list_init(&all->buckets[i]);
}

void neighbours_deinit(struct neighbours *all)
{
    all->buckets = mem_free(all->buckets);
}

struct neighbour *neighbour_new(const struct neighbours *all, const struct in6_addr *address)
{
    struct neighbour *n = MEM_NEW(struct neighbour);

    n->key = ip_network(address);
    list_init(&n->link);
    for (unsigned i = 0; i < NEIGHBOUR_LISTS; i++)
        list_init(&n->by_use[i]);
    account_keep_always(all->payer, mem_taken(n));
    return n;
}

void neighbour_free(const struct neighbours *all, struct neighbour *n)
{
    if (n)
        account_drop(all->payer, mem_taken(n));
    mem_free(n);
}

struct neighbour *neighbour_ref(struct neighbours *all, struct neighbour *fresh,
                                struct neighbour **ret_unused)
{
    struct slice key = slice_make(fresh->key.s6_addr, sizeof(fresh->key.s6_addr));
    struct list *bucket = &all->buckets[map_hash(key) % all->n_buckets];

    *ret_unused = NULL;
    LIST_FOREACH (it, bucket) {
        struct neighbour *n = LIST_ENTRY(it, struct neighbour, link);
        if (IN6_ARE_ADDR_EQUAL(&n->key, &fresh->key)) {
            *ret_unused = fresh;
            n->n_refs++;
            return n;
        }
    }
    list_link(bucket, &fresh->link);
    fresh->n_refs = 1;
    return fresh;
}

struct neighbour *neighbour_unref(struct neighbour *n)
{
    if (--n->n_refs)
        return NULL;
    list_unlink(&n->link);
    return n;
}
