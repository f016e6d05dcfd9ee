/* listing: no permission is needed to ask about a workspace; each service is shown or not by
 * itself. */
#include "manager/listing.h"

#include "manager/access.h"
#include "manager/reply.h"
#include "manager/room.h"
#include "manager/service_info.h"
#include "manager/view.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "wire/mp.h"

static bool is_any(struct slice s)
{
    return !s.len || slice_is(s, "*");
}

/* Whether the visibility asked for fits. To outsiders who ask for unlisted ones the public ones
 * are shown. */
static bool fits_visibility(const struct list_query *q, const struct service *s,
                            enum access_service access)
{
    if (is_any(q->visibility))
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

void listing_walk(struct hub *h, const struct rpc_call *call, const struct list_query *q,
                  bool with_unlisted, void (*each)(const struct service *s, void *arg), void *arg)
{
    struct service_query sq = {.workspace = q->workspace,
                               .client = q->client,
                               .name = q->name,
                               .type = q->type,
                               .app_id = q->app};
    enum access_purpose purpose = with_unlisted ? ACCESS_LIST_UNLISTED : ACCESS_LIST;
    struct service_cursor cursor;
    const struct service *s;

    service_query_start(&cursor, &h->registry, &sq);
    while ((s = service_query_next(&cursor))) {
        if (is_shown(call, q, s, purpose))
            each(s, arg);
    }
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

struct list_out {
    const struct rpc_call *call;
    struct mp_open list;
    uint64_t n_skip, n_left;
};

static void add_service(const struct service *s, void *arg)
{
    struct list_out *out = arg;

    if (out->n_skip) {
        out->n_skip--;
        return;
    }
    if (!out->n_left)
        return;
    out->n_left--;
    mp_item(&out->list);
    service_info_add(out->list.buf, slice_make(s->info, s->info_len), view_of(out->call, s));
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
    struct list_out out = {.call = call};
    struct list_query q;
    struct refusal r;
    struct buf b;
    bool with_unlisted = call_bool(call, 1, false);

    if (!list_query_read(call->args[0], call->workspace, &q, &r) ||
        !read_count(call, 4, 0, &out.n_skip, &r) ||
        !read_count(call, 5, UINT64_MAX, &out.n_left, &r) ||
        (with_unlisted && !check_unlisted(call, &q, &r))) {
        reply_refusal(call, &r);
        return;
    }
    buf_init(&b, 0);
    mp_open_array(&out.list, &b);
    listing_walk(m->hub, call, &q, with_unlisted, add_service, &out);
    mp_close(&out.list);
    reply_buf(call, &b);
}
