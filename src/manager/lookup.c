/* lookup: get_service_info answers from the registry; get_service asks the client that offers
 * the service for its object. Between asking and answering anything may leave, so nothing of the
 * registry is held across a wait: only full ids. */
#include <string.h>

#include "base/memory.h"
#include "manager/caller_access.h"
#include "manager/client_request.h"
#include "manager/key_case.h"
#include "manager/manager_internal.h"
#include "manager/service_choice.h"
#include "manager/service_glob.h"
#include "manager/service_info.h"
#include "manager/service_object.h"
#include "manager/service_select.h"
#include "manager/service_projection.h"
#include "manager/caller_projection.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "wire/mp.h"

struct lookup {
    struct manager *m;
    struct rpc_call *call;
    struct service_options options;
    struct service_id id;
    bool wants_object;
    char *full_id;          /* owned; of the service being fetched */
    struct slice workspace; /* inside full_id */
    uint64_t number;        /* of the registration being fetched */
    bool hides_authorized;
};

static void lookup_end(struct lookup *l)
{
    mem_free(l->full_id);
    mem_free(l);
}

/* ---- the object ---- */

/* What may be kept, and given to the next: the object as everybody sees who may use the service. */
static bool lookup_is_plain(const struct lookup *l)
{
    return !l->hides_authorized && !l->options.case_conversion.len &&
           service_cache_serves(l->m->hub, l->call);
}

static void lookup_keep(struct lookup *l, struct slice object)
{
    const struct service *s = service_find(&l->m->hub->registry, slice_of(l->full_id));

    if (lookup_is_plain(l) && s && s->number == l->number)
        service_cache_put(&l->m->objects, s, object);
}

static void reply_object(struct lookup *l, struct slice value)
{
    struct service_object_rules rules = {.full_id = slice_of(l->full_id),
                                         .workspace = l->workspace,
                                         .hides_authorized = l->hides_authorized};
    SCRATCH_BUF(url, 0);
    SCRATCH_BUF(object, 0);

    buf_add_fmt(&url, "%s/" SLICE_FMT "/services/%s", l->m->hub->info->public_base_url,
                SLICE_ARG(l->workspace), l->full_id + l->workspace.len + 1);
    rules.url = buf_slice(&url);
    if (key_case_read(l->options.case_conversion, &rules.case_kinds) &&
        service_object_add(&object, value, &rules)) {
        lookup_keep(l, buf_slice(&object));
        reply_buf(l->call, &object);
    } else {
        rpc_reject(l->call, "AssertionError", "Failed to get service: %s", l->full_id);
    }
}

static void lookup_on_fetched(const struct rpc_reply *reply, void *arg)
{
    struct lookup *l = arg;

    switch (reply->outcome) {
    case RPC_RESOLVED:
        reply_object(l, reply->value);
        break;
    case RPC_REJECTED:
        rpc_reject_value(l->call, reply->value);
        break;
    case RPC_TIMED_OUT:
        rpc_reject(l->call, "TimeoutError", "Timed out while retrieving service: %s", l->full_id);
        break;
    case RPC_GONE:
        rpc_reject(l->call, "ConnectionError", "Client disconnected while retrieving service: %s",
                   l->full_id);
        break;
    default:
        rpc_reject(l->call, "RuntimeError", "Failed to get service: %s: " SLICE_FMT, l->full_id,
                   SLICE_ARG(reply->text));
        break;
    }
    lookup_end(l);
}

static void lookup_fetch(struct lookup *l, const struct service *s)
{
    SCRATCH_BUF(args, 0);

    l->full_id = mem_copy(s->full_id, strlen(s->full_id));
    l->workspace = slice_make(l->full_id, strlen(s->client->workspace->id));
    l->number = s->number;
    mp_add_array(&args, 1);
    mp_add_str(&args, s->name);
    struct rpc_request request = {.target = slice_of(s->client->full_id),
                                  .method = SLICE_LIT("services.built-in.get_service"),
                                  .args = buf_slice(&args),
                                  .promise = RPC_PROMISE_FULL,
                                  .deadline_ms = (uint64_t)(l->options.timeout_s * 1000) + 1};
    if (!client_request_send(l->m, l->call, &request, lookup_on_fetched, l)) {
        client_request_reject(l->call);
        lookup_end(l);
    }
}

/* ---- the service that was chosen ---- */

static void reply_info(struct rpc_call *call, const struct service *s)
{
    struct buf b;

    buf_init(&b, 0);
    service_info_add(&b, slice_make(s->info, s->info_len), projection_of(call, s));
    reply_buf(call, &b);
}

static void answer_with(struct lookup *l, const struct service *s)
{
    enum access_service access = access_service(l->call->user, l->call->workspace, s, ACCESS_USE);

    l->hides_authorized = access == SERVICE_AUTHORIZED;
    if (l->wants_object) {
        struct slice kept =
            lookup_is_plain(l) ? service_cache_find(&l->m->objects, s) : SLICE_LIT("");
        if (!kept.len) {
            lookup_fetch(l, s);
            return;
        }
        rpc_resolve(l->call, kept);
    } else {
        reply_info(l->call, s);
    }
    lookup_end(l);
}

static void on_selected(const char *full_id, void *arg)
{
    struct lookup *l = arg;
    const struct service *s = service_find(&l->m->hub->registry, slice_of(full_id));
    struct refusal r;

    /* Asking took time: the service may have gone, or been registered anew with another
     * visibility. */
    if (s && access_service(l->call->user, l->call->workspace, s, ACCESS_USE) != SERVICE_HIDDEN) {
        answer_with(l, s);
        return;
    }
    (void)refuse(&r, "KeyError", "Service not found: %s", full_id);
    reply_refusal(l->call, &r);
    lookup_end(l);
}

static void lookup_choose(struct lookup *l, const struct service_set *set)
{
    struct service_choice choice = {0};
    struct refusal r;

    switch (service_choose(set, &l->id, l->options.mode, &choice, &r)) {
    case CHOICE_MADE:
        answer_with(l, choice.service);
        break;
    case CHOICE_ASK:
        service_select(l->m, l->call,
                       &(struct service_question){set, &choice, l->options.select_timeout_s},
                       on_selected, l);
        break;
    default:
        reply_refusal(l->call, &r);
        lookup_end(l);
        break;
    }
}

/* ---- the call ---- */

static void reply_manager(struct manager *m, struct rpc_call *call, bool wants_object)
{
    rpc_resolve(call, wants_object ? rpc_host_service_object(m->host, m->service.id)
                                   : buf_slice(&m->info.b));
}

static bool lookup_read_call(const struct rpc_call *call, struct service_options *ret_options,
                             struct service_id *ret_id, struct refusal *r)
{
    if (!mp_is(call->args[0], MP_STR))
        return refuse(r, "AssertionError", "Service ID must be a string.");
    return service_options_read(call->args[1], ret_options, r) &&
           service_id_read(call_text(call, 0), call->workspace, ret_id, r);
}

/* An application could be started for it, were there applications. */
static void reply_none(const struct lookup *l, const struct refusal *r)
{
    if (l->wants_object && !slice_is(l->id.app, "*") && strcmp(r->class_name, "KeyError") == 0)
        rpc_reject(l->call, "Exception",
                   "Failed to get application info: artifact-manager service not found.");
    else
        reply_refusal(l->call, r);
}

static void on_globbed(struct service_set *set, void *arg)
{
    struct lookup *l = arg;
    struct refusal r;

    if (set->n_items) {
        lookup_choose(l, set);
        return;
    }
    (void)service_not_found(&l->id, &r);
    reply_none(l, &r);
    lookup_end(l);
}

static void find_literal(struct lookup *l)
{
    struct service_set set;
    struct refusal r;

    if (service_set_find(l->m->hub, l->call, &l->id, &set, &r)) {
        lookup_choose(l, &set);
    } else {
        reply_none(l, &r);
        lookup_end(l);
    }
    service_set_deinit(&set);
}

static void lookup_start(struct manager *m, struct rpc_call *call, bool wants_object)
{
    struct service_options options;
    struct service_id id;
    struct refusal r;

    if (!lookup_read_call(call, &options, &id, &r)) {
        reply_refusal(call, &r);
        return;
    }
    if (id.is_manager) {
        reply_manager(m, call, wants_object);
        return;
    }
    struct lookup *l = MEM_NEW(struct lookup);
    *l = (struct lookup){
        .m = m, .call = call, .options = options, .id = id, .wants_object = wants_object};
    if (id.is_glob)
        service_glob(m->hub, call, &l->id, &m->works, on_globbed, l);
    else
        find_literal(l);
}

void do_get_service(struct rpc_call *call, void *arg)
{
    lookup_start(arg, call, true);
}

void do_get_service_info(struct rpc_call *call, void *arg)
{
    lookup_start(arg, call, false);
}
