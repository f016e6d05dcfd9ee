/* evict: the records go first. The connection is told by mail; when it ends it finds nothing of its
 * generation left to leave. */
#include "manager/evict.h"

#include "base/log.h"
#include "base/memory.h"
#include "hyphad/protocol.h"
#include "peer/events.h"
#include "peer/hub.h"
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

    LOG(LOG_INFO, "manager", "kicked", log_text("client", c->full_id), log_int("code", code));
    loop_count(h->loop, METRIC_CLIENTS_KICKED, 1);
    remove_client(h, c, code, reason);
    lodging_left(h, w);
}

/* Kicking changes the registry, so who is meant is collected first. */
size_t clients_kick(struct hub *h, bool (*matches)(const struct client *c, const void *what),
                    const void *what, const char *reason)
{
    struct client **meant = mem_new((h->registry.clients.n_entries + 1) * sizeof(*meant));
    size_t cursor = 0, n = 0;
    void *value;

    while (map_next(&h->registry.clients, &cursor, NULL, &value)) {
        struct client *c = value;
        if (!c->is_virtual && matches(c, what))
            meant[n++] = c;
    }
    for (size_t i = 0; i < n; i++)
        client_kick(h, meant[i], HYPHA_CLOSE_POLICY, reason);
    mem_free(meant);
    return n;
}
