/* services: registering and removing. A client registers under its own id and in its own
 * workspace only, so that the id of a service says who offers it (D-19, S-01); only root may
 * speak for others. */
#include <string.h>

#include "base/log_event.h"
#include "base/memory.h"
#include "config/config.h"
#include "manager/caller_access.h"
#include "manager/client_request.h"
#include "manager/reply.h"
#include "manager/manager_internal.h"
#include "manager/service_choice.h"
#include "manager/service_info.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "wire/mp.h"

static struct slice client_address(struct buf *b, struct slice workspace, struct slice client)
{
    buf_init(b, 0);
    buf_add_slice(b, workspace);
    buf_add_byte(b, '/');
    buf_add_slice(b, client);
    return buf_slice(b);
}

static struct service *find_registered(struct hub *h, struct slice full_client, struct slice name)
{
    SCRATCH_BUF(key, 0);

    buf_add_slice(&key, full_client);
    buf_add_byte(&key, ':');
    buf_add_slice(&key, name);
    return service_find(&h->registry, buf_slice(&key));
}

/* ---- rules of register_service ---- */

static bool services_check_quota(struct hub *h, const struct client *c, struct refusal *r)
{
    uint32_t max = loop_config(h->loop)->max_services_per_client,
             max_all = loop_config(h->loop)->max_services_per_workspace;

    if (c->n_services >= max) {
        loop_count(h->loop, METRIC_QUOTA_REFUSED, 1);
        return refuse(
            r, "RuntimeError",
            "Service quota exceeded: client %s already has %zu services (max %u). Remove unused "
            "services before registering new ones.",
            c->full_id, c->n_services, max);
    }
    if (c->workspace->n_services >= max_all) {
        loop_count(h->loop, METRIC_QUOTA_REFUSED, 1);
        return refuse(
            r, "RuntimeError",
            "Service quota exceeded: workspace %s already has %zu services (max %u). Remove unused "
            "services before registering new ones.",
            c->workspace->id, c->workspace->n_services, max_all);
    }
    return true;
}

static bool check_singleton(struct hub *h, const struct client *c, const struct service_fields *f,
                            struct refusal *r)
{
    struct service_query q = {
        .workspace = slice_of(c->workspace->id), .name = f->name, .is_literal = true};
    struct service_cursor cursor;
    const struct service *s;

    /* Every client brings the names every client brings: they are not walked for nothing. */
    if (!f->is_singleton && !service_has_singleton(&h->registry, q.workspace, f->name))
        return true;
    service_query_start(&cursor, &h->registry, &q);
    while ((s = service_query_next(&cursor))) {
        if (s->client == c || !(f->is_singleton || s->is_singleton))
            continue; /* the same name of the same client: this very service */
        return refuse(r, "ValueError",
                      "A singleton service with the same name (" SLICE_FMT
                      ") %s in the workspace (%s), please "
                      "remove it first or use a different name.",
                      SLICE_ARG(f->name), f->is_singleton ? "already exists" : "has already exists",
                      c->workspace->id);
    }
    return true;
}

static bool services_check_place(const struct rpc_call *call, struct slice map,
                                 struct service_place *ret, struct refusal *r)
{
    struct access_question q = access_question_of(call, OPERATION_REGISTER_SERVICE);
    struct access_decision d = access_decide(&q);

    if (!access_settle(&d, r) || !service_place_read(map, call->workspace, ret, r))
        return false;
    q.wanted_client = ret->client;
    d = access_decide(&q);
    if (d.is_allowed)
        return true;
    (void)refuse(r, "PermissionError",
                 "Service ID client prefix '" SLICE_FMT
                 "' does not match the calling client '" SLICE_FMT
                 "'. Cannot register services of other clients.",
                 SLICE_ARG(ret->client), SLICE_ARG(call->from.client));
    return access_note(&d, r);
}

/* ---- a service named `default` is set up by its client before it is announced ---- */

struct setup {
    struct manager *m;
    struct rpc_call *call;
    char *full_id;
};

static bool has_setup(struct slice map)
{
    struct slice schema, setup, type;

    return mp_find(map, "service_schema", &schema) && mp_find(schema, "setup", &setup) &&
           mp_find_str(setup, "type", &type) && slice_is(type, "function");
}

static void services_announce(struct hub *h, const struct service *s, bool is_replaced)
{
    struct slice workspace = slice_of(s->client->workspace->id),
                 info = slice_make(s->info, s->info_len);

    if (is_replaced)
        event_service(h, workspace, "service_removed", info);
    event_service(h, workspace, "service_added", info);
}

static void on_set_up(const struct rpc_reply *reply, void *arg)
{
    struct setup *st = arg;
    const struct service *s = service_find(&st->m->hub->registry, slice_of(st->full_id));

    if (reply->outcome != RPC_RESOLVED)
        LOG(LOG_INFO, "manager", "setup of a default service failed",
            log_text("service", st->full_id));
    if (s)
        services_announce(st->m->hub, s, false);
    reply_nil(st->call);
    mem_free(st->full_id);
    mem_free(st);
}

static void set_up(struct manager *m, struct rpc_call *call, const struct service *s)
{
    struct setup *st = MEM_NEW(struct setup);
    struct rpc_request request = {.target = slice_of(s->client->full_id),
                                  .method = SLICE_LIT("services.default.setup"),
                                  .promise = RPC_PROMISE_FULL};

    *st = (struct setup){m, call, mem_copy(s->full_id, strlen(s->full_id))};
    if (!client_request_send(m, call, &request, on_set_up, st))
        on_set_up(
            &(struct rpc_reply){.outcome = RPC_OVERLOADED, .rule = config_names.max_pending_calls},
            st);
}

/* ---- register_service ---- */

/* Keeps a checked draft and tells the workspace; answers the call. */
static void services_keep(struct manager *m, struct rpc_call *call, struct client *c,
                          const struct service_draft *d)
{
    struct hub *h = m->hub;
    bool is_replaced = false;
    const struct service *s = service_add(&h->registry, c, &d->fields, &is_replaced);

    if (!s) {
        loop_count(h->loop, METRIC_QUOTA_REFUSED, 1);
        struct account_refusal why = account_refusal(c->account);
        rpc_reject_no_room(call, &why, "No room for service '" SLICE_FMT "'",
                           SLICE_ARG(slice_utf8_prefix(d->fields.name, 200)));
        return;
    }
    LOG_EVENT(EVENT_SERVICE_REGISTERED, log_text("service", s->full_id),
              log_text("by", call->user->id),
              log_text("visibility", service_visibility_name(s->visibility)));
    if (s->is_built_in) {
        event_client(h, c, is_replaced ? "client_updated" : "client_connected");
    } else if (!is_replaced && slice_is(s->name, "default") && has_setup(call->args[0])) {
        set_up(m, call, s);
        return;
    } else {
        services_announce(h, s, is_replaced);
    }
    reply_nil(call);
}

static void register_at(struct manager *m, struct rpc_call *call, const struct service_place *place)
{
    struct hub *h = m->hub;
    struct buf address;
    struct client *c =
        client_find(&h->registry, client_address(&address, place->workspace, place->client));
    struct service_draft draft = {0};
    struct refusal r;
    bool is_built_in = slice_is(place->name, "built-in");

    struct service_origin origin = {.workspace = place->workspace,
                                    .full_client = buf_slice(&address),
                                    .creator = call->user,
                                    .max_bytes = loop_config(h->loop)->max_service_info_bytes};
    bool ok = service_draft_read(call->args[0], place->name, &origin, &draft, &r);
    bool is_new = ok && c && !find_registered(h, buf_slice(&address), place->name);
    if (ok && is_new && !is_built_in)
        ok = services_check_quota(h, c, &r);
    if (ok && c)
        ok = check_singleton(h, c, &draft.fields, &r);
    if (!ok)
        reply_refusal(call, &r);
    else if (!c || !(is_built_in || c->built_in || c->workspace->is_system))
        reply_nil(call); /* the client has been removed: nothing to keep it under (W-081) */
    else
        services_keep(m, call, c, &draft);
    service_draft_deinit(&draft);
    buf_deinit(&address);
}

void do_register_service(struct rpc_call *call, void *arg)
{
    struct service_place place;
    struct refusal r;

    if (!services_check_place(call, call->args[0], &place, &r))
        reply_refusal(call, &r);
    else if (service_is_local_only(call->args[0], place.name))
        reply_nil(call);
    else
        register_at(arg, call, &place);
}

/* ---- unregister_service ---- */

/* What the caller itself registered under that text, whatever bytes it holds; else what the full
 * id names. */
static struct service *find_own(struct hub *h, const struct rpc_call *call, struct slice text)
{
    struct service *s = find_registered(h, call->from_text, text);

    return s ? s : service_find(&h->registry, text);
}

static struct access_decision decide_removal(const struct rpc_call *call, struct slice workspace,
                                             const struct service *s)
{
    struct access_question q = access_question_of(call, OPERATION_UNREGISTER_SERVICE);

    q.target = workspace;
    q.service = s;
    return access_decide(&q);
}

static struct service *find_to_remove(struct hub *h, const struct rpc_call *call, struct slice text,
                                      struct refusal *r)
{
    struct service *s = find_own(h, call, text);
    struct service_id id;

    if (s)
        return s;
    if (!service_id_read(text, call->workspace, &id, r))
        return NULL;
    /* A foreign id is refused whether it names something or not (D-46). */
    struct access_decision d = decide_removal(call, id.workspace, NULL);
    return access_settle(&d, r) ? service_choose_exact(h, call, &id, r) : NULL;
}

static bool may_remove(const struct rpc_call *call, const struct service *s, struct refusal *r)
{
    struct access_decision d = decide_removal(call, call->workspace, s);

    if (d.is_allowed || d.rule != RULE_OTHER_CLIENT)
        return access_settle(&d, r);
    (void)refuse(r, "PermissionError",
                 "Permission denied for workspace " SLICE_FMT
                 ": the service belongs to another client",
                 SLICE_ARG(d.workspace));
    return access_note(&d, r);
}

void do_unregister_service(struct rpc_call *call, void *arg)
{
    struct manager *m = arg;
    struct refusal r;
    struct service *s = NULL;

    if (access_allows(call, OPERATION_READ_WRITE, &r))
        s = find_to_remove(m->hub, call, call_text(call, 0), &r);
    if (!s || !may_remove(call, s, &r)) {
        reply_refusal(call, &r);
        return;
    }
    if (s->is_built_in)
        event_client(m->hub, s->client, "client_disconnected");
    else
        event_service(m->hub, slice_of(s->client->workspace->id), "service_removed",
                      slice_make(s->info, s->info_len));
    LOG_EVENT(EVENT_SERVICE_UNREGISTERED, log_text("service", s->full_id),
              log_text("by", call->user->id));
    service_remove(&m->hub->registry, s);
    reply_nil(call);
}
