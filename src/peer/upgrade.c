/* upgrade: the door before the door. What is wrong for good is told after the upgrade, where clients show it; what will pass by
 * itself (draining, too many logins at once) is told before it, with 503, which clients retry. (wire-protocol 1.2, 1.8) */
#include "base/account.h"
#include "base/held.h"
#include "config/config.h"
#include "http/request.h"
#include "http/response.h"
#include "hyphad/protocol.h"
#include "peer/lease.h"
#include "peer/login.h"
#include "peer/peer.h"
#include "peer/ws_peer.h"
#include "wire/ip.h"
#include "wire/url.h"
#include "ws/handshake.h"

struct waiting {                /* an upgrade request without a place to log in yet */
    struct list link;
    struct timer timer;
    struct peer_loop *pl;
    struct http_ticket ticket;
    struct lease lease;
};

static bool has_parameter(struct slice query, const char *name)
{
    struct buf value;

    buf_init(&value, 0);
    bool found = url_query_find(query, name, &value) && value.len;
    buf_deinit(&value);
    return found;
}

static bool has_query_credentials(struct slice query)
{
    return has_parameter(query, "workspace") || has_parameter(query, "token") || has_parameter(query, "reconnection_token");
}

static struct in6_addr client_of(struct http_request *req)
{
    struct in6_addr client = {0};

    (void)ip_parse(http_request_client(req), &client);
    return client;
}

static void upgrade(struct peer_loop *pl, struct http_request *req)
{
    bool is_legacy = has_query_credentials(req->query);
    struct slice leftover = {NULL, 0};
    struct in6_addr client = client_of(req);
    struct account *payer = account_ref(account_shared(req->account));      /* the request ends with the handshake */
    struct stream *stream = ws_handshake(req, &leftover);

    if (stream && is_legacy)
        ws_peer_reject(pl, stream, payer, HYPHA_CLOSE_POLICY,
                       SLICE_LIT("Connection rejected, please  upgrade to `hypha-rpc` which pass the authentication "
                                 "information in the first message"));
    else if (stream)
        ws_peer_open(pl, stream, &client, payer, leftover);
    account_unref(payer);
}

static void refuse_busy(struct http_request *req, const char *text)
{
    struct buf extra;

    buf_init(&extra, 0);
    http_header_add(&extra, "Retry-After", SLICE_LIT("1"));
    http_respond(req, 503, "text/plain; charset=utf-8", slice_of(text), buf_slice(&extra));
    buf_deinit(&extra);
}

static void forget(struct waiting *w)
{
    timer_stop(w->pl->loop, &w->timer);
    lease_close(&w->lease);
    list_unlink(&w->link);
    held_free(w);
}

static void on_waited(struct timer *t)
{
    struct waiting *w = CONTAINER_OF(t, struct waiting, timer);
    struct http_request *req = http_request_resume(w->ticket);

    forget(w);
    if (req)
        refuse_busy(req, "Server busy, please retry");
}

/* Nobody is known yet but an address, which has been blocked. */
static void on_lease_end(struct lease *l, int outcome, struct slice text)
{
    struct waiting *w = CONTAINER_OF(l, struct waiting, lease);
    struct http_request *req = http_request_resume(w->ticket);

    (void)outcome;
    forget(w);
    if (req)
        http_respond_error(req, 403, HTTP_F2, text);
}

static void on_gone(void *owner)
{
    forget(owner);
}

static unsigned places(const struct peer_loop *pl)
{
    unsigned all = pl->loop->config->max_concurrent_connections, n = pl->loop->set->n_loops;

    return all / n ? all / n : 1;
}

void login_next(struct peer_loop *pl)
{
    while (!list_is_empty(&pl->waiting) && pl->n_logins < places(pl)) {
        struct waiting *w = LIST_ENTRY(pl->waiting.next, struct waiting, link);
        struct http_request *req = http_request_resume(w->ticket);
        forget(w);
        if (req)
            upgrade(pl, req);
    }
}

void peer_on_upgrade(struct http_request *req, void *arg)
{
    struct peer_loop *pl = &((struct peer_loop *)arg)[req->loop->index];

    /* Only clients of before the first message, imjoy-rpc 0.5, name themselves here. Accepted and closed at once they try again
     * at once, for ever. */
    if (has_parameter(req->query, "client_id")) {
        loop_count(pl->loop, METRIC_LOGINS_REFUSED, 1);
        http_respond(req, 403, "text/plain; charset=utf-8",
                     SLICE_LIT("Connection rejected, please upgrade to `hypha-rpc`, which passes client_id in the first message"),
                     SLICE_LIT(""));
        return;
    }
    if (pl->is_draining) {
        refuse_busy(req, "Server is shutting down");
        return;
    }
    if (pl->n_logins < places(pl)) {
        upgrade(pl, req);
        return;
    }
    struct waiting *w = held_new(sizeof(*w), req->account);
    if (!w) {
        refuse_busy(req, "Server busy, please retry");
        return;
    }
    w->pl = pl;
    w->ticket = http_request_park(req, &(struct http_watch){.owner = w, .on_gone = on_gone});
    timer_init(&w->timer, on_waited);
    timer_start(pl->loop, &w->timer, pl->loop->config->login_queue_timeout_ms);
    list_link(&pl->waiting, &w->link);
    lease_open(pl->hub, pl->loop, &w->lease, &(struct lease_terms){.address = client_of(req), .end = on_lease_end});
}
