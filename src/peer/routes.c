/* routes: a WebSocket, and the two halves of an HTTP stream. */
#include "peer/routes.h"

#include "peer/peer.h"
#include "peer/stream_peer.h"
#include "peer/stream_post.h"
#include "peer/upgrade.h"

void peer_routes(struct peer_loop *loops, struct http_route out[PEER_N_ROUTES])
{
    out[0] = (struct http_route){.methods = HTTP_M_GET,
                                 .pattern = "/ws",
                                 .on_request = upgrade_on_request,
                                 .arg = loops,
                                 .flags = HTTP_ROUTE_UPGRADE | HTTP_ROUTE_UNLIMITED};
    out[1] = (struct http_route){
        .methods = HTTP_M_GET, .pattern = "/rpc", .on_request = stream_on_get, .arg = loops, .flags = HTTP_ROUTE_ACTS};
    out[2] = (struct http_route){
        .methods = HTTP_M_POST, .pattern = "/rpc", .on_request = stream_on_post, .arg = loops};
}
