/* fanout: a broadcast is one mail and one reference per loop; each loop walks its own members. No delivery detaches a member: one
 * that is too slow to keep leaves when the turn ends. */
#include "router/fanout.h"

#include "base/memory.h"

struct membership {
    struct list members;
    size_t n_members;
    struct map interests;       /* type -> struct interest, owned */
    size_t key_len;
    char key[];
};

struct interest {               /* how many members want one type of event */
    size_t n_members;
    size_t key_len;
    char key[];
};

struct fan_mail {
    struct mail mail;
    struct router *router;
    struct msg *msg;            /* owns one reference */
    size_t workspace_len, type_len;
    char texts[];               /* workspace, then type */
};

void fanout_init(struct fanout *f)
{
    map_init(&f->workspaces);
}

void fanout_deinit(struct fanout *f)
{
    ASSERT(f->workspaces.n_entries == 0);
    map_deinit(&f->workspaces);
}

static void release(struct fanout *f, struct membership *ms)
{
    if (--ms->n_members)
        return;
    ASSERT(ms->interests.n_entries == 0);
    map_deinit(&ms->interests);
    map_take(&f->workspaces, slice_make(ms->key, ms->key_len));
    mem_free(ms);
}

void fanout_join(struct fanout *f, struct endpoint *e, struct slice workspace)
{
    struct membership *ms = map_find(&f->workspaces, workspace);

    fanout_leave(f, e);
    if (!ms) {
        ms = mem_new(sizeof(*ms) + workspace.len);
        ms->key_len = workspace.len;
        memcpy(ms->key, workspace.ptr, workspace.len);
        list_init(&ms->members);
        map_init(&ms->interests);
        map_put(&f->workspaces, slice_make(ms->key, ms->key_len), ms);
    }
    list_link(&ms->members, &e->member);
    ms->n_members++;
    e->member_key = ms->key;
}

void fanout_interest(struct fanout *f, struct endpoint *e, struct slice type, bool is_added)
{
    (void)f;
    ASSERT(e->member_key);
    struct membership *ms = CONTAINER_OF(e->member_key, struct membership, key);
    struct interest *in = map_find(&ms->interests, type);

    if (!in) {
        in = mem_new(sizeof(*in) + type.len);
        in->key_len = type.len;
        memcpy(in->key, type.ptr, type.len);
        map_put(&ms->interests, slice_make(in->key, in->key_len), in);
    }
    in->n_members += is_added ? 1 : (size_t)-1;
    if (!in->n_members) {
        map_take(&ms->interests, slice_make(in->key, in->key_len));
        mem_free(in);
    }
}

void fanout_leave(struct fanout *f, struct endpoint *e)
{
    if (!e->member_key)
        return;
    struct membership *ms = CONTAINER_OF(e->member_key, struct membership, key);
    list_unlink(&e->member);
    e->member_key = NULL;
    release(f, ms);
}

static void deliver_here(struct router *r, struct loop *self, struct slice workspace, struct slice type, struct msg *m)
{
    struct fanout *f = router_fanout(r, self);
    struct membership *ms = map_find(&f->workspaces, workspace);

    if (!ms || !map_find(&ms->interests, type))
        return;
    LIST_FOREACH(it, &ms->members) {
        struct endpoint *e = LIST_ENTRY(it, struct endpoint, member);
        if (e->ops->wants && e->ops->wants(e, type))
            e->ops->deliver(e, msg_ref(m));
    }
}

static void run_fan(struct loop *self, struct mail *mail)
{
    struct fan_mail *fm = CONTAINER_OF(mail, struct fan_mail, mail);

    deliver_here(fm->router, self, slice_make(fm->texts, fm->workspace_len),
                 slice_make(fm->texts + fm->workspace_len, fm->type_len), fm->msg);
    msg_unref(fm->msg);
    mem_free(fm);
}

void router_broadcast(struct router *r, struct loop *self, struct slice workspace, struct slice type, struct msg *m)
{
    struct loop_set *loops = router_loops(r);

    loop_count(self, METRIC_BROADCASTS, 1);
    for (unsigned i = 0; i < loops->n_loops; i++) {
        if (i == self->index)
            continue;
        struct fan_mail *fm = mem_new(sizeof(*fm) + workspace.len + type.len);
        *fm = (struct fan_mail){{NULL, run_fan}, r, msg_ref(m), workspace.len, type.len};
        memcpy(fm->texts, workspace.ptr, workspace.len);
        memcpy(fm->texts + workspace.len, type.ptr, type.len);
        loop_post(self, &loops->loops[i], &fm->mail);
    }
    deliver_here(r, self, workspace, type, m);
    msg_unref(m);
}
