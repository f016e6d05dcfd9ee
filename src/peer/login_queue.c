/* login_queue: the places are counted by the peers themselves (peer_loop.n_logins); here stands who
 * waits for one. A login that is refused at once frees its place at once, so starting goes on until
 * the turn has no more time for it, and on in the next one. */
#include "peer/login_queue.h"

#include "base/held.h"
#include "config/config.h"
#include "http/request.h"
#include "http/response.h"
#include "peer/access.h"
#include "peer/hub.h"
#include "peer/lease.h"
#include "peer/peer.h"
#include "wire/ip.h"

enum { STARTS_MOST = 256 }; /* a turn, whatever the clock says */

struct waiting {      /* a request without a place to log in yet */
    struct list link; /* in peer_loop.waiting */
    struct timer timer;
    struct peer_loop *pl;
    struct http_ticket ticket;
    struct lease lease;
    void (*start)(struct peer_loop *pl, struct http_request *req);
};

static void login_queue_refuse(struct http_request *req, const char *rule, const char *text)
{
    bool is_plain = req->is_upgrade;
    SCRATCH_BUF(extra, 0);
    SCRATCH_BUF(body, 0);

    req->refused_by = rule;
    http_header_add(&extra, "Retry-After", SLICE_LIT("1"));
    buf_add_fmt(&body, is_plain ? "%s" : "{\"success\":false,\"detail\":\"%s\"}", text);
    http_respond(req, 503, is_plain ? "text/plain; charset=utf-8" : "application/json",
                 buf_slice(&body), buf_slice(&extra));
}

static void refuse_busy(struct peer_loop *pl, struct http_request *req)
{
    loop_count(pl->loop, METRIC_LOGINS_SHED, 1);
    login_queue_refuse(req, config_names.login_queue, "Server busy, please retry");
}

/* Of the options that are for the whole server, this loop's share. */
static size_t login_queue_share(const struct peer_loop *pl, size_t all)
{
    size_t n = pl->loop->set->n_loops;

    return all / n ? all / n : 1;
}

static bool has_place(const struct peer_loop *pl)
{
    return pl->n_logins < login_queue_share(pl, loop_config(pl->loop)->max_concurrent_connections);
}

/* ---- waiting ---- */

/* Takes it from the queue. NULL: its client has gone. */
static struct http_request *waiting_end(struct waiting *w)
{
    struct http_request *req = http_request_resume(w->ticket);

    if (req)
        /* whoever gets it now watches for themselves */
        (void)http_request_park(req, &(struct http_watch){0});
    timer_stop(w->pl->loop, &w->timer);
    lease_close(&w->lease);
    list_unlink(&w->link);
    w->pl->n_waiting--;
    loop_count(w->pl->loop, METRIC_LOGINS_WAITING, -1);
    held_free(w);
    return req;
}

static void on_waited(struct timer *t)
{
    struct waiting *w = CONTAINER_OF(t, struct waiting, timer);
    struct peer_loop *pl = w->pl;
    struct http_request *req = waiting_end(w);

    if (req)
        refuse_busy(pl, req);
}

/* Nobody is known yet but an address, which has been blocked. */
static void login_queue_on_lease_end(struct lease *l, int outcome, struct slice text)
{
    struct http_request *req = waiting_end(CONTAINER_OF(l, struct waiting, lease));

    (void)outcome;
    if (!req)
        return;
    req->refused_by = access_rule_name(RULE_BLOCKED);
    http_respond_error(req, 403, HTTP_F2, text);
}

static void login_queue_on_gone(void *owner)
{
    (void)waiting_end(owner);
}

static void login_queue_wait_for(struct peer_loop *pl, struct http_request *req,
                                 void (*start)(struct peer_loop *pl, struct http_request *req))
{
    size_t room = login_queue_share(pl, loop_config(pl->loop)->login_queue);
    struct waiting *w = pl->n_waiting < room ? held_new(sizeof(*w), req->account) : NULL;
    struct lease_terms terms = {.end = login_queue_on_lease_end};

    if (!w) {
        refuse_busy(pl, req);
        return;
    }
    w->pl = pl;
    w->start = start;
    w->ticket =
        http_request_park(req, &(struct http_watch){.owner = w, .on_gone = login_queue_on_gone});
    timer_init(&w->timer, on_waited);
    timer_start(pl->loop, &w->timer, loop_config(pl->loop)->login_queue_timeout_ms);
    list_link(&pl->waiting, &w->link);
    pl->n_waiting++;
    (void)ip_parse(http_request_client(req), &terms.address);
    lease_open(pl->hub, pl->loop, &w->lease, &terms);
    loop_count(pl->loop, METRIC_LOGINS_WAITING, 1);
}

/* ---- starting ---- */

static void start_first(struct peer_loop *pl)
{
    struct waiting *w = LIST_ENTRY(pl->waiting.next, struct waiting, link);
    void (*start)(struct peer_loop * pl, struct http_request * req) = w->start;
    struct http_request *req = waiting_end(w);

    if (req && pl->is_draining)
        login_queue_refuse(req, "drain", "Server is shutting down");
    else if (req)
        start(pl, req);
}

static void on_starts(struct deferred *d)
{
    struct peer_loop *pl = CONTAINER_OF(d, struct peer_loop, starts);

    for (unsigned n = 0; !list_is_empty(&pl->waiting) && (has_place(pl) || pl->is_draining); n++) {
        if (n == STARTS_MOST || loop_is_late(pl->loop)) {
            /* who was refused meanwhile has asked for this turn */
            list_unlink(&d->link);
            loop_again(pl->loop, d);
            return;
        }
        start_first(pl);
    }
}

void login_queue_wake(struct peer_loop *pl)
{
    LOOP_ASSERT(pl->loop);
    if (!list_is_empty(&pl->waiting))
        loop_defer(pl->loop, &pl->starts);
}

void login_queue_enter(struct peer_loop *pl, struct http_request *req,
                       void (*start)(struct peer_loop *pl, struct http_request *req))
{
    LOOP_ASSERT(pl->loop);
    if (pl->is_draining)
        login_queue_refuse(req, "drain", "Server is shutting down");
    else if (has_place(pl) && list_is_empty(&pl->waiting))
        start(pl, req);
    else
        login_queue_wait_for(pl, req, start);
}

/* ---- life ---- */

void login_queue_init(struct peer_loop *pl)
{
    list_init(&pl->waiting);
    list_init(&pl->starts.link);
    pl->starts.run = on_starts;
}

void login_queue_deinit(struct peer_loop *pl)
{
    ASSERT(list_is_empty(&pl->waiting));
    list_unlink(&pl->starts.link);
}
