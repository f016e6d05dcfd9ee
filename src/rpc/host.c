/* host: a virtual client: an endpoint of the router whose deliveries are handled here instead of
 * written to a socket.
 *
 * A delivery only queues: router_send delivers on the spot when the target lives on the same loop,
 * and a handler that ran inside its caller's sending would find half-changed lists. The queue is
 * emptied at the end of the turn, in order; whatever the handlers send is queued again and still
 * leaves in this turn, as far as the turn has time.
 *
 * A closed host stays in memory until its unsettled calls are settled by the handlers that own
 * them. */
#include "rpc/host.h"

#include "auth/user_mp.h"
#include "base/memory.h"
#include "rpc/built_in.h"
#include "rpc/rpc_call.h"
#include "rpc/chunks_in.h"
#include "rpc/pending.h"
#include "rpc/schema.h"

/* ---- per loop ---- */

struct rpc_loop *rpc_loop_new(struct loop *loop, struct router *router,
                              const struct rpc_settings *settings)
{
    struct rpc_loop *rl = MEM_NEW(struct rpc_loop);

    rl->loop = loop;
    rl->router = router;
    rl->settings = settings;
    list_init(&rl->hosts);
    map_init(&rl->remotes);
    list_init(&rl->gone_calls);
    list_init(&rl->tell_gone.link);
    list_init(&rl->dead_uploads);
    list_init(&rl->ended.link);
    rl->ended.run = chunks_free_ended;
    rl->tell_gone.run = calls_tell_gone;
    buf_init(&rl->scratch, 0);
    held_buf_init(&rl->built_in_config, 0, loop->own);
    built_in_init(&rl->built_in, &rl->built_in_config.b);
    held_buf_keep(&rl->built_in_config);
    rl->built_in.config = buf_slice(&rl->built_in_config.b);
    return rl;
}

void rpc_loop_free(struct rpc_loop *rl)
{
    if (!rl)
        return;
    ASSERT(list_is_empty(&rl->hosts) && list_is_empty(&rl->gone_calls) && !rl->remotes.n_entries);
    list_unlink(&rl->tell_gone.link);
    chunks_free_all_ended(rl);
    map_deinit(&rl->remotes);
    buf_deinit(&rl->scratch);
    held_buf_deinit(&rl->built_in_config);
    mem_free(rl);
}

void rpc_loop_peer_gone(struct rpc_loop *rl, struct slice address)
{
    LOOP_ASSERT(rl->loop);
    struct remote *r = remote_find(rl, address);

    if (!r)
        return;
    calls_gone(r);
    pendings_gone(r);
    chunks_gone(r);
    remote_drop(r);
}

/* ---- the endpoint ---- */

static void host_on_deliver(struct endpoint *e, struct msg *m)
{
    struct rpc_host *h = CONTAINER_OF(e, struct rpc_host, endpoint);

    ring_push(&h->inbox, m);
    loop_defer(e->loop, &h->drain);
}

static void on_drain(struct deferred *d)
{
    struct rpc_host *h = CONTAINER_OF(d, struct rpc_host, drain);
    struct msg *m;

    host_ref(h);
    while (h->is_open && (m = ring_take(&h->inbox))) {
        dispatch_msg(h, m);
        if (loop_is_late(host_loop(h)))
            break;
    }
    if (h->is_open && h->inbox.n_items)
        loop_again(host_loop(h), &h->drain);
    else if (h->is_open)
        ring_trim(&h->inbox);
    host_unref(h);
}

static const struct endpoint_ops host_ops = {.deliver = host_on_deliver, .wants = NULL};

/* ---- life ---- */

static void copy_names(struct rpc_host *h, const struct rpc_host_options *o)
{
    h->text = mem_new(o->address.len + o->workspace.len + 1);
    memcpy(h->text, o->address.ptr, o->address.len);
    if (o->workspace.len)
        memcpy(h->text + o->address.len, o->workspace.ptr, o->workspace.len);
    h->address = slice_make(h->text, o->address.len);
    h->workspace = slice_make(h->text + o->address.len, o->workspace.len);
    ASSERT(address_split(h->address, &h->parts));
}

static void init_lists(struct rpc_host *h)
{
    list_init(&h->services);
    list_init(&h->pendings);
    list_init(&h->finished);
    list_init(&h->calls);
    list_init(&h->uploads);
    ring_init(&h->inbox);
    map_init(&h->sessions);
    list_init(&h->drain.link);
    h->drain.run = on_drain;
    list_init(&h->finish.link);
    h->finish.run = pendings_run_finished;
}

struct rpc_host *rpc_host_open(struct rpc_loop *rl, const struct rpc_host_options *options)
{
    LOOP_ASSERT(rl->loop);
    struct rpc_host *h = MEM_NEW(struct rpc_host);
    struct route replaced;

    h->rl = rl;
    h->endpoint.ops = &host_ops;
    copy_names(h, options);
    init_lists(h);
    h->user = user_ref(options->user);
    h->account = account_ref(options->account);
    h->n_refs = 1;
    list_init(&h->link);
    held_buf_init(&h->user_map, 0, h->account);
    user_add_mp(&h->user_map.b, h->user, true);
    if (h->user_map.b.is_failed) {
        host_unref(h);
        return NULL;
    }
    held_buf_keep(&h->user_map);
    h->is_open = true;
    list_link(&rl->hosts, &h->link);
    router_attach(rl->router, rl->loop, &h->endpoint);
    h->endpoint.handle.is_brief = options->is_brief;
    (void)router_bind(rl->router, rl->loop, h->address, route_here(h->endpoint.handle), &replaced);
    rpc_host_add(h, &rl->built_in);
    return h;
}

void rpc_host_close(struct rpc_host *h)
{
    LOOP_ASSERT(host_loop(h));
    struct msg *m;

    if (!h->is_open)
        return;
    h->is_open = false;
    (void)router_unbind(h->rl->router, host_loop(h), h->address, route_here(h->endpoint.handle));
    router_detach(h->rl->router, &h->endpoint);
    /* whoever works for it may stop: an HTTP request has no other end that is told */
    if (h->n_pendings)
        router_tell_gone(h->rl->router, host_loop(h), h->address);
    list_unlink(&h->link);
    while ((m = ring_take(&h->inbox)))
        router_bounce(h->rl->router, host_loop(h), m);
    calls_give_up(h);
    pendings_close(h);
    chunks_close(h);
    host_unref(h);
}

void host_ref(struct rpc_host *h)
{
    h->n_refs++;
}

static void hosted_free(struct hosted *s)
{
    held_buf_deinit(&s->object);
    mem_free(s);
}

void host_unref(struct rpc_host *h)
{
    if (--h->n_refs)
        return;
    ASSERT(!h->is_open && list_is_empty(&h->pendings) && list_is_empty(&h->calls) &&
           list_is_empty(&h->uploads));
    LIST_FOREACH (it, &h->services) {
        hosted_free(LIST_ENTRY(it, struct hosted, link));
    }
    list_unlink(&h->drain.link);
    list_unlink(&h->finish.link);
    ring_deinit(&h->inbox);
    map_deinit(&h->sessions);
    held_buf_deinit(&h->user_map);
    user_unref(h->user);
    account_unref(h->account);
    mem_free(h->text);
    mem_free(h);
}

/* ---- what it is ---- */

void rpc_host_add(struct rpc_host *h, const struct rpc_service *service)
{
    struct hosted *s = MEM_NEW(struct hosted);

    ASSERT(!host_find_service(h, slice_of(service->id)));
    s->service = service;
    list_init(&s->link);
    held_buf_init(&s->object, 0, h->account);
    list_link(&h->services, &s->link);
}

void rpc_host_remove(struct rpc_host *h, const struct rpc_service *service)
{
    struct hosted *s = host_find_service(h, slice_of(service->id));

    if (!s || s->service != service)
        return;
    list_unlink(&s->link);
    hosted_free(s);
}

struct hosted *host_find_service(const struct rpc_host *h, struct slice id)
{
    LIST_FOREACH (it, &h->services) {
        struct hosted *s = LIST_ENTRY(it, struct hosted, link);
        if (slice_is(id, s->service->id))
            return s;
    }
    return NULL;
}

struct slice host_service_object(const struct rpc_host *h, struct hosted *s)
{
    if (s->object.b.len)
        return buf_slice(&s->object.b);
    schema_add_object(&s->object.b, s->service, slice_of(h->rl->settings->base_url), h->address);
    if (s->object.b.is_failed) {
        buf_clear(&s->object.b);
        return (struct slice){NULL, 0};
    }
    held_buf_keep(&s->object);
    return buf_slice(&s->object.b);
}

struct slice rpc_host_service_object(const struct rpc_host *h, const char *service_id)
{
    struct hosted *s = host_find_service(h, slice_of(service_id));

    return s ? host_service_object(h, s) : (struct slice){NULL, 0};
}

struct slice rpc_host_address(const struct rpc_host *h)
{
    return h->address;
}

struct loop *rpc_host_loop(const struct rpc_host *h)
{
    return host_loop(h);
}
