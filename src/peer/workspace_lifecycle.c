/* workspace_lifecycle: the rules by which workspaces come and go, in one place; connect
 * authorization decides who may enter. */
#include "peer/workspace_lifecycle.h"

#include <stdio.h>
#include <string.h>

#include "auth/user.h"
#include "base/buf.h"
#include "base/memory.h"
#include "config/config.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "peer/workspace_persistence.h"
#include "wire/address.h"

enum { VISIT_MS = 60000 };
static const char ANONYMOUS_PREFIX[] = "ws-user-anonymouz-";

void workspaces_make_system(struct hub *h)
{
    static const char *const root[] = {"root"};
    struct workspace_fields f = {
        .owners = root, .n_owners = 1, .is_persistent = true, .is_system = true};

    f.id = "public";
    f.description = "Public workspace";
    f.is_read_only = true;
    hub_add_workspace(h, &f);
    f.id = "ws-user-root";
    f.description = "Root workspace";
    f.is_read_only = false;
    hub_add_workspace(h, &f);
    f.id = "ws-anonymous";
    f.name = "Anonymous Workspace";
    f.description = "Shared workspace for anonymous users";
    f.is_read_only = !loop_config(h->loop)->enable_s3_for_anonymous_users;
    (void)workspace_add(&h->registry, &f, h->anonymous, loop_config(h->loop)->workspace_bytes);
}

/* "ws-user-" in front of every user's id. */
static const char *user_of(const char *workspace_id)
{
    return workspace_id + strlen("ws-user-");
}

static struct workspace *add_anonymous(struct hub *h, const char *id,
                                       const struct in6_addr *address)
{
    const char *const owners[] = {user_of(id)};
    struct workspace_fields f = {.id = id,
                                 .description = "Anonymous workspace",
                                 .owners = owners,
                                 .n_owners = 1,
                                 .is_anonymous = true,
                                 .is_read_only =
                                     !loop_config(h->loop)->enable_s3_for_anonymous_users};
    struct account *share = hub_anonymous_share(h, address);
    struct workspace *w =
        workspace_add(&h->registry, &f, share, loop_config(h->loop)->workspace_bytes);

    account_unref(share);
    return w;
}

static struct workspace *add_personal(struct hub *h, const char *id, const struct user *u)
{
    const char *const owners[] = {u->id};
    struct buf description;

    buf_init(&description, 0);
    buf_add_fmt(&description, "Workspace for user %s", u->id);
    char *text = buf_take(&description);
    struct workspace_fields f = {
        .id = id, .description = text, .owners = owners, .n_owners = 1, .is_persistent = true};
    struct workspace *w = hub_add_workspace(h, &f);
    hub_keep_workspace_always(h, w);
    mem_free(text);
    workspace_persist(h, w);
    return w;
}

int workspace_resolve(struct hub *h, struct slice id, const struct user *u, struct workspace **ret)
{
    char personal[USER_WORKSPACE_MAX];

    if (slice_is(id, "*"))
        return WORKSPACE_DYNAMIC;
    *ret = workspace_find(&h->registry, id);
    if (*ret)
        return WORKSPACE_OPENED;
    user_personal_workspace(u, personal);
    bool is_own = slice_is(id, personal);
    if (!is_own && !slice_starts(id, ANONYMOUS_PREFIX))
        return WORKSPACE_UNKNOWN;
    if (workspace_id_check(id, false) != WORKSPACE_ID_OK)
        return is_own ? WORKSPACE_BAD_NAME : WORKSPACE_UNKNOWN;
    return WORKSPACE_OPENED;
}

int workspace_open(struct hub *h, struct slice id, const struct user *u,
                   const struct in6_addr *address, struct workspace **ret)
{
    int r = workspace_resolve(h, id, u, ret);

    if (r != WORKSPACE_OPENED)
        return r;
    if (*ret) {
        timer_stop(h->loop, &(*ret)->unload);
        return WORKSPACE_OPENED;
    }
    char *text = mem_copy(id.ptr, id.len);
    bool is_anonymous = slice_starts(id, ANONYMOUS_PREFIX) || u->is_anonymous;
    *ret = is_anonymous ? add_anonymous(h, text, address) : add_personal(h, text, u);
    mem_free(text);
    return WORKSPACE_OPENED;
}

void workspace_open_error(int outcome, struct slice id, char out[WORKSPACE_OPEN_ERROR_MAX])
{
    struct slice shown = slice_utf8_prefix(id, 200);

    if (outcome == WORKSPACE_DYNAMIC)
        snprintf(out, WORKSPACE_OPEN_ERROR_MAX,
                 "Dynamic workspace is not allowed for this endpoint");
    else if (outcome == WORKSPACE_BAD_NAME &&
             workspace_id_check(id, false) == WORKSPACE_ID_TOO_LONG)
        snprintf(out, WORKSPACE_OPEN_ERROR_MAX,
                 "Invalid workspace name: " SLICE_FMT
                 " is too long (%zu characters, at most %d are allowed)",
                 SLICE_ARG(shown), id.len, WORKSPACE_ID_MAX);
    else if (outcome == WORKSPACE_BAD_NAME)
        snprintf(out, WORKSPACE_OPEN_ERROR_MAX,
                 "Invalid workspace name: " SLICE_FMT
                 ", only lowercase letters, numbers and hyphens are allowed.",
                 SLICE_ARG(shown));
    else
        snprintf(out, WORKSPACE_OPEN_ERROR_MAX,
                 "'Workspace " SLICE_FMT " does not exist or is not accessible'", SLICE_ARG(shown));
}

static void lifecycle_unload(struct hub *h, struct workspace *w)
{
    event_workspace(h, slice_of(w->id), w, "workspace_unloaded");
    workspace_remove(&h->registry, w);
}

static void on_unload_due(struct timer *t)
{
    struct workspace *w = CONTAINER_OF(t, struct workspace, unload);
    struct hub *h = CONTAINER_OF(w->registry, struct hub, registry);

    if (w->n_clients == 0)
        lifecycle_unload(h, w);
}

/* A persistent workspace's record stays: it is small, and the next client would only load it
 * again. */
static bool is_kept(const struct workspace *w)
{
    return w->n_clients || w->is_system || w->is_persistent || !list_is_empty(&w->clients);
}

static void unload_after(struct hub *h, struct workspace *w, uint64_t after_ms)
{
    if (h->is_closing) /* its loop is to end without timers */
        return;
    w->unload.on_due = on_unload_due;
    timer_start(h->loop, &w->unload, after_ms);
}

void workspace_client_left(struct hub *h, struct workspace *w)
{
    uint64_t grace = loop_config(h->loop)->workspace_unload_grace_period_ms;

    if (is_kept(w))
        return;
    if (grace)
        unload_after(h, w, grace);
    else
        lifecycle_unload(h, w);
}

bool workspace_unload_if_idle(struct hub *h, struct workspace *w)
{
    if (is_kept(w))
        return false;
    lifecycle_unload(h, w);
    return true;
}

void workspace_visited(struct hub *h, struct workspace *w)
{
    uint64_t grace = loop_config(h->loop)->workspace_unload_grace_period_ms;

    if (!is_kept(w))
        unload_after(h, w, grace > VISIT_MS ? grace : VISIT_MS);
}
