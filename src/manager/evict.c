/* evict: the records go first. The connection is told by mail; when it ends it finds nothing of its
 * generation left to leave. */
#include "manager/evict.h"

#include <stdio.h>
#include <string.h>

#include "base/log_event.h"
#include "base/memory.h"
#include "hyphad/protocol.h"
#include "loop/work.h"
#include "manager/manager_internal.h"
#include "peer/closing.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "peer/life.h"
#include "peer/workspace_lifecycle.h"
#include "peer/peer.h"
#include "registry/registry.h"
#include "router/router.h"

enum { AT_ONCE = 4 }; /* clients between two looks at the clock */

/* NULL: its workspace has gone. */
static struct workspace *remove_client(struct hub *h, struct client *c, unsigned code,
                                       const char *reason)
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

    LOG_EVENT(EVENT_CLIENT_KICKED, log_text("client", c->full_id), log_text("user", c->user->id),
              log_int("code", code), log_text("reason", reason));
    loop_count(h->loop, METRIC_CLIENTS_KICKED, 1);
    w = remove_client(h, c, code, reason);
    if (w)
        workspace_client_left(h, w);
}

/* ---- all of a person ---- */

/* By the time it is its turn a client may have left, and another have come under its id. */
struct target {
    char *full_id;
    uint64_t generation;
};

/* Of those somebody has (--max-connections-per-user), put out over turns. */
struct eviction {
    struct work work;
    struct hub *hub;
    struct target *targets;
    size_t n, at;
    char *reason;
};

static bool eviction_step(struct work *w)
{
    struct eviction *e = CONTAINER_OF(w, struct eviction, work);

    if (e->at == e->n)
        return false;
    const struct target *t = &e->targets[e->at++];
    struct client *c = client_find_any(&e->hub->registry, slice_of(t->full_id));
    if (c && c->generation == t->generation)
        client_kick(e->hub, c, HYPHA_CLOSE_POLICY, e->reason);
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
    e->targets[e->n++] = (struct target){mem_copy(c->full_id, strlen(c->full_id)), c->generation};
}

static bool evict_is_meant(const struct closing *closing, const struct client *c)
{
    return !c->is_virtual && closing_covers(closing, c->user, &c->origin.address) &&
           !slice_eq(closing->except, slice_of(c->full_id));
}

/* All tokens of a line are one person's, so anybody may revoke without a look at everybody. */
size_t close_opened_by_token(struct hub *h, const struct closing *closing)
{
    const struct list *all = hub_user_clients(h, closing->user);
    struct list nobody;
    size_t n = 0;

    ASSERT(closing->kind == CLOSING_TOKEN);
    list_init(&nobody);
    if (!all)
        all = &nobody;
    LIST_FOREACH (it, all) {
        n++;
    }
    struct eviction *e = eviction_new(h, n, closing->reason);
    LIST_FOREACH (it, all) {
        const struct client *c = LIST_ENTRY(it, struct client, of_user);
        if (evict_is_meant(closing, c))
            eviction_add(e, c);
    }
    n = e->n;
    work_start(&e->work);
    closing_send(h, closing);
    return n;
}

/* ---- all of a workspace ---- */

/* Nobody comes into one that has gone, so there is nothing to note: it is empty at the end. */
struct emptying {
    struct work work;
    struct hub *hub;
    struct workspace *workspace; /* held */
    char reason[HYPHA_CLOSE_REASON_MAX + 1];
};

static bool emptying_step(struct work *w)
{
    struct emptying *e = CONTAINER_OF(w, struct emptying, work);
    struct list *clients = &e->workspace->clients;

    if (list_is_empty(clients))
        return false;
    client_evict(e->hub, LIST_ENTRY(clients->next, struct client, link), e->reason);
    return true;
}

static void emptying_done(struct work *w)
{
    struct emptying *e = CONTAINER_OF(w, struct emptying, work);

    workspace_let_go(e->workspace);
    mem_free(e);
}

void workspace_evict(struct hub *h, struct workspace *w)
{
    struct emptying *e = MEM_NEW(struct emptying);

    *e = (struct emptying){
        .work = {.step = emptying_step, .done = emptying_done, .at_once = AT_ONCE},
        .hub = h,
        .workspace = w};
    (void)snprintf(e->reason, sizeof(e->reason), "Workspace unloaded: %s", w->id);
    work_init(&e->work, h->loop, &h->works);
    workspace_hold(w);
    workspace_remove(&h->registry, w);
    work_start(&e->work);
}

/* ---- among everybody ---- */

/* Who comes while it is under way has been let in by what holds since before it began. */
struct sweep {
    struct work work;
    struct hub *hub;
    struct closing closing;
    char *user, *reason, *except; /* owned: its texts */
    struct client_walk walk;
    size_t n;
    close_done *done;
    void *arg;
};

static bool sweep_step(struct work *w)
{
    struct sweep *s = CONTAINER_OF(w, struct sweep, work);
    struct client *c;

    if (!client_walk_step(&s->walk, &c))
        return false;
    if (c && evict_is_meant(&s->closing, c)) {
        s->n++;
        client_kick(s->hub, c, HYPHA_CLOSE_POLICY, s->reason);
    }
    return true;
}

static void sweep_done(struct work *w)
{
    struct sweep *s = CONTAINER_OF(w, struct sweep, work);

    s->done(s->n, s->arg);
    mem_free(s->user);
    mem_free(s->reason);
    mem_free(s->except);
    mem_free(s);
}

static char *evict_keep(struct slice *text)
{
    char *copy = mem_copy(text->ptr, text->len);

    text->ptr = copy;
    return copy;
}

void close_opened(struct manager *m, const struct closing *closing, close_done *done, void *arg)
{
    struct hub *h = m->hub;
    struct sweep *s = MEM_NEW(struct sweep);

    ASSERT(closing->kind != CLOSING_TOKEN);
    *s = (struct sweep){.work = {.step = sweep_step, .done = sweep_done, .at_once = AT_ONCE},
                        .hub = h,
                        .closing = *closing,
                        .done = done,
                        .arg = arg};
    s->user = evict_keep(&s->closing.user);
    s->reason = evict_keep(&s->closing.reason);
    s->except = evict_keep(&s->closing.except);
    client_walk_start(&s->walk, &h->registry);
    work_init(&s->work, h->loop, &m->works);
    closing_send(h, closing);
    work_start(&s->work);
}
