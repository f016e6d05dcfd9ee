/* cleanup: clients that do not answer a ping are put out, some at a time, so that one call does not
 * fill the caller's share of questions. A client that leaves while it is asked is no longer
 * anybody's business. */
#include <string.h>

#include "base/memory.h"
#include "manager/access.h"
#include "manager/ask.h"
#include "manager/cleanup.h"
#include "manager/evict.h"
#include "manager/reply.h"
#include "manager/room.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "peer/lodging.h"
#include "registry/registry.h"
#include "wire/mp.h"

enum { AT_ONCE = 50 };
static const double TIMEOUT_S = 5, TIMEOUT_MOST_S = 600;

struct target {
    struct cleanup *cleanup;
    char *full_id; /* owned */
    uint64_t generation;
    bool is_put_out;
};

struct cleanup {
    struct manager *m;
    struct rpc_call *call;
    double timeout_s;
    size_t n, n_asked, n_waiting;
    bool is_closed; /* the server stops: nothing is changed any more */
    struct target targets[];
};

/* ---- the end ---- */

static void free_cleanup(struct cleanup *c)
{
    for (size_t i = 0; i < c->n; i++)
        mem_free(c->targets[i].full_id);
    mem_free(c);
}

static void finish(struct cleanup *c)
{
    struct mp_open removed;
    struct buf b;
    SCRATCH_BUF(list, 0);

    buf_init(&b, 0);
    mp_open_array(&removed, &list);
    for (size_t i = 0; i < c->n; i++) {
        if (c->targets[i].is_put_out) {
            mp_item(&removed);
            mp_add_text(&list, c->targets[i].full_id);
        }
    }
    mp_close(&removed);
    mp_add_map(&b, removed.n ? 1 : 0);
    if (removed.n) {
        mp_add_text(&b, "removed_clients");
        mp_add_raw(&b, buf_slice(&list));
    }
    reply_buf(c->call, &b);
    free_cleanup(c);
}

/* ---- asking ---- */

static void ask_more(struct cleanup *c);

/* False: it has left by itself, or come again. */
static bool put_out(struct hub *h, const struct target *t)
{
    struct client *client = client_find(&h->registry, slice_of(t->full_id));

    if (!client || client->generation != t->generation)
        return false;
    struct workspace *w = client->workspace;
    client_evict(h, client, "Cleaned up: no answer to a ping");
    lodging_left(h, w);
    return true;
}

/* Who is silent goes at once: no more are asked at a time than go well in one turn. */
static void on_pong(const struct rpc_reply *reply, void *arg)
{
    struct target *t = arg;
    struct cleanup *c = t->cleanup;

    c->is_closed = c->is_closed || reply->outcome == RPC_CLOSED;
    t->is_put_out = !c->is_closed && reply->outcome == RPC_TIMED_OUT && put_out(c->m->hub, t);
    c->n_waiting--;
    ask_more(c);
}

static void ask_more(struct cleanup *c)
{
    static const char args[] = "\x91\xa4"
                               "ping";

    while (!c->is_closed && c->n_asked < c->n && c->n_waiting < AT_ONCE) {
        struct target *t = &c->targets[c->n_asked++];
        struct rpc_request request = {.target = slice_of(t->full_id),
                                      .method = SLICE_LIT("services.built-in.ping"),
                                      .args = slice_make(args, sizeof(args) - 1),
                                      .promise = RPC_PROMISE_FULL,
                                      .deadline_ms = (uint64_t)(c->timeout_s * 1000) + 1};
        c->n_waiting += ask_client(c->m, c->call, &request, on_pong, t) != NULL;
    }
    if (!c->n_waiting)
        finish(c);
}

/* ---- the call ---- */

static bool check(struct hub *h, const struct rpc_call *call, struct workspace **ret,
                  struct refusal *r)
{
    struct slice id = call_has(call, 0) ? call_text(call, 0) : call->workspace;

    *ret = workspace_find(&h->registry, id);
    struct access_question q = access_question_of(call, OPERATION_CLEANUP);
    q.target = id;
    q.workspace = *ret;
    struct access_decision d = access_decide(&q);
    if (d.is_allowed || d.rule == RULE_NO_WORKSPACE || slice_eq(d.workspace, call->workspace))
        return access_settle(&d, r);
    (void)refuse(r, "PermissionError", "Permission denied for workspace %s, user: %s", (*ret)->id,
                 call->user->id);
    return access_note(&d, r);
}

static struct cleanup *new_cleanup(struct manager *m, struct rpc_call *call, struct slice timeout,
                                   size_t n_clients)
{
    struct cleanup *c = mem_new(sizeof(*c) + n_clients * sizeof(struct target));

    c->m = m;
    c->call = call;
    c->timeout_s = TIMEOUT_S;
    (void)mp_get_num(timeout, &c->timeout_s);
    if (!(c->timeout_s > 0))
        c->timeout_s = 0;
    if (c->timeout_s > TIMEOUT_MOST_S)
        c->timeout_s = TIMEOUT_MOST_S;
    return c;
}

static void aim_at(struct cleanup *c, const struct client *client)
{
    if (!client->is_virtual && client->built_in)
        c->targets[c->n++] = (struct target){c, mem_copy(client->full_id, strlen(client->full_id)),
                                             client->generation, false};
}

static void clean_workspace(struct manager *m, struct rpc_call *call, const struct workspace *w)
{
    struct cleanup *c = new_cleanup(m, call, call->args[1], w->n_clients);

    LIST_FOREACH(it, &w->clients)
    {
        aim_at(c, LIST_ENTRY(it, struct client, link));
    }
    ask_more(c);
}

void manager_cleanup_all(struct manager *m, struct rpc_call *call, struct slice timeout)
{
    const struct map *clients = &m->hub->registry.clients;
    struct cleanup *c = new_cleanup(m, call, timeout, clients->n_entries);
    void *value;

    for (size_t at = 0; map_next(clients, &at, NULL, &value);)
        aim_at(c, value);
    ask_more(c);
}

/* Nobody is there and nothing keeps it. */
static void remove_empty(struct hub *h, struct rpc_call *call, struct workspace *w)
{
    struct buf b;

    buf_init(&b, 0);
    mp_add_map(&b, 2);
    mp_add_text(&b, "removed_workspace");
    mp_add_text(&b, w->id);
    mp_add_text(&b, "removed_clients");
    mp_add_array(&b, 0);
    event_workspace(h, slice_of(w->id), w, "workspace_unloaded");
    workspace_remove(&h->registry, w);
    reply_buf(call, &b);
}

void do_cleanup(struct rpc_call *call, void *arg)
{
    struct manager *m = arg;
    struct workspace *w;
    struct refusal r;

    if (!check(m->hub, call, &w, &r))
        reply_refusal(call, &r);
    else if (!w->is_persistent && !w->is_system && list_is_empty(&w->clients))
        remove_empty(m->hub, call, w);
    else
        clean_workspace(m, call, w);
}
