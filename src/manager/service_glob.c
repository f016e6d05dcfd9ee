/* service_glob: the walk survives services that come and go (service_walk); what it has found is watched for those that go. */
#include "manager/service_glob.h"

#include "base/memory.h"
#include "base/random.h"
#include "manager/access.h"
#include "manager/service_select.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "rpc/rpc.h"

enum {
    CANDIDATES_MAX = SELECT_ASKED_MAX,
    AT_ONCE = 16 /* services between two looks at the clock */
};

struct glob {
    struct list link; /* in `all` */
    struct hub *hub;
    const struct rpc_call *call;
    struct service_walk walk;
    struct registry_watch watch;
    struct deferred more;
    struct service *candidates[CANDIDATES_MAX];
    size_t n, n_found;
    service_globbed *found;
    void *arg;
};

/* The first stays, the latest is the last, and in between all have had the same chance. */
static void take(struct glob *g, struct service *s)
{
    uint32_t dice;

    g->n_found++;
    if (g->n < CANDIDATES_MAX) {
        g->candidates[g->n++] = s;
        return;
    }
    random_bytes(&dice, sizeof(dice));
    size_t at = dice % g->n_found;
    if (at > 0 && at < CANDIDATES_MAX - 1) {
        for (; at < CANDIDATES_MAX - 2; at++)
            g->candidates[at] = g->candidates[at + 1];
        g->candidates[CANDIDATES_MAX - 2] = g->candidates[CANDIDATES_MAX - 1];
    }
    g->candidates[CANDIDATES_MAX - 1] = s;
}

static void on_service_going(struct registry_watch *w, const struct service *s)
{
    struct glob *g = CONTAINER_OF(w, struct glob, watch);
    size_t n = 0;

    for (size_t i = 0; i < g->n; i++) {
        if (g->candidates[i] != s)
            g->candidates[n++] = g->candidates[i];
    }
    g->n = n;
}

static void finish(struct glob *g)
{
    struct service_set set = {g->candidates, g->n};

    service_walk_end(&g->walk);
    list_unlink(&g->watch.link);
    list_unlink(&g->more.link);
    list_unlink(&g->link);
    g->found(&set, g->arg);
    mem_free(g);
}

/* Whether it is at the end. */
static bool go_on(struct glob *g)
{
    struct service *s;

    for (unsigned n = 1; service_walk_step(&g->walk, &s); n++) {
        if (s &&
            access_service(g->call->user, g->call->workspace, s, ACCESS_LIST) != SERVICE_HIDDEN)
            take(g, s);
        if (n % AT_ONCE == 0 && loop_is_late(g->hub->loop))
            return false;
    }
    return true;
}

static void on_turn(struct deferred *d)
{
    struct glob *g = CONTAINER_OF(d, struct glob, more);

    if (go_on(g))
        finish(g);
    else
        loop_again(g->hub->loop, &g->more);
}

void service_glob(struct hub *h, const struct rpc_call *call, const struct service_id *id,
                  struct list *all, service_globbed *found, void *arg)
{
    struct service_query q = service_query_of_id(id);
    struct glob *g = MEM_NEW(struct glob);

    *g = (struct glob){.hub = h, .call = call, .found = found, .arg = arg};
    list_init(&g->link);
    list_init(&g->watch.link);
    list_init(&g->more.link);
    g->watch.on_service_going = on_service_going;
    g->more.run = on_turn;
    list_link(all, &g->link);
    list_link(&h->registry.watches, &g->watch.link);
    service_walk_start(&g->walk, &h->registry, &q);
    on_turn(&g->more);
}

void service_globs_end(struct list *all)
{
    while (!list_is_empty(all)) {
        struct glob *g = LIST_ENTRY(all->next, struct glob, link);
        g->n = 0;
        finish(g);
    }
}
