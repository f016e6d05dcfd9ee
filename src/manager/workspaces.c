/* workspaces: reading about workspaces. What is read is asked of the target, not of the caller's
 * own workspace (D-12). */
#include "manager/caller_access.h"
#include "manager/service_listing.h"
#include "manager/reply.h"
#include "manager/manager_internal.h"
#include "manager/service_info.h"
#include "manager/service_projection.h"
#include "manager/caller_projection.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "wire/mp.h"

/* ---- get_workspace_info, check_status ---- */

void do_get_workspace_info(struct rpc_call *call, void *arg)
{
    struct manager *m = arg;
    struct refusal r;
    struct buf b;
    const struct workspace *w =
        access_target(m->hub, call, call_text(call, 0), OPERATION_GET_WORKSPACE_INFO, &r);

    if (!w) {
        reply_refusal(call, &r);
        return;
    }
    buf_init(&b, 0);
    workspace_add_mp(
        /* D-13 */
        &b, w, user_permission(call->user, slice_of(w->id)) >= PERMISSION_READ_WRITE);
    reply_buf(call, &b);
}

void do_check_status(struct rpc_call *call, void *arg)
{
    struct manager *m = arg;
    struct refusal r;
    struct buf b, error;

    if (!access_allows(call, OPERATION_CHECK_STATUS, &r)) {
        reply_refusal(call, &r);
        return;
    }
    bool is_there = workspace_find(&m->hub->registry, call->workspace) != NULL;
    buf_init(&b, 0);
    mp_add_map(&b, 3);
    mp_add_text(&b, "status");
    mp_add_text(&b, is_there ? "ready" : "not_found");
    if (is_there) {
        mp_add_text(&b, "errors");
        mp_add_nil(&b);
    } else {
        buf_init(&error, 0);
        buf_add_fmt(&error, "Workspace " SLICE_FMT " not found", SLICE_ARG(call->workspace));
        mp_add_text(&b, "error");
        mp_add_str(&b, buf_slice(&error));
        buf_deinit(&error);
    }
    mp_add_text(&b, "user_permission");
    mp_add_text(&b, permission_letter(user_permission(call->user, call->workspace)));
    reply_buf(call, &b);
}

/* ---- get_summary ---- */

static void add_summary_service(struct listing *l, const struct service *s)
{
    static const char *const keys[] = {"id", "name", "type", "description", "config"};
    struct buf *b = &l->out.b, shown;
    struct slice value;

    buf_init(&shown, 0);
    service_info_add(&shown, slice_make(s->info, s->info_len), projection_of(l->call, s));
    b->is_failed = b->is_failed || shown.is_failed;
    mp_item(&l->list);
    mp_add_map(b, ARRAY_LEN(keys));
    for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
        mp_add_text(b, keys[i]);
        mp_add_raw(b,
                   mp_find(buf_slice(&shown), keys[i], &value) ? value : (struct slice){NULL, 0});
    }
    buf_deinit(&shown);
}

static void add_summary_clients(struct mp_open *map, const struct workspace *w)
{
    struct mp_open clients;
    SCRATCH_BUF(list, 0);

    mp_open_array(&clients, &list);
    LIST_FOREACH (it, &w->clients) {
        const struct client *c = LIST_ENTRY(it, struct client, link);
        if (!c->built_in)
            continue;
        mp_item(&clients);
        mp_add_text(&list, c->full_id);
    }
    mp_close(&clients);
    mp_key(map, "client_count");
    mp_add_uint(map->buf, clients.n);
    mp_key(map, "clients");
    mp_add_raw(map->buf, buf_slice(&list));
}

static void on_summed(struct listing *l, void *arg)
{
    struct manager *m = arg;
    struct mp_open map;
    struct refusal r;
    struct buf b;
    /* It took turns: the workspace may be gone, or be closed to the caller. */
    const struct workspace *w =
        access_target(m->hub, l->call, l->call->workspace, OPERATION_GET_SUMMARY, &r);

    if (!w) {
        reply_refusal(l->call, &r);
        return;
    }
    buf_init(&b, 0);
    mp_open_map(&map, &b);
    mp_key(&map, "name");
    mp_add_text(&b, w->name);
    mp_key(&map, "description");
    mp_add_text(&b, w->description);
    add_summary_clients(&map, w);
    mp_key(&map, "service_count");
    mp_add_uint(&b, l->list.n);
    mp_key(&map, "services");
    if (l->out.b.is_failed)
        b.is_failed = true;
    else
        mp_add_raw(&b, buf_slice(&l->out.b));
    mp_close(&map);
    reply_buf(l->call, &b);
}

void do_get_summary(struct rpc_call *call, void *arg)
{
    struct manager *m = arg;
    struct refusal r;
    struct listing l = {.hub = m->hub,
                        .call = call,
                        .query = {.workspace = call->workspace},
                        .n_left = UINT64_MAX,
                        .each = add_summary_service,
                        .done = on_summed,
                        .arg = m};

    if (access_target(m->hub, call, call->workspace, OPERATION_GET_SUMMARY, &r))
        listing_start(&l, &m->works);
    else
        reply_refusal(call, &r);
}
