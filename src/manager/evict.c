/* evict: the records go first. The connection is told by mail; when it ends it finds nothing of its
 * generation left to leave. */
#include "manager/evict.h"

#include <stdio.h>
#include <string.h>

#include "base/log_event.h"
#include "base/memory.h"
#include "hyphad/protocol.h"
#include "loop/work.h"
#include "peer/closing.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "peer/life.h"
#include "peer/lodging.h"
#include "peer/peer.h"
#include "registry/registry.h"
#include "router/router.h"

enum { AT_ONCE = 4 }; /* clients between two looks at the clock */

/* NULL: its workspace has gone. */
static struct workspace *remove_client(struct hub *h, struct client *c, unsigned code, const char *reason)
{
    struct handle peer = c->handle;

    event_client(h, c, "client_disconnected");
    (void)router_unbind(h->router, h->loop, slice_of(c->full_id), route_here(peer));
    router_tell_gone(h->router, h->loop, slice_of(c->full_id));
    hub_client_leave(h, c);
    struct workspace *w = client_remove(&h->registry, c);
    peer_dismiss(h, peer, code, reason);
    return w;
}

void client_evict(struct hub *h, struct client *c, const char *reason)
{
    (void)remove_client(h, c, HYPHA_CLOSE_GOING_AWAY, reason);
}

void client_kick(struct hub *h, struct client *c, unsigned code, const char *reason)
{
    struct workspace *w;

    LOG_EVENT(EVENT_CLIENT_KICKED, log_text("client", c->full_id), log_text("user", c->user->id), log_int("code", code),
              log_text("reason", reason));
    loop_count(h->loop, METRIC_CLIENTS_KICKED, 1);
    w = remove_client(h, c, code, reason);
    if (w)
        lodging_left(h, w);
}

/* ---- many ---- */

/* By the time it is its turn a client may have left, and another have come under its id. */
struct target {
    char *full_id;
    uint64_t generation;
};

/* How many those are others choose, so they are put out over turns. */
struct eviction {
    struct work work;
    struct hub *hub;
    struct target *targets;
    size_t n, at;
    bool is_kick;
    char *reason;
};

static bool eviction_step(struct work *w)
{
    struct eviction *e = CONTAINER_OF(w, struct eviction, work);

    if (e->at == e->n)
        return false;
    const struct target *t = &e->targets[e->at++];
    struct client *c = client_find_any(&e->hub->registry, slice_of(t->full_id));
    if (!c || c->generation != t->generation)
        return true;
    if (e->is_kick)
        client_kick(e->hub, c, HYPHA_CLOSE_POLICY, e->reason);
    else
        client_evict(e->hub, c, e->reason);
    return true;
}

static void eviction_done(struct work *w)
{
    struct eviction *e = CONTAINER_OF(w, struct eviction, work);

    for (size_t i = 0; i < e->n; i++)
        mem_free(e->targets[i].full_id);
    mem_free(e->targets);
    mem_free(e->reason);
    mem_free(e);
}

static struct eviction *eviction_new(struct hub *h, size_t n_most, struct slice reason)
{
    struct eviction *e = MEM_NEW(struct eviction);

    *e = (struct eviction){
        .work = {.step = eviction_step, .done = eviction_done, .at_once = AT_ONCE},
        .hub = h,
        .targets = mem_new((n_most + 1) * sizeof(struct target)),
        .reason = mem_copy(reason.ptr, reason.len)};
    work_init(&e->work, h->loop, &h->works);
    return e;
}

static void eviction_add(struct eviction *e, const struct client *c)
{
    e->targets[e->n++] =
        (struct target){mem_copy(c->full_id, strlen(c->full_id)), c->generation};
}

void workspace_evict(struct hub *h, struct workspace *w)
{
    char reason[HYPHA_CLOSE_REASON_MAX + 1];
    size_t n = 0;

    (void)snprintf(reason, sizeof(reason), "Workspace unloaded: %s", w->id);
    LIST_FOREACH(it, &w->clients)
    {
        n++;
    }
    struct eviction *e = eviction_new(h, n, slice_of(reason));
    LIST_FOREACH(it, &w->clients)
    {
        eviction_add(e, LIST_ENTRY(it, struct client, link));
    }
    workspace_remove(&h->registry, w);
    work_start(&e->work);
}

static void eviction_consider(struct eviction *e, const struct closing *closing, const struct client *c)
{
    if (!c->is_virtual && closing_covers(closing, c->user, &c->origin.address) &&
        !slice_eq(closing->except, slice_of(c->full_id)))
        eviction_add(e, c);
}

/* All tokens of a line are one person's, so anybody may revoke without a look at everybody. */
static struct eviction *eviction_of_person(struct hub *h, const struct closing *closing)
{
    const struct list *all = hub_user_clients(h, closing->user);
    struct list nobody;
    size_t n = 0;

    list_init(&nobody);
    if (!all)
        all = &nobody;
    LIST_FOREACH(it, all)
    {
        n++;
    }
    struct eviction *e = eviction_new(h, n, closing->reason);
    LIST_FOREACH(it, all)
    {
        eviction_consider(e, closing, LIST_ENTRY(it, struct client, of_user));
    }
    return e;
}

static struct eviction *eviction_of_all(struct hub *h, const struct closing *closing)
{
    struct eviction *e = eviction_new(h, h->registry.clients.n_entries, closing->reason);
    size_t cursor = 0;
    void *value;

    while (map_next(&h->registry.clients, &cursor, NULL, &value))
        eviction_consider(e, closing, value);
    return e;
}

size_t close_opened(struct hub *h, const struct closing *closing)
{
    struct eviction *e =
        closing->kind == CLOSING_TOKEN ? eviction_of_person(h, closing) : eviction_of_all(h, closing);
    size_t n = e->n;

    e->is_kick = true;
    work_start(&e->work);
    closing_send(h, closing);
    return n;
}
