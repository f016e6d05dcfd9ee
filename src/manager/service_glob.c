/* service_glob: the walk survives services that come and go (service_walk); what it has found is
 * watched for those that go. */
#include "manager/service_glob.h"

#include "base/memory.h"
#include "base/random.h"
#include "loop/work.h"
#include "manager/caller_access.h"
#include "manager/service_select.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "rpc/rpc.h"

enum {
    CANDIDATES_MAX = SELECT_ASKED_MAX,
    AT_ONCE = 16 /* services between two looks at the clock */
};

struct glob {
    struct work work;
    const struct rpc_call *call;
    struct service_walk walk;
    struct registry_watch watch;
    struct service *candidates[CANDIDATES_MAX];
    size_t n, n_found;
    service_globbed *found;
    void *arg;
};

/* The first stays, the latest is the last, and in between all have had the same chance. */
static void glob_take(struct glob *g, struct service *s)
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

static void glob_on_service_going(struct registry_watch *w, const struct service *s)
{
    struct glob *g = CONTAINER_OF(w, struct glob, watch);
    size_t n = 0;

    for (size_t i = 0; i < g->n; i++) {
        if (g->candidates[i] != s)
            g->candidates[n++] = g->candidates[i];
    }
    g->n = n;
}

static void glob_done(struct work *w)
{
    struct glob *g = CONTAINER_OF(w, struct glob, work);
    struct service_set set = {g->candidates, 0};

    for (size_t i = 0; i < g->n && !w->is_cut; i++) {
        if (service_is_here(g->candidates[i]))
            g->candidates[set.n_items++] = g->candidates[i];
    }

    service_walk_end(&g->walk);
    list_unlink(&g->watch.link);
    g->found(&set, g->arg);
    mem_free(g);
}

static bool glob_step(struct work *w)
{
    struct glob *g = CONTAINER_OF(w, struct glob, work);
    struct service *s;

    if (!service_walk_step(&g->walk, &s))
        return false;
    if (s && access_service(g->call->user, g->call->workspace, s, ACCESS_LIST) != SERVICE_HIDDEN)
        glob_take(g, s);
    return true;
}

void service_glob(struct hub *h, const struct rpc_call *call, const struct service_id *id,
                  struct list *all, service_globbed *found, void *arg)
{
    struct service_query q = service_query_of_id(id);
    struct glob *g = MEM_NEW(struct glob);

    *g = (struct glob){.work = {.step = glob_step, .done = glob_done, .at_once = AT_ONCE},
                       .call = call,
                       .found = found,
                       .arg = arg};
    list_init(&g->watch.link);
    g->watch.on_service_going = glob_on_service_going;
    list_link(&h->registry.watches, &g->watch.link);
    service_walk_start(&g->walk, &h->registry, &q);
    work_init(&g->work, h->loop, all);
    work_start(&g->work);
}
