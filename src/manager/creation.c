/* creation: a registered user makes a workspace, or replaces what is described of an existing
 * one. Replacing keeps owners that were not named (D-49), and never makes an owner of somebody
 * who only has admin rights there (D-15).
 *
 * The record is stored first; then it is announced and bookmarked; then the caller hears of it. */
#include <stdio.h>
#include <string.h>

#include "base/log_event.h"
#include "base/memory.h"
#include "config/config.h"
#include "hyphad/protocol.h"
#include "manager/caller_access.h"
#include "manager/bookmarks.h"
#include "manager/creation.h"
#include "manager/evict.h"
#include "manager/persisted_reply.h"
#include "manager/reply.h"
#include "manager/manager_internal.h"
#include "manager/workspace_draft.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "peer/workspace_lifecycle.h"
#include "peer/workspace_persistence.h"
#include "registry/registry.h"
#include "wire/mp.h"
#include "wire/pairs.h"

/* ---- who may ---- */

static bool lists_owner(const struct workspace *w, const char *id)
{
    for (size_t i = 0; i < w->n_owners; i++) {
        if (strcmp(w->owners[i], id) == 0)
            return true;
    }
    return false;
}

size_t workspaces_owned(const struct hub *h, const struct user *u)
{
    return registry_created(&h->registry, user_effective_id(u));
}

/* Who may make one at all, and how many. */
static bool check_creator(struct hub *h, const struct rpc_call *call, struct access_decision *ret,
                          struct refusal *r)
{
    struct access_question q = access_question_of(call, OPERATION_CREATE_WORKSPACE);

    q.max = loop_config(h->loop)->max_workspaces_per_user;
    q.used = q.max ? workspaces_owned(h, call->user) : 0;
    *ret = access_decide(&q);
    if (ret->rule == RULE_ANONYMOUS)
        return refuse(r, "Exception", "Only registered user can create workspace.");
    return true;
}

static bool check_person(const struct rpc_call *call, const struct access_decision *d,
                         struct refusal *r)
{
    if (d->rule != RULE_NOT_FOR_PERSON)
        return true;
    (void)refuse(r, "PermissionError",
                 "Permission denied: to create a workspace takes read_write on ws-user-%s",
                 user_effective_id(call->user));
    return access_note(d, r);
}

static bool creation_check_quota(struct hub *h, const struct rpc_call *call,
                                 const struct access_decision *d, struct refusal *r)
{
    if (d->rule != RULE_QUOTA)
        return true;
    loop_count(h->loop, METRIC_QUOTA_REFUSED, 1);
    return refuse(
        r, "RuntimeError",
        "Workspace quota exceeded: user %s already owns %zu workspaces (max %zu). Delete unused "
        "workspaces before creating new ones.",
        user_effective_id(call->user), d->used, d->max);
}

static bool check_overwrite(const struct rpc_call *call, const struct workspace *w,
                            struct refusal *r)
{
    struct access_question q = access_question_of(call, OPERATION_OVERWRITE);

    q.target = slice_of(w->id);
    q.workspace = w;
    struct access_decision d = access_decide(&q);
    if (d.is_allowed)
        return true;
    (void)refuse(r, "PermissionError", "Permission denied: user %s cannot overwrite workspace %s",
                 call->user->id, w->id);
    return access_note(&d, r);
}

/* *ret_existing: what is to be replaced, or NULL. */
static bool creation_check(struct hub *h, const struct rpc_call *call,
                           struct workspace **ret_existing, struct refusal *r)
{
    struct access_decision d;
    struct slice id;

    if (!check_creator(h, call, &d, r) || !workspace_draft_id(call->args[0], &id, r))
        return false;
    struct workspace *w = workspace_find(&h->registry, id);
    *ret_existing = w;
    if (w && !call_bool(call, 1, false))
        return refuse(r, "RuntimeError", "Workspace already exists: %s", w->id);
    if (w)
        return check_overwrite(call, w, r);
    return check_person(call, &d, r) && creation_check_quota(h, call, &d, r) &&
           workspace_id_allowed(id, access_is_root(call), r);
}

/* ---- owners ---- */

static bool is_self(const struct user *u, const char *name)
{
    return strcmp(name, u->id) == 0 || strcmp(name, user_effective_id(u)) == 0 ||
           (u->email && strcmp(name, u->email) == 0);
}

/* An owner stays one when the token is long gone, so who has a token of somebody names nobody but
 * that person, and those who are owners already. */
static bool check_owners(const struct rpc_call *call, const struct workspace *existing,
                         const struct workspace_draft *d, struct refusal *r)
{
    for (size_t i = 0; call->user->parent && i < d->n_owners; i++) {
        if (is_self(call->user, d->owners[i]) || (existing && lists_owner(existing, d->owners[i])))
            continue;
        return refuse(r, "PermissionError",
                      "Permission denied: with a token of %s no other owner can be named",
                      user_effective_id(call->user));
    }
    return true;
}

struct owners {
    const char **items; /* owned array of borrowed texts */
    size_t n_items;
};

static void owners_add(struct owners *o, const char *owner)
{
    for (size_t i = 0; i < o->n_items; i++) {
        if (strcmp(o->items[i], owner) == 0)
            return;
    }
    o->items[o->n_items++] = owner;
}

static struct owners choose_owners(const struct rpc_call *call, const struct workspace *existing,
                                   const struct workspace_draft *d)
{
    const struct user *u = call->user;
    bool is_stranger = existing && !workspace_owned_by(existing, u);
    size_t n_existing = existing ? existing->n_owners : 0;
    struct owners o = {mem_new((d->n_owners + n_existing + 1) * sizeof(char *)), 0};

    for (size_t i = 0; i < d->n_owners; i++)
        owners_add(&o, d->owners[i]);
    for (size_t i = 0; i < n_existing && (!d->has_owners || is_stranger); i++)
        owners_add(&o, existing->owners[i]);
    bool is_named = false;
    for (size_t i = 0; i < o.n_items; i++)
        is_named = is_named || (u->email && !u->parent && strcmp(o.items[i], u->email) == 0);
    if (!is_named && !is_stranger)
        owners_add(&o, user_effective_id(u));
    return o;
}

/* ---- making it ---- */

/* For somebody with a login: nobody else may. NULL: who makes it has no room for the record, as
 * *ret_why says. */
static struct workspace *creation_add(struct hub *h, const struct workspace_fields *f,
                                      struct account_refusal *ret_why)
{
    struct workspace *w = hub_add_workspace(h, f);

    if (hub_keep_workspace(h, w, ret_why))
        return w;
    workspace_remove(&h->registry, w);
    return NULL;
}

/* NULL: the same. */
static struct workspace *creation_make(struct hub *h, const struct rpc_call *call,
                                       struct workspace *existing, const struct workspace_draft *d,
                                       struct account_refusal *ret_why)
{
    struct owners owners = choose_owners(call, existing, d);
    struct workspace_fields f = {.id = d->id,
                                 .name = d->name,
                                 .description = d->description,
                                 .owners = owners.items,
                                 .n_owners = owners.n_items,
                                 .creator = user_effective_id(call->user),
                                 .is_persistent = d->is_persistent,
                                 .is_read_only = d->is_read_only,
                                 .config = buf_slice(&d->config),
                                 .extra = buf_slice(&d->extra)};
    struct workspace *w = existing;

    if (!existing)
        w = creation_add(h, &f, ret_why);
    else if (!workspace_change(existing, &f))
        w = NULL;
    mem_free(owners.items);
    if (w)
        workspace_persist(h, w);
    else if (existing)
        *ret_why = account_refusal(existing->keeper);
    return w;
}

/* The answer and the event show a workspace that is being prepared, whatever it is a moment
 * later. */
static void add_loading(struct buf *b, const struct workspace *w, bool with_environs)
{
    struct mp_open map;
    SCRATCH_BUF(record, 0);

    workspace_add_mp(&record, w, with_environs);
    mp_open_map(&map, b);
    pairs_add_others(&map, buf_slice(&record), SLICE_LIT("status"));
    mp_key(&map, "status");
    mp_add_map(b, 2);
    mp_add_text(b, "ready");
    mp_add_bool(b, false);
    mp_add_text(b, "status");
    mp_add_text(b, "loading");
    mp_close(&map);
}

static void creation_announce(struct hub *h, struct workspace *home, const struct workspace *w)
{
    SCRATCH_BUF(b, 0);

    add_loading(&b, w, false);
    event_send(h, slice_of(home->id), "workspace_loaded", buf_slice(&b));
    /* A full list of bookmarks is no reason to fail: the workspace is there and is listed. */
    (void)bookmarks_put_workspace(h, home, w);
}

struct creation {
    struct hub *hub;
    struct rpc_call *call;
    char *id; /* owned */
    bool is_fresh;
    struct held_buf answer;
};

static void on_stored(int outcome, void *arg)
{
    struct creation *c = arg;
    struct workspace *w = NULL, *home = NULL;

    if (outcome != WORKSPACE_RECORDS_CLOSED)
        w = workspace_find(&c->hub->registry, slice_of(c->id));
    if (outcome == WORKSPACE_PERSISTED) {
        home = bookmarks_home(c->hub, c->call->user);
        LOG_EVENT(EVENT_WORKSPACE_CREATED, log_text("workspace", c->id),
                  log_text("by", c->call->user->id), log_int("persistent", w && w->is_persistent));
        if (w && home)
            creation_announce(c->hub, home, w);
        persisted_reply_anyway(c->hub, c->call, home, &c->answer.b);
    } else {
        if (w && c->is_fresh && outcome != WORKSPACE_GONE)
            /* the store has not got it, so it does not exist, though somebody may have joined it
             * already */
            workspace_evict(c->hub, w);
        persisted_settle(c->call, outcome, c->id, &c->answer.b);
    }
    mem_free(c->id);
    mem_free(c);
}

void do_create_workspace(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct manager *)arg)->hub;
    struct workspace *existing = NULL;
    struct workspace_draft draft;
    struct refusal r;
    struct creation *c;

    if (!creation_check(h, call, &existing, &r) ||
        !workspace_draft_read(call->args[0], loop_config(h->loop)->max_workspace_record_bytes,
                              &draft, &r)) {
        reply_refusal(call, &r);
        return;
    }
    if (!check_owners(call, existing, &draft, &r)) {
        reply_refusal(call, &r);
        workspace_draft_deinit(&draft);
        return;
    }
    struct account_refusal why;
    const struct workspace *w = creation_make(h, call, existing, &draft, &why);
    if (!w)
        reply_no_room(call, slice_of(draft.id), &why);
    workspace_draft_deinit(&draft);
    if (!w)
        return;
    c = MEM_NEW(struct creation);
    *c = (struct creation){
        .hub = h, .call = call, .id = mem_copy(w->id, strlen(w->id)), .is_fresh = !existing};
    held_buf_init(&c->answer, 0, rpc_call_payer(call));
    add_loading(&c->answer.b, w, true);
    workspace_when_persisted(h, w, on_stored, c);
}
