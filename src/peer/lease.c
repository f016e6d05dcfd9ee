/* lease: opened and closed on its loop; what ends it early is said once, by lease_end. */
#include "peer/lease.h"

#include "auth/token.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "peer/hub.h"
#include "peer/connect_request.h"

struct leases *leases_new(const struct loop_set *set)
{
    struct leases *all = mem_new(set->n_loops * sizeof(*all));

    for (unsigned i = 0; i < set->n_loops; i++) {
        list_init(&all[i].open);
        list_init(&all[i].greeting);
    }
    return all;
}

struct leases *leases_free(struct leases *all, const struct loop_set *set)
{
    for (unsigned i = 0; i < set->n_loops; i++)
        ASSERT(list_is_empty(&all[i].open) && list_is_empty(&all[i].greeting));
    return mem_free(all);
}

void lease_end(struct lease *l, int outcome, struct slice text)
{
    loop_count(l->loop, METRIC_HTTP_CALLS_ENDED, 1);
    l->end(l, outcome, text);
}

static void lease_on_expired(struct expiry *e)
{
    lease_end(CONTAINER_OF(e, struct lease, expiry), CONNECT_TOKEN_ERROR,
              SLICE_LIT(TOKEN_HAS_EXPIRED));
}

void lease_open(struct hub *h, struct loop *loop, struct lease *l, const struct lease_terms *terms)
{
    LOOP_ASSERT(loop);
    *l = (struct lease){
        .loop = loop, .user = terms->user, .address = terms->address, .end = terms->end};
    list_init(&l->link);
    list_link(&h->leases[loop->index].open, &l->link);
    expiry_start(&l->expiry,
                 &(struct expiry_terms){loop, h->keys, terms->expires_at, lease_on_expired});
}

void lease_close(struct lease *l)
{
    if (!l->loop)
        return;
    expiry_stop(&l->expiry);
    list_unlink(&l->link);
    l->loop = NULL;
}
