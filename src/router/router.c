/* router: one lookup, then this loop's endpoint, another loop's outbox or the uplink. A message for
 * another loop travels as one mail with the handle inside; the target resolves the handle, and a
 * stale one is a peer that has gone meanwhile: the message bounces. */
#include "router/router.h"

#include "base/buf.h"
#include "base/memory.h"
#include "router/directory.h"
#include "router/fanout.h"
#include "wire/rpc_header.h"

struct router {
    struct loop_set *loops;
    /* borrowed, const; NULL: no route leads out of this process */
    struct router_uplink *uplink;
    struct directory directory;
    struct fanouts *fanouts;
    struct list *watchers; /* one list per loop; const after start */
};

struct msg_mail {
    struct mail mail;
    struct router *router;
    struct handle to;
    struct msg *msg; /* owns one reference */
};

/* directory changes between two looks at what may be freed */
enum { COLLECT_EVERY = 64 };

/* What has waited for its turn among broadcasts. */
static void deliver_waited(void *arg, struct loop *self, struct handle to, struct msg *m)
{
    struct endpoint *e = slots_find(&self->slots, to);

    if (e)
        e->ops->deliver(e, m);
    else
        router_bounce(arg, self, m);
}

struct router *router_new(struct loop_set *loops, struct router_uplink *uplink)
{
    struct router *r = MEM_NEW(struct router);

    r->loops = loops;
    r->uplink = uplink;
    directory_init(&r->directory, loops->n_loops);
    r->fanouts = fanouts_new(loops, deliver_waited, r);
    r->watchers = mem_new(loops->n_loops * sizeof(*r->watchers));
    for (unsigned i = 0; i < loops->n_loops; i++)
        list_init(&r->watchers[i]);
    return r;
}

void router_pay(struct router *r, struct account *payer)
{
    directory_pay(&r->directory, payer);
}

void router_free(struct router *r)
{
    if (!r)
        return;
    fanouts_free(r->fanouts);
    mem_free(r->watchers);
    directory_deinit(&r->directory);
    mem_free(r);
}

struct fanout *router_fanout(const struct router *r, const struct loop *loop)
{
    return fanout_of(r->fanouts, loop);
}

void router_attach(struct router *r, struct loop *loop, struct endpoint *e)
{
    (void)r;
    LOOP_ASSERT(loop);
    e->loop = loop;
    e->handle = slots_put(&loop->slots, e);
    e->member_key = NULL;
    list_init(&e->member);
}

void router_detach(struct router *r, struct endpoint *e)
{
    LOOP_ASSERT(e->loop);
    slots_remove(&e->loop->slots, e->handle);
    fanout_leave(router_fanout(r, e->loop), e);
}

void router_join(struct router *r, struct endpoint *e, struct slice workspace,
                 struct account *account)
{
    LOOP_ASSERT(e->loop);
    fanout_join(router_fanout(r, e->loop), e, workspace, account);
}

bool router_is_behind(struct router *r, const struct endpoint *e, struct slice address)
{
    return fanout_is_behind(router_fanout(r, e->loop), e, address);
}

void router_interest(struct router *r, struct endpoint *e, struct slice type, bool is_added)
{
    LOOP_ASSERT(e->loop);
    fanout_interest(router_fanout(r, e->loop), e, type, is_added);
}

static void collect_sometimes(struct router *r)
{
    /* A stale read only shifts the moment. */
    if (r->directory.epoch.n_readers &&
        atomic_load_explicit(&r->directory.epoch.now, memory_order_relaxed) % COLLECT_EVERY == 0)
        directory_collect(&r->directory);
}

bool router_bind(struct router *r, struct loop *self, struct slice address, struct route to,
                 struct route *ret_replaced)
{
    LOOP_ASSERT(self);
    ASSERT(r->uplink || route_is_here(&to));
    bool replaced = directory_put(&r->directory, address, to, ret_replaced);

    if (!replaced)
        loop_count(self, METRIC_DIRECTORY_ENTRIES, 1);
    collect_sometimes(r);
    return replaced;
}

bool router_unbind(struct router *r, struct loop *self, struct slice address, struct route to)
{
    LOOP_ASSERT(self);
    bool removed = directory_remove(&r->directory, address, to);

    if (removed)
        loop_count(self, METRIC_DIRECTORY_ENTRIES, -1);
    collect_sometimes(r);
    return removed;
}

void router_collect(struct router *r)
{
    directory_collect(&r->directory);
}

bool router_find(struct router *r, struct loop *self, struct slice address, struct route *ret)
{
    LOOP_ASSERT(self);
    return directory_find(&r->directory, self->index, address, ret);
}

static void router_deliver(struct router *r, struct loop *self, struct handle to, struct msg *m)
{
    struct fanout *f = router_fanout(r, self);
    struct endpoint *e = slots_find(&self->slots, to);

    if (!e)
        router_bounce(r, self, m);
    else if (!f->n_waiting || !fanout_holds(e, m))
        e->ops->deliver(e, m);
}

static void run_msg(struct loop *self, struct mail *mail)
{
    struct msg_mail *mm = CONTAINER_OF(mail, struct msg_mail, mail);

    router_deliver(mm->router, self, mm->to, mm->msg);
    mem_free(mm);
}

static inline void send_to_seat(struct router *r, struct loop *self, struct handle to,
                                struct msg *m)
{
    if (to.loop == self->index) {
        loop_count(self, METRIC_ROUTED_LOCAL, 1);
        router_deliver(r, self, to, m);
        return;
    }
    struct msg_mail *mm = MEM_NEW(struct msg_mail);
    *mm = (struct msg_mail){{NULL, run_msg}, r, to, m};
    loop_count(self, METRIC_ROUTED_MAILED, 1);
    loop_post(self, &r->loops->loops[to.loop], &mm->mail);
}

void router_arrive(struct router *r, struct loop *self, struct handle to, struct msg *m)
{
    send_to_seat(r, self, to, m);
}

int router_send(struct router *r, struct loop *self, struct slice address, struct msg *m)
{
    struct route to;

    if (!router_find(r, self, address, &to)) {
        loop_count(self, METRIC_ROUTED_NO_PEER, 1);
        return ROUTER_NO_PEER;
    }
    loop_count(self, METRIC_RPC_CALLS, 1);
    if (route_is_here(&to))
        send_to_seat(r, self, to.seat, m);
    else
        r->uplink->send(r->uplink, self, &to, m);
    return ROUTER_OK;
}

static void run_overdrawn(struct loop *self, struct mail *mail)
{
    struct msg_mail *mm = CONTAINER_OF(mail, struct msg_mail, mail);
    struct endpoint *e = slots_find(&self->slots, mm->to);

    if (e && e->ops->overdrawn)
        e->ops->overdrawn(e, mm->msg);
    else if (e && mm->msg)
        e->ops->deliver(e, mm->msg);
    else
        msg_unref(mm->msg);
    mem_free(mm);
}

void router_arrive_overdrawn(struct router *r, struct loop *self, struct handle to,
                             struct msg *refusal)
{
    struct msg_mail *mm = MEM_NEW(struct msg_mail);

    *mm = (struct msg_mail){{NULL, run_overdrawn}, r, to, refusal};
    loop_post(self, &r->loops->loops[to.loop], &mm->mail);
}

void router_overdrawn(struct router *r, struct loop *self, struct slice address,
                      struct msg *refusal)
{
    struct route to;

    if (!router_find(r, self, address, &to))
        msg_unref(refusal);
    else if (route_is_here(&to))
        router_arrive_overdrawn(r, self, to.seat, refusal);
    else
        r->uplink->overdrawn(r->uplink, self, &to, refusal);
}

static const struct rpc_header_caps ours = {
    .max_bytes = UINT32_MAX, .max_depth = 64, .max_pairs = UINT32_MAX};

void router_refuse(struct router *r, struct loop *self, struct msg *m, struct slice text)
{
    struct rpc_header h;

    if (rpc_header_peek(msg_head_slice(m), &ours, &h) == RPC_HEADER_OK && h.session.ptr &&
        h.from.ptr && router_can_reject(h.to, h.session)) {
        struct msg *answer =
            router_reject_frame(h.to, h.from, h.session, text, account_shared(m->account));
        if (!answer)
            router_overdrawn(r, self, h.from,
                             router_reject_frame(h.to, h.from, h.session, text, self->own));
        else if (router_send(r, self, h.from, answer) != ROUTER_OK)
            msg_unref(answer);
    }
    msg_unref(m);
}

void router_bounce(struct router *r, struct loop *self, struct msg *m)
{
    struct rpc_header h;
    SCRATCH_BUF(text, 0);

    if (rpc_header_peek(msg_head_slice(m), &ours, &h) != RPC_HEADER_OK || !h.session.ptr) {
        msg_unref(m);
        return;
    }
    buf_add_fmt(&text, "Target peer " SLICE_FMT " is not connected", SLICE_ARG(h.to));
    loop_count(self, METRIC_BOUNCED, 1);
    router_refuse(r, self, m, buf_slice(&text));
}

void router_arrive_broadcast(struct router *r, struct loop *self, struct slice workspace,
                             struct slice type, struct msg *m)
{
    loop_count(self, METRIC_BROADCASTS, 1);
    fanout_broadcast(r->fanouts, self, workspace, type, m);
}

void router_broadcast(struct router *r, struct loop *self, struct slice workspace,
                      struct slice type, struct msg *m)
{
    router_arrive_broadcast(r, self, workspace, type, m);
    if (r->uplink)
        r->uplink->spread(r->uplink, self, workspace, type, m);
    msg_unref(m);
}

struct gone_mail {
    struct mail mail;
    struct router *router;
    size_t address_len;
    char address[];
};

static void run_gone(struct loop *self, struct mail *mail)
{
    struct gone_mail *gm = CONTAINER_OF(mail, struct gone_mail, mail);

    LIST_FOREACH (it, &gm->router->watchers[self->index]) {
        struct router_watcher *w = LIST_ENTRY(it, struct router_watcher, link);
        w->on_gone(w, slice_make(gm->address, gm->address_len));
    }
    mem_free(gm);
}

void router_watch(struct router *r, struct loop *loop, struct router_watcher *w)
{
    list_link(&r->watchers[loop->index], &w->link);
}

void router_tell_gone(struct router *r, struct loop *self, struct slice address)
{
    for (unsigned i = 0; i < r->loops->n_loops; i++) {
        struct gone_mail *gm = mem_new(sizeof(*gm) + address.len);
        *gm = (struct gone_mail){{NULL, run_gone}, r, address.len};
        memcpy(gm->address, address.ptr, address.len);
        loop_post(self, &r->loops->loops[i], &gm->mail);
    }
}
