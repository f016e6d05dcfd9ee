/* evict: the records go first. The connection is told by mail; when it ends it finds nothing of its
 * generation left to leave. */
#include "manager/evict.h"

#include "hyphad/protocol.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "peer/peer.h"
#include "registry/registry.h"
#include "router/router.h"

void client_evict(struct hub *h, struct client *c, const char *reason)
{
    struct handle peer = c->handle;

    event_client(h, c, "client_disconnected");
    (void)router_unbind(h->router, h->loop, slice_of(c->full_id), peer);
    router_tell_gone(h->router, h->loop, slice_of(c->full_id));
    hub_seat_leave(h, c->workspace, c->user);
    client_remove(&h->registry, c);
    peer_dismiss(h, peer, HYPHA_CLOSE_GOING_AWAY, reason);
}
