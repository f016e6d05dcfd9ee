/* subscribe_calls: which event types a client may ask for. Broadcasts never leave a workspace, so
 * a name that speaks of another workspace is a mistake or a probe: refused, in words. */
#include "manager/reply.h"
#include "manager/manager_internal.h"
#include "base/memory.h"
#include "peer/hub.h"
#include "peer/subscription.h"
#include "registry/registry.h"
#include "wire/mp.h"
#include "manager/event_rule.h"

enum { TYPES_MAX = 4096 };

struct types {
    struct slice *items; /* owned; slices borrow from the call */
    size_t n_items;
};

static bool read_types(const struct rpc_call *call, struct types *ret, struct refusal *r)
{
    struct slice list = call->args[0], item, text;
    uint32_t n = mp_is(list, MP_ARRAY) ? mp_count(list) : 1;
    struct mp_iter it;

    if (n > TYPES_MAX)
        return refuse(r, "ValueError", "Too many event types at once (max %d)", TYPES_MAX);
    ret->items = mem_new((n ? n : 1) * sizeof(struct slice));
    if (mp_get_str(list, &text)) {
        ret->items[ret->n_items++] = text;
        return true;
    }
    mp_iter_init(&it, list);
    while (mp_iter_next(&it, &item)) {
        if (!mp_get_str(item, &ret->items[ret->n_items++]))
            return refuse(r, "TypeError", "An event type must be a string");
    }
    return true;
}

static bool subscribe_check_types(const struct rpc_call *call, const struct types *t,
                                  struct refusal *r)
{
    for (size_t i = 0; i < t->n_items; i++) {
        if (!event_type_check(t->items[i], call->workspace, r))
            return false;
    }
    return true;
}

/* Now and by its caller, so the client is there. */
static void subscribe_refuse_for_room(struct rpc_call *call)
{
    const struct hub *h = ((struct manager *)call->arg)->hub;
    struct account_refusal why =
        account_refusal(client_find(&h->registry, call->from_text)->account);

    rpc_reject_no_room(call, &why, "No room for the subscriptions of client " SLICE_FMT,
                       SLICE_ARG(call->from_text));
}

static void subscribe_on_changed(int outcome, void *arg)
{
    struct rpc_call *call = arg;

    if (outcome == SUBSCRIPTION_OK)
        reply_bool(call, true);
    else if (outcome == SUBSCRIPTION_FULL)
        rpc_reject(call, "RuntimeError",
                   "Too many subscriptions for client " SLICE_FMT
                   " (--max-subscriptions, --max-subscription-bytes)",
                   SLICE_ARG(call->from_text));
    else if (outcome == SUBSCRIPTION_NO_ROOM)
        subscribe_refuse_for_room(call);
    else
        rpc_reject(call, "RuntimeError", "Connection not found for client " SLICE_FMT,
                   SLICE_ARG(call->from_text));
}

static void subscribe_change(struct manager *m, struct rpc_call *call, bool is_add)
{
    struct hub *h = m->hub;
    const struct client *c = client_find(&h->registry, call->from_text);
    struct types types = {NULL, 0};
    struct refusal r;

    if (!read_types(call, &types, &r) || (is_add && !subscribe_check_types(call, &types, &r)))
        reply_refusal(call, &r);
    else if (!c || c->is_virtual)
        subscribe_on_changed(SUBSCRIPTION_NO_PEER, call);
    else
        subscription_change(h, c, types.items, types.n_items, is_add, subscribe_on_changed, call);
    mem_free(types.items);
}

void do_subscribe(struct rpc_call *call, void *arg)
{
    subscribe_change(arg, call, true);
}

void do_unsubscribe(struct rpc_call *call, void *arg)
{
    subscribe_change(arg, call, false);
}
