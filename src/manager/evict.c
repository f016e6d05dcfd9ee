/* evict: the records go first. The connection is told by mail; when it ends it finds nothing of its
 * generation left to leave. */
#include "manager/evict.h"

#include "base/log_event.h"
#include "base/memory.h"
#include "hyphad/protocol.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "peer/lease.h"
#include "peer/lodging.h"
#include "peer/peer.h"
#include "registry/registry.h"
#include "router/router.h"

static void remove_client(struct hub *h, struct client *c, unsigned code, const char *reason)
{
    struct handle peer = c->handle;

    event_client(h, c, "client_disconnected");
    (void)router_unbind(h->router, h->loop, slice_of(c->full_id), peer);
    router_tell_gone(h->router, h->loop, slice_of(c->full_id));
    hub_client_leave(h, c);
    client_remove(&h->registry, c);
    peer_dismiss(h, peer, code, reason);
}

void client_evict(struct hub *h, struct client *c, const char *reason)
{
    remove_client(h, c, HYPHA_CLOSE_GOING_AWAY, reason);
}

void client_kick(struct hub *h, struct client *c, unsigned code, const char *reason)
{
    struct workspace *w = c->workspace;

    LOG_EVENT(EVENT_CLIENT_KICKED, log_text("client", c->full_id), log_text("user", c->user->id), log_int("code", code),
              log_text("reason", reason));
    loop_count(h->loop, METRIC_CLIENTS_KICKED, 1);
    remove_client(h, c, code, reason);
    lodging_left(h, w);
}

/* Who is meant: kicking changes the registry, so they are collected first. */
struct meant {
    const struct closing *closing;
    struct client **clients;    /* owned */
    size_t n;
};

static void look_at(struct meant *m, struct client *c)
{
    if (!c->is_virtual && closing_covers(m->closing, c->user, &c->origin.address) &&
        !slice_eq(m->closing->except, slice_of(c->full_id)))
        m->clients[m->n++] = c;
}

/* All tokens of a line are one person's, so anybody may revoke without a look at everybody. */
static void collect_of_person(struct hub *h, struct meant *m)
{
    const struct list *all = hub_user_clients(h, m->closing->user);
    size_t n = 0;

    if (!all)
        return;
    LIST_FOREACH(it, all)
    {
        n++;
    }
    m->clients = mem_new((n + 1) * sizeof(struct client *));
    LIST_FOREACH(it, all)
    {
        look_at(m, LIST_ENTRY(it, struct client, of_user));
    }
}

static void collect(struct hub *h, struct meant *m)
{
    size_t cursor = 0;
    void *value;

    m->clients = mem_new((h->registry.clients.n_entries + 1) * sizeof(struct client *));
    while (map_next(&h->registry.clients, &cursor, NULL, &value))
        look_at(m, value);
}

size_t close_opened(struct hub *h, const struct closing *closing)
{
    struct meant m = {.closing = closing};
    char *reason = mem_copy(closing->reason.ptr, closing->reason.len);

    if (closing->kind == CLOSING_TOKEN)
        collect_of_person(h, &m);
    else
        collect(h, &m);
    for (size_t i = 0; i < m.n; i++)
        client_kick(h, m.clients[i], HYPHA_CLOSE_POLICY, reason);
    mem_free(reason);
    mem_free(m.clients);
    leases_end(h, closing);
    return m.n;
}
