/* unloading: a workspace nobody is in is given up. Who waits is looked after by a short timer: one
 * administrator asks once in a while, and a hook in every way a workspace can end or empty would
 * cost those ways more than the looking. */
#include "admin/admin_internal.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "manager/reply.h"
#include "peer/hub.h"
#include "peer/workspace_lifecycle.h"
#include "registry/registry.h"
#include "wire/mp.h"

enum { LOOK_MS = 50, MAX_WAITS = 100, MOST_S = 600 };

struct wait {
    struct list link;
    struct admin *admin;
    struct rpc_call *call;
    struct timer timer;
    uint64_t ends_ms;
};

void admin_list_workspaces(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct admin *)arg)->hub;
    struct mp_open list;
    struct buf b;
    void *value;

    buf_init(&b, 0);
    mp_open_array(&list, &b);
    for (size_t at = 0; map_next(&h->registry.workspaces, &at, NULL, &value);) {
        mp_item(&list);
        workspace_add_mp(&b, value, true);
    }
    mp_close(&list);
    reply_buf(call, &b);
}

enum unloading {
    UNLOADING_DONE,
    UNLOADING_UNKNOWN, /* there is none of that id */
    UNLOADING_STAYS,   /* empty, and kept for ever: a persistent one, or the server's own */
    UNLOADING_IN_USE,  /* it has clients */
};

/* Gives it up when nobody is inside; otherwise nothing has changed, its status neither (D-32). */
static enum unloading admin_unload_now(struct hub *h, struct slice id)
{
    struct workspace *w = workspace_find(&h->registry, id);

    if (!w)
        return UNLOADING_UNKNOWN;
    if (workspace_unload_if_idle(h, w))
        return UNLOADING_DONE;
    return (w->is_persistent || w->is_system) && !w->n_clients ? UNLOADING_STAYS : UNLOADING_IN_USE;
}

/* Null is what clients of the original know, there for whatever has come of it; here it says that
 * the workspace has gone by this call. */
static void unloading_answer(struct hub *h, struct rpc_call *call, enum unloading outcome)
{
    static const char *const reasons[] = {[UNLOADING_UNKNOWN] = "there is no such workspace",
                                          [UNLOADING_STAYS] = "it is kept when it is empty",
                                          [UNLOADING_IN_USE] = "it has clients"};
    const struct workspace *w = workspace_find(&h->registry, call_text(call, 0));
    struct mp_open map;
    struct buf b;

    if (outcome == UNLOADING_DONE) {
        reply_nil(call);
        return;
    }
    buf_init(&b, 0);
    mp_open_map(&map, &b);
    mp_key(&map, "workspace");
    mp_add_str(&b, call_text(call, 0));
    mp_key(&map, "unloaded");
    mp_add_bool(&b, false);
    mp_key(&map, "clients");
    mp_add_int(&b, w ? (int64_t)w->n_clients : 0);
    mp_key(&map, "reason");
    mp_add_text(&b, reasons[outcome]);
    mp_close(&map);
    reply_buf(call, &b);
}

static void wait_free(struct wait *w)
{
    timer_stop(w->admin->hub->loop, &w->timer);
    list_unlink(&w->link);
    w->admin->n_waits--;
    mem_free(w);
}

static void on_look(struct timer *t)
{
    struct wait *w = CONTAINER_OF(t, struct wait, timer);
    struct loop *loop = w->admin->hub->loop;
    struct slice id = call_text(w->call, 0);
    enum unloading outcome = admin_unload_now(w->admin->hub, id);

    if (outcome != UNLOADING_IN_USE) {
        /* It was there when the wait began: its last client has taken it along. */
        unloading_answer(w->admin->hub, w->call,
                         outcome == UNLOADING_UNKNOWN ? UNLOADING_DONE : outcome);
        wait_free(w);
    } else if (loop_now_ms(loop) >= w->ends_ms) {
        rpc_reject(w->call, "TimeoutError",
                   "Workspace " SLICE_FMT " was not unloaded in time: it has clients",
                   SLICE_ARG(id));
        wait_free(w);
    } else {
        timer_start(loop, t, LOOK_MS);
    }
}

static void admin_unload_wait_for(struct admin *a, struct rpc_call *call)
{
    struct wait *w = MEM_NEW(struct wait);
    double timeout_s = 10;

    (void)mp_get_num(call->args[2], &timeout_s);
    if (!(timeout_s > 0))
        timeout_s = 0;
    if (timeout_s > MOST_S)
        timeout_s = MOST_S;
    w->admin = a;
    w->call = call;
    w->ends_ms = loop_now_ms(a->hub->loop) + (uint64_t)(timeout_s * 1000);
    timer_init(&w->timer, on_look);
    list_init(&w->link);
    list_link(&a->waits, &w->link);
    a->n_waits++;
    timer_start(a->hub->loop, &w->timer, LOOK_MS);
}

void admin_unload_workspace(struct rpc_call *call, void *arg)
{
    struct admin *a = arg;

    enum unloading outcome = admin_unload_now(a->hub, call_text(call, 0));

    if (outcome != UNLOADING_IN_USE || !call_bool(call, 1, false))
        unloading_answer(a->hub, call, outcome);
    else if (a->n_waits >= MAX_WAITS)
        rpc_reject(call, "RuntimeError", "Too many calls wait for workspaces to be unloaded");
    else
        admin_unload_wait_for(a, call);
}

void admin_end_waits(struct admin *a)
{
    while (!list_is_empty(&a->waits)) {
        struct wait *w = LIST_ENTRY(a->waits.next, struct wait, link);
        rpc_reject(w->call, "RuntimeError", "The server is shutting down");
        wait_free(w);
    }
}
