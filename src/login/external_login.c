/* external_login: what decides is a walk over the services of that name at the end of the turn in
 * which one came or went: events are hints, the registry is the truth. While there is one its owner
 * is pinged at intervals, through the same calls that a login would take: a client whose machine
 * still acknowledges bytes may have stopped long ago. */
#include "login/external_login.h"

#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "manager/evict.h"
#include "manager/manager.h"
#include "peer/hub.h"
#include "rpc/rpc.h"

static const char SERVICE[] = "hypha-login";

struct other_ping {
    struct list link; /* in other_login->pings */
    struct other_login *other;
    uint64_t request, generation;
    char full_id[]; /* of the client that is asked */
};

static bool is_other(const struct service *s)
{
    return !s->client->is_virtual && slice_is(s->name, SERVICE);
}

static struct service *next_other(struct service_cursor *cursor)
{
    struct service *s;

    do
        s = service_query_next(cursor);
    while (s && !is_other(s));
    return s;
}

static struct service *first_other(const struct other_login *o, struct service_cursor *cursor)
{
    const struct service_query query = {
        .workspace = SLICE_LIT("public"), .name = SLICE_LIT("hypha-login"), .is_literal = true};

    service_query_start(cursor, &o->hub->registry, &query);
    return next_other(cursor);
}

/* ---- a sign of life ---- */

static void ping_free(struct other_ping *p)
{
    list_unlink(&p->link);
    mem_free(p);
}

static void external_login_on_pong(const struct rpc_reply *reply, void *arg)
{
    struct other_ping *p = arg;
    struct hub *h = p->other->hub;
    struct client *c = client_find(&h->registry, slice_of(p->full_id));

    /* A refusal is an answer too; whoever has left is no longer there. */
    if (reply->outcome == RPC_TIMED_OUT && c && c->generation == p->generation) {
        LOG(LOG_WARN, "login", "the owner of the login service does not answer and is put out",
            log_text("client", p->full_id));
        loop_count(h->loop, METRIC_LOGIN_OWNERS_SILENT, 1);
        client_evict(h, c, "The login service does not answer a ping");
    }
    ping_free(p);
}

static void external_login_ping(struct other_login *o, const struct client *c)
{
    static const char args[] = "\x91\xa4"
                               "ping";
    size_t len = strlen(c->full_id);
    struct other_ping *p = mem_new(sizeof(*p) + len + 1);
    struct rpc_request request = {.target = slice_of(c->full_id),
                                  .method = SLICE_LIT("services.built-in.ping"),
                                  .args = slice_make(args, sizeof(args) - 1),
                                  .promise = RPC_PROMISE_FULL,
                                  .deadline_ms = loop_config(o->hub->loop)->login_ping_timeout_ms};

    *p = (struct other_ping){.other = o, .generation = c->generation};
    memcpy(p->full_id, c->full_id, len + 1);
    list_init(&p->link);
    list_link(&o->pings, &p->link);
    p->request =
        rpc_request(manager_host(o->manager, MANAGER_PUBLIC), &request, external_login_on_pong, p);
}

static void start_tick(struct other_login *o)
{
    uint64_t interval = loop_config(o->hub->loop)->login_guard_interval_ms;

    if (interval)
        timer_start(o->hub->loop, &o->tick, interval);
}

/* Whoever was asked at the last tick and has not answered is asked no second time. */
static void external_login_on_tick(struct timer *t)
{
    struct other_login *o = CONTAINER_OF(t, struct other_login, tick);
    struct service_cursor cursor;

    if (list_is_empty(&o->pings)) {
        for (struct service *s = first_other(o, &cursor); s; s = next_other(&cursor))
            external_login_ping(o, s->client);
    }
    start_tick(o);
}

/* ---- coming and going ---- */

static void external_login_look(struct deferred *d)
{
    struct other_login *o = CONTAINER_OF(d, struct other_login, look);
    struct service_cursor cursor;
    bool is_there = first_other(o, &cursor) != NULL;

    if (o->is_there == is_there)
        return;
    o->is_there = is_there;
    LOG(LOG_INFO, "login",
        is_there ? "another login service is here" : "the other login service left");
    if (is_there)
        start_tick(o);
    else
        timer_stop(o->hub->loop, &o->tick);
    o->on_change(o->arg);
}

static void external_login_on_service(struct registry_watch *w, const struct service *s)
{
    struct other_login *o = CONTAINER_OF(w, struct other_login, watch);

    if (is_other(s) && slice_is(slice_of(s->client->workspace->id), "public"))
        loop_defer(o->hub->loop, &o->look);
}

void other_login_open(struct other_login *o, struct hub *h, struct manager *m,
                      void (*on_change)(void *arg), void *arg)
{
    *o = (struct other_login){.hub = h, .manager = m, .on_change = on_change, .arg = arg};
    list_init(&o->watch.link);
    list_init(&o->look.link);
    list_init(&o->pings);
    timer_init(&o->tick, external_login_on_tick);
    o->look.run = external_login_look;
    o->watch.on_service = external_login_on_service;
    list_link(&h->registry.watches, &o->watch.link);
}

void other_login_close(struct other_login *o)
{
    if (!o->manager)
        return;
    timer_stop(o->hub->loop, &o->tick);
    list_unlink(&o->watch.link);
    list_unlink(&o->look.link);
    while (!list_is_empty(&o->pings)) {
        struct other_ping *p = LIST_ENTRY(o->pings.next, struct other_ping, link);
        rpc_cancel(manager_host(o->manager, MANAGER_PUBLIC), p->request);
        ping_free(p);
    }
    o->manager = NULL;
}
