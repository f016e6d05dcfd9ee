/* fanout: a broadcast is one mail and one reference per loop; each loop walks its own members. No
 * delivery detaches a member: one that is too slow to keep leaves when the turn ends.
 *
 * What finds no time stands in its membership's queue, the first with its place among the members,
 * whatever stands there already: its place is charged to whoever pays for the message, which has
 * been taken from its sender and is not refused here. An event of the hub's is the workspace's
 * while it waits, as it is its receivers' afterwards: over its cap its members' calls, which cause
 * more of them, are refused. Who sent what stands there is tallied, so that only a message to a
 * member of that very workspace, while something waits there, is looked into for its sender. */
#include "router/fanout.h"

#include "base/held.h"
#include "base/memory.h"
#include "loop/work.h"
#include "wire/rpc_header.h"

enum {
    AT_ONCE = 8, /* members between two looks at the clock */
    /* messages of one sender that wait here before it is held back */
    AHEAD_MOST = 64
};

struct tally { /* how often something was counted */
    size_t n, key_len;
    char key[];
};

struct membership {
    struct fanout *fanout;
    struct account *account; /* holds a reference: pays for what nobody has sent */
    struct list members;
    size_t n_members;
    struct map interests; /* type -> struct tally of members that want it, owned */
    /* address, or "" for the hub's events -> struct tally of what waits, owned */
    struct map senders;
    struct list waiting; /* struct fan, in the order they came */
    size_t n_waiting;
    /* who is next to get the first of them, or the head of members */
    struct list *at;
    /* broadcasts that had to wait, since the first member joined */
    uint32_t n_begun;
    struct work work;
    /* after the last member has left, in the place of work: a loop that has stopped reads its
     * mail */
    struct mail rest;
    size_t key_len;
    char key[];
};

/* held by who pays for the message, or else by the workspace */
struct fan {
    struct list link;
    struct msg *msg; /* owns one reference */
    struct tally *sender;
    struct handle to; /* of is_direct: the one it is for */
    bool is_direct;
    uint32_t number; /* by n_begun */
    size_t type_len;
    char type[];
};

struct fan_mail { /* held by who pays for the message */
    struct mail mail;
    struct fanouts *all;
    struct msg *msg; /* owns one reference */
    size_t workspace_len, type_len;
    char texts[]; /* workspace, then type */
};

struct fanouts *fanouts_new(struct loop_set *loops,
                            void (*deliver)(void *arg, struct loop *self, struct handle to,
                                            struct msg *m),
                            void *arg)
{
    struct fanouts *all = mem_new(sizeof(*all) + loops->n_loops * sizeof(all->of_loops[0]));

    all->loops = loops;
    all->deliver = deliver;
    all->arg = arg;
    for (unsigned i = 0; i < loops->n_loops; i++) {
        all->of_loops[i] = (struct fanout){.all = all, .loop = &loops->loops[i]};
        map_init(&all->of_loops[i].workspaces);
    }
    return all;
}

void fanouts_free(struct fanouts *all)
{
    for (unsigned i = 0; i < all->loops->n_loops; i++) {
        struct fanout *f = &all->of_loops[i];
        ASSERT(f->workspaces.n_entries == 0 && f->n_waiting == 0);
        map_deinit(&f->workspaces);
    }
    mem_free(all);
}

/* ---- counting ---- */

static struct tally *tally_add(struct map *m, struct slice key)
{
    struct tally *t = map_find(m, key);

    if (!t) {
        t = mem_new(sizeof(*t) + key.len);
        t->key_len = key.len;
        memcpy(t->key, key.ptr, key.len);
        map_put(m, slice_make(t->key, t->key_len), t);
    }
    t->n++;
    return t;
}

static void tally_drop(struct map *m, struct tally *t)
{
    if (--t->n)
        return;
    map_take(m, slice_make(t->key, t->key_len));
    mem_free(t);
}

/* ---- what waits ---- */

/* The sender header is ours, and so is the order: whoever reads the frames in it sees what one
 * sender has sent as it was sent. */
static struct slice fan_sender(const struct msg *m)
{
    static const struct rpc_header_caps ours = {
        .max_bytes = UINT32_MAX, .max_depth = 64, .max_pairs = UINT32_MAX};
    struct rpc_header h;

    if (m->is_hubs || rpc_header_peek(msg_head_slice(m), &ours, &h) != RPC_HEADER_OK || !h.from.ptr)
        return SLICE_LIT("");
    return h.from;
}

static struct fan *fan_first(struct membership *ms)
{
    return LIST_ENTRY(ms->waiting.next, struct fan, link);
}

/* Takes over the reference. */
static struct fan *fan_add(struct membership *ms, struct msg *m, struct slice type)
{
    struct account *payer = m->receivers_pay ? ms->account : account_shared(m->account);
    struct fan *fan = held_new_always(sizeof(*fan) + type.len, payer);

    *fan = (struct fan){
        .msg = m, .sender = tally_add(&ms->senders, fan_sender(m)), .type_len = type.len};
    memcpy(fan->type, type.ptr, type.len);
    list_init(&fan->link);
    list_link(&ms->waiting, &fan->link);
    if (m->receivers_pay)
        account_charge_always(ms->account, msg_cost(m));
    ms->n_waiting++;
    ms->fanout->n_waiting++;
    return fan;
}

static void fan_free(struct membership *ms, struct fan *fan)
{
    list_unlink(&fan->link);
    ms->n_waiting--;
    ms->fanout->n_waiting--;
    tally_drop(&ms->senders, fan->sender);
    if (fan->msg->receivers_pay)
        account_release(ms->account, msg_cost(fan->msg));
    msg_unref(fan->msg);
    held_free(fan);
    ms->at = ms->members.next;
}

static void member_offer(struct endpoint *e, struct slice type, struct msg *m)
{
    if (e->ops->wants && e->ops->wants(e, type))
        e->ops->deliver(e, msg_ref(m));
}

/* The first of what waits, to one member. False: it is done. */
static bool fan_step(struct membership *ms, struct fan *fan)
{
    if (fan->is_direct) {
        struct fanouts *all = ms->fanout->all;
        all->deliver(all->arg, ms->fanout->loop, fan->to, msg_ref(fan->msg));
        return false;
    }
    if (ms->at == &ms->members)
        return false;
    struct endpoint *e = LIST_ENTRY(ms->at, struct endpoint, member);
    ms->at = ms->at->next;
    if ((int32_t)(fan->number - e->joined) > 0)
        member_offer(e, slice_make(fan->type, fan->type_len), fan->msg);
    return true;
}

static bool fanout_step(struct work *w)
{
    struct membership *ms = CONTAINER_OF(w, struct membership, work);

    if (!ms->n_waiting)
        return false;
    struct fan *fan = fan_first(ms);
    if (!fan_step(ms, fan))
        fan_free(ms, fan);
    return true;
}

bool fanout_holds(struct endpoint *e, struct msg *m)
{
    if (!e->member_key)
        return false;
    struct membership *ms = CONTAINER_OF(e->member_key, struct membership, key);
    if (!ms->n_waiting || !map_find(&ms->senders, fan_sender(m)))
        return false;
    struct fan *fan = fan_add(ms, m, SLICE_LIT(""));
    fan->is_direct = true;
    fan->to = e->handle;
    return true;
}

bool fanout_is_behind(const struct fanout *f, const struct endpoint *e, struct slice address)
{
    if (!f->n_waiting || !e->member_key)
        return false;
    const struct membership *ms = CONTAINER_OF(e->member_key, struct membership, key);
    const struct tally *t = ms->n_waiting > AHEAD_MOST ? map_find(&ms->senders, address) : NULL;
    return t && t->n > AHEAD_MOST;
}

/* ---- members ---- */

static void membership_free(struct membership *ms)
{
    ASSERT(ms->interests.n_entries == 0 && ms->senders.n_entries == 0);
    map_deinit(&ms->interests);
    map_deinit(&ms->senders);
    account_unref(ms->account);
    mem_free(ms);
}

/* Nobody is left: broadcasts end, and what was for one bounces. There is no later turn of a loop
 * that stops. */
static void run_rest(struct loop *self, struct mail *mail)
{
    struct membership *ms = CONTAINER_OF(mail, struct membership, rest);

    for (unsigned n = 1; fanout_step(&ms->work); n++) {
        if (n % AT_ONCE == 0 && loop_is_late(self) && !self->is_stopping) {
            loop_post(self, self, &ms->rest);
            return;
        }
    }
    membership_free(ms);
}

/* Who comes after that joins another of the same name. */
static void membership_release(struct fanout *f, struct membership *ms)
{
    if (--ms->n_members)
        return;
    work_stop(&ms->work);
    map_take(&f->workspaces, slice_make(ms->key, ms->key_len));
    if (!ms->n_waiting) {
        membership_free(ms);
        return;
    }
    ms->rest.run = run_rest;
    loop_post(f->loop, f->loop, &ms->rest);
}

static struct membership *membership_new(struct fanout *f, struct slice workspace,
                                         struct account *account)
{
    struct membership *ms = mem_new(sizeof(*ms) + workspace.len);

    ms->fanout = f;
    ms->account = account_ref(account);
    ms->key_len = workspace.len;
    memcpy(ms->key, workspace.ptr, workspace.len);
    list_init(&ms->members);
    list_init(&ms->waiting);
    ms->at = &ms->members;
    map_init(&ms->interests);
    map_init(&ms->senders);
    ms->work = (struct work){.step = fanout_step, .at_once = AT_ONCE};
    work_init(&ms->work, f->loop, NULL);
    map_put(&f->workspaces, slice_make(ms->key, ms->key_len), ms);
    return ms;
}

void fanout_join(struct fanout *f, struct endpoint *e, struct slice workspace,
                 struct account *account)
{
    fanout_leave(f, e);
    struct membership *ms = map_find(&f->workspaces, workspace);
    if (!ms)
        ms = membership_new(f, workspace, account);
    list_link(&ms->members, &e->member);
    ms->n_members++;
    e->member_key = ms->key;
    e->joined = ms->n_begun;
}

void fanout_interest(struct fanout *f, struct endpoint *e, struct slice type, bool is_added)
{
    (void)f;
    ASSERT(e->member_key);
    struct membership *ms = CONTAINER_OF(e->member_key, struct membership, key);

    if (is_added)
        (void)tally_add(&ms->interests, type);
    else
        tally_drop(&ms->interests, map_find(&ms->interests, type));
}

void fanout_leave(struct fanout *f, struct endpoint *e)
{
    if (!e->member_key)
        return;
    struct membership *ms = CONTAINER_OF(e->member_key, struct membership, key);
    if (ms->at == &e->member)
        ms->at = e->member.next;
    list_unlink(&e->member);
    e->member_key = NULL;
    membership_release(f, ms);
}

/* ---- broadcasts ---- */

static void fan_wait(struct membership *ms, struct list *at, struct slice type, struct msg *m)
{
    struct fan *fan = fan_add(ms, msg_ref(m), type);

    fan->number = ++ms->n_begun;
    if (ms->n_waiting == 1)
        ms->at = at;
    work_start_later(&ms->work);
}

static void deliver_here(struct fanouts *all, struct loop *self, struct slice workspace,
                         struct slice type, struct msg *m)
{
    struct membership *ms = map_find(&fanout_of(all, self)->workspaces, workspace);
    unsigned n = 0;

    if (!ms || !map_find(&ms->interests, type))
        return;
    if (ms->n_waiting) {
        fan_wait(ms, NULL, type, m);
        return;
    }
    LIST_FOREACH (it, &ms->members) {
        if (++n % AT_ONCE == 0 && loop_is_late(self)) {
            fan_wait(ms, it, type, m);
            return;
        }
        member_offer(LIST_ENTRY(it, struct endpoint, member), type, m);
    }
}

static void run_fan(struct loop *self, struct mail *mail)
{
    struct fan_mail *fm = CONTAINER_OF(mail, struct fan_mail, mail);

    deliver_here(fm->all, self, slice_make(fm->texts, fm->workspace_len),
                 slice_make(fm->texts + fm->workspace_len, fm->type_len), fm->msg);
    msg_unref(fm->msg);
    held_free(fm);
}

void fanout_broadcast(struct fanouts *all, struct loop *self, struct slice workspace,
                      struct slice type, struct msg *m)
{
    for (unsigned i = 0; i < all->loops->n_loops; i++) {
        if (i == self->index)
            continue;
        struct fan_mail *fm =
            held_new_always(sizeof(*fm) + workspace.len + type.len, account_shared(m->account));
        *fm = (struct fan_mail){{NULL, run_fan}, all, msg_ref(m), workspace.len, type.len};
        memcpy(fm->texts, workspace.ptr, workspace.len);
        memcpy(fm->texts + workspace.len, type.ptr, type.len);
        loop_post(self, &all->loops->loops[i], &fm->mail);
    }
    deliver_here(all, self, workspace, type, m);
}
