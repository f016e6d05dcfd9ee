/* service_listing: no permission is needed to ask about a workspace; each service is shown or not
 * by itself. */
#include "manager/service_listing.h"

#include "base/memory.h"
#include "manager/caller_access.h"
#include "manager/reply.h"
#include "manager/manager_internal.h"
#include "manager/service_info.h"
#include "manager/service_projection.h"
#include "manager/caller_projection.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "wire/mp.h"

static bool listing_is_any(struct slice s)
{
    return !s.len || slice_is(s, "*");
}

/* Whether the visibility asked for fits. To outsiders who ask for unlisted ones the public ones
 * are shown. */
static bool fits_visibility(const struct list_query *q, const struct service *s,
                            enum access_service access)
{
    if (listing_is_any(q->visibility))
        return true;
    if (slice_is(q->visibility, "unlisted") && access != SERVICE_MEMBER)
        return s->visibility == SERVICE_PUBLIC;
    return slice_is(q->visibility, service_visibility_name(s->visibility));
}

static bool is_shown(const struct rpc_call *call, const struct list_query *q,
                     const struct service *s, enum access_purpose purpose)
{
    enum access_service access = access_service(call->user, call->workspace, s, purpose);

    if (access == SERVICE_HIDDEN || !fits_visibility(q, s, access))
        return false;
    /* All workspaces: what is public there, and all there is here. */
    return q->workspace.len || s->visibility == SERVICE_PUBLIC ||
           slice_is(call->workspace, s->client->workspace->id);
}

/* ---- the walk ---- */

enum { AT_ONCE = 4 }; /* services between two looks at the clock */

static void listing_done(struct work *w)
{
    struct listing *l = CONTAINER_OF(w, struct listing, work);

    mp_close(&l->list);
    l->done(l, l->arg);
    service_tour_end(&l->tour);
    held_buf_deinit(&l->out);
    mem_free(l);
}

static void listing_see(struct listing *l, const struct service *s)
{
    enum access_purpose purpose = l->with_unlisted ? ACCESS_LIST_UNLISTED : ACCESS_LIST;

    if (!is_shown(l->call, &l->query, s, purpose))
        return;
    if (l->n_skip) {
        l->n_skip--;
        return;
    }
    l->n_left--;
    l->each(l, s);
}

static bool listing_step(struct work *w)
{
    struct listing *l = CONTAINER_OF(w, struct listing, work);
    struct service *s;

    if (l->has_gone || !l->n_left || l->out.b.is_failed)
        return false;
    if (!service_tour_step(&l->tour, &s))
        return false;
    if (s)
        listing_see(l, s);
    return true;
}

/* Nobody waits for it any more. */
static void listing_on_gone(struct rpc_call *call)
{
    struct listing *l = call->state;

    l->has_gone = true;
}

void listing_start(const struct listing *from, struct list *all)
{
    struct listing *l = MEM_NEW(struct listing);
    struct service_query q = {.workspace = from->query.workspace,
                              .client = from->query.client,
                              .name = from->query.name,
                              .type = from->query.type,
                              .app_id = from->query.app};

    *l = *from;
    l->work = (struct work){.step = listing_step, .done = listing_done, .at_once = AT_ONCE};
    work_init(&l->work, l->hub->loop, all);
    held_buf_init(&l->out, 0, rpc_call_payer(l->call));
    mp_open_array(&l->list, &l->out.b);
    l->call->state = l;
    l->call->on_gone = listing_on_gone;
    /* Where there is no room for the ids of all workspaces, there is none for the answer. */
    if (!service_tour_start(&l->tour, &l->hub->registry, &q, rpc_call_payer(l->call)))
        l->out.b.is_failed = true;
    work_start(&l->work);
}

static bool check_unlisted(const struct rpc_call *call, const struct list_query *q,
                           struct refusal *r)
{
    if (!q->workspace.len)
        return refuse(r, "PermissionError",
                      "Cannot include unlisted services when searching all workspaces.");
    struct access_question ask = access_question_of(call, OPERATION_LIST_UNLISTED);
    ask.target = q->workspace;
    struct access_decision d = access_decide(&ask);
    if (d.rule == RULE_OTHER_WORKSPACE)
        return refuse(r, "PermissionError",
                      "Cannot include unlisted services from workspace " SLICE_FMT
                      ". Only services from "
                      "your current workspace (" SLICE_FMT ") can include unlisted services.",
                      SLICE_ARG(q->workspace), SLICE_ARG(call->workspace));
    if (!d.is_allowed)
        return refuse(
            r, "PermissionError",
            "Cannot include unlisted services without read permission for workspace " SLICE_FMT ".",
            SLICE_ARG(call->workspace));
    return true;
}

static void add_service(struct listing *l, const struct service *s)
{
    mp_item(&l->list);
    service_info_add(&l->out.b, slice_make(s->info, s->info_len), projection_of(l->call, s));
}

static void on_listed(struct listing *l, void *arg)
{
    (void)arg;
    reply_buf(l->call, &l->out.b);
}

static bool read_count(const struct rpc_call *call, unsigned i, uint64_t otherwise, uint64_t *ret,
                       struct refusal *r)
{
    int64_t n;

    *ret = otherwise;
    if (!call_has(call, i))
        return true;
    if (!mp_get_int(call->args[i], &n) || n < 0)
        return refuse(r, "ValueError", "offset and limit must be whole numbers, 0 or more");
    *ret = (uint64_t)n;
    return true;
}

/* include_app_services and prioritize_running_services change nothing while there are no
 * installed applications. */
void do_list_services(struct rpc_call *call, void *arg)
{
    struct manager *m = arg;
    struct listing l = {.hub = m->hub,
                        .call = call,
                        .with_unlisted = call_bool(call, 1, false),
                        .each = add_service,
                        .done = on_listed};
    struct refusal r;

    if (!list_query_read(call->args[0], call->workspace, &l.query, &r) ||
        !read_count(call, 4, 0, &l.n_skip, &r) || !read_count(call, 5, UINT64_MAX, &l.n_left, &r) ||
        (l.with_unlisted && !check_unlisted(call, &l.query, &r)))
        reply_refusal(call, &r);
    else
        listing_start(&l, &m->works);
}
