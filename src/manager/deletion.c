/* deletion: the stored record goes first, so that what was acknowledged does not come back after
 * a crash; then the caller is told, then everybody in the workspace is disconnected and the rest
 * goes with them (D-41). */
#include <string.h>

#include "base/log_event.h"
#include "base/memory.h"
#include "manager/caller_access.h"
#include "manager/bookmarks.h"
#include "manager/deletion.h"
#include "manager/evict.h"
#include "manager/persisted_reply.h"
#include "manager/reply.h"
#include "manager/manager_internal.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "peer/workspace_lifecycle.h"
#include "peer/workspace_persistence.h"
#include "peer/subscriptions.h"
#include "registry/registry.h"
#include "store/store.h"

struct deletion {
    struct list link; /* in manager->deletions */
    struct hub *hub;  /* NULL: the manager has gone while the store was at work */
    struct rpc_call *call;
    char *id;
};

void deletions_orphan(struct manager *m)
{
    while (!list_is_empty(&m->deletions)) {
        struct deletion *d = LIST_ENTRY(m->deletions.next, struct deletion, link);
        list_unlink(&d->link);
        d->hub = NULL;
    }
}

static void deletion_announce(struct hub *h, const struct user *u, const struct workspace *w)
{
    struct workspace *home = bookmarks_home(h, u);

    if (!home)
        return;
    event_workspace(h, slice_of(home->id), w, "workspace_deleted");
    if (home != w)
        bookmarks_remove(h, home, SLICE_LIT("workspace"), slice_of(w->id));
}

static void deletion_remove_all(struct deletion *d, struct workspace *w)
{
    struct hub *h = d->hub;
    const struct workspace *home;
    struct buf nothing;

    LOG_EVENT(EVENT_WORKSPACE_DELETED, log_text("workspace", w->id),
              log_text("by", d->call->user->id));
    deletion_announce(h, d->call->user, w);
    /* A caller from inside is told before being put out; the others when the bookmark has gone. */
    home = slice_is(d->call->from.workspace, w->id) ? NULL : bookmarks_home(h, d->call->user);
    buf_init(&nothing, 0);
    persisted_reply_anyway(h, d->call, home == w ? NULL : home, &nothing);
    subscriptions_forget_workspace(h->subscriptions, slice_of(w->id));
    workspace_evict(h, w);
}

static void on_forgotten(int outcome, void *arg)
{
    struct deletion *d = arg;
    struct workspace *w = d->hub ? workspace_find(&d->hub->registry, slice_of(d->id)) : NULL;

    if (outcome == STORE_FAILED)
        rpc_reject(d->call, "RuntimeError", "Workspace %s could not be removed from the store",
                   d->id);
    else if (w)
        deletion_remove_all(d, w);
    else /* somebody else's deletion was quicker, or its last client left */
        reply_nil(d->call);
    list_unlink(&d->link);
    mem_free(d->id);
    mem_free(d);
}

void do_delete_workspace(struct rpc_call *call, void *arg)
{
    struct manager *m = arg;
    struct refusal r;
    struct deletion *d;
    const struct workspace *w = NULL;

    /* Elsewhere an empty id means the caller's own workspace; nobody deletes that by leaving a name
     * out. */
    if (call_text(call, 0).len)
        w = access_target(m->hub, call, call_text(call, 0), OPERATION_DELETE_WORKSPACE, &r);
    else
        refuse(&r, "ValueError", "Workspace name must not be empty.");
    if (!w) {
        reply_refusal(call, &r);
        return;
    }
    d = MEM_NEW(struct deletion);
    *d = (struct deletion){.hub = m->hub, .call = call, .id = mem_copy(w->id, strlen(w->id))};
    list_init(&d->link);
    list_link(&m->deletions, &d->link);
    workspace_forget_record(m->hub, w, on_forgotten, d);
}
