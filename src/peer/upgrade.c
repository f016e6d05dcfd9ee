/* upgrade: the door before the door. What is wrong for good is told after the upgrade, where
 * clients show it; what will pass by itself (draining, too many logins at once: login_queue.c) is
 * told before it, with 503, which clients retry. */
#include "peer/upgrade.h"

#include "base/account.h"
#include "http/request.h"
#include "http/response.h"
#include "peer/login_queue.h"
#include "peer/peer.h"
#include "peer/ws_peer.h"
#include "wire/ip.h"
#include "wire/url.h"
#include "ws/handshake.h"

static bool has_parameter(struct slice query, const char *name)
{
    SCRATCH_BUF(value, 0);

    return url_query_find(query, name, &value) && value.len;
}

static bool has_query_credentials(struct slice query)
{
    return has_parameter(query, "workspace") || has_parameter(query, "token") ||
           has_parameter(query, "reconnection_token");
}

static struct in6_addr upgrade_client_of(struct http_request *req)
{
    struct in6_addr client = {0};

    (void)ip_parse(http_request_client(req), &client);
    return client;
}

static void upgrade_to_peer(struct peer_loop *pl, struct http_request *req)
{
    bool is_legacy = has_query_credentials(req->query);
    struct slice leftover = {NULL, 0};
    struct in6_addr client = upgrade_client_of(req);
    /* the request ends with the handshake */
    struct account *payer = account_ref(account_shared(req->account));
    struct stream *stream = ws_handshake(req, &leftover);

    if (stream && is_legacy)
        ws_peer_reject_legacy(pl, stream, &client, payer);
    else if (stream)
        ws_peer_open(pl, stream, &client, payer, leftover);
    account_unref(payer);
}

void upgrade_on_request(struct http_request *req, void *arg)
{
    struct peer_loop *pl = &((struct peer_loop *)arg)[req->loop->index];

    /* Only clients of before the first message, imjoy-rpc 0.5, name themselves here. Accepted and
     * closed at once they try again at once, for ever. */
    if (has_parameter(req->query, "client_id")) {
        loop_count(pl->loop, METRIC_LOGINS_REFUSED, 1);
        req->refused_by = "query-credentials";
        http_respond(req, 403, "text/plain; charset=utf-8",
                     SLICE_LIT("Connection rejected, please upgrade to `hypha-rpc`, which passes "
                               "client_id in the first message"),
                     SLICE_LIT(""));
        return;
    }
    login_queue_enter(pl, req, upgrade_to_peer);
}
