/* peer_feature: the paths by which clients connect: a WebSocket, and the two halves of an HTTP
 * stream. What is made is the peer loops, by loop index. */
#include "http/feature.h"

#include "peer/peer.h"
#include "peer/stream_peer.h"
#include "peer/stream_post.h"
#include "peer/upgrade.h"

static void *peer_pool_borrow(const struct feature_context *c)
{
    return c->peer_loops;
}

static const struct http_route routes[] = {
    {HTTP_M_GET, "/ws", upgrade_on_request, .flags = HTTP_ROUTE_UPGRADE | HTTP_ROUTE_UNLIMITED},
    {HTTP_M_GET, "/rpc", stream_on_get, .flags = HTTP_ROUTE_ACTS},
    {HTTP_M_POST, "/rpc", stream_on_post},
};

const struct feature peer_feature = {
    .name = "peer", .make = peer_pool_borrow, .routes = routes, .n_routes = ARRAY_LEN(routes)};
