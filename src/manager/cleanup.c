/* cleanup: clients that do not answer a ping are put out. All clients are walked over, in as many
 * turns as that takes, and the walk rests while as many as one call may have are asked, so that it
 * does not fill the caller's share of questions. A client that leaves while it is asked is no
 * longer anybody's business. */
#include <string.h>

#include "base/buf.h"
#include "base/memory.h"
#include "loop/work.h"
#include "manager/caller_access.h"
#include "manager/client_request.h"
#include "manager/cleanup.h"
#include "manager/evict.h"
#include "manager/reply.h"
#include "manager/manager_internal.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "peer/workspace_lifecycle.h"
#include "registry/registry.h"
#include "wire/mp.h"

enum { ASKED_AT_ONCE = 50, AT_ONCE = 16 };
static const double TIMEOUT_S = 5, TIMEOUT_MOST_S = 600;

struct cleanup {
    struct work work;
    struct manager *m;
    struct rpc_call *call;
    struct workspace *workspace; /* held; NULL: of all */
    struct client_walk walk;
    double timeout_s;
    size_t n_waiting, n_removed;
    struct held_buf removed; /* n_removed encoded ids */
    /* the walk has ended, or the server stops: nobody else is asked */
    bool is_over;
    bool is_closed; /* the server stops: nothing is changed any more */
};

struct target {
    struct cleanup *cleanup;
    uint64_t generation;
    char full_id[];
};

/* ---- the end ---- */

static void cleanup_finish(struct cleanup *c)
{
    struct buf b;

    buf_init(&b, 0);
    mp_add_map(&b, c->n_removed ? 1 : 0);
    if (c->n_removed) {
        mp_add_text(&b, "removed_clients");
        mp_add_array(&b, (uint32_t)c->n_removed);
        buf_add_slice(&b, buf_slice(&c->removed.b));
    }
    b.is_failed = b.is_failed || c->removed.b.is_failed;
    reply_buf(c->call, &b);
    if (c->workspace)
        workspace_let_go(c->workspace);
    held_buf_deinit(&c->removed);
    mem_free(c);
}

static void finish_when_over(struct cleanup *c)
{
    if (c->is_over && !c->n_waiting && !c->work.is_under_way)
        cleanup_finish(c);
}

/* ---- asking ---- */

/* False: it has left by itself, or come again. */
static bool put_out(struct hub *h, const struct target *t)
{
    struct client *client = client_find(&h->registry, slice_of(t->full_id));

    if (!client || client->generation != t->generation)
        return false;
    struct workspace *w = client->workspace;
    client_evict(h, client, "Cleaned up: no answer to a ping");
    workspace_client_left(h, w);
    return true;
}

/* Who is silent goes at once: no more are asked at a time than go well in one turn. */
static void cleanup_on_pong(const struct rpc_reply *reply, void *arg)
{
    struct target *t = arg;
    struct cleanup *c = t->cleanup;

    c->is_closed = c->is_closed || reply->outcome == RPC_CLOSED;
    c->is_over = c->is_over || c->is_closed;
    if (!c->is_closed && reply->outcome == RPC_TIMED_OUT && put_out(c->m->hub, t)) {
        mp_add_text(&c->removed.b, t->full_id);
        c->n_removed++;
    }
    mem_free(t);
    c->n_waiting--;
    if (c->is_over)
        finish_when_over(c);
    else
        work_start(&c->work);
}

static void cleanup_ask(struct cleanup *c, const struct client *client)
{
    static const char args[] = "\x91\xa4"
                               "ping";
    size_t len = strlen(client->full_id);
    struct target *t = mem_new(sizeof(*t) + len + 1);

    t->cleanup = c;
    t->generation = client->generation;
    memcpy(t->full_id, client->full_id, len);
    struct rpc_request request = {.target = slice_of(t->full_id),
                                  .method = SLICE_LIT("services.built-in.ping"),
                                  .args = slice_make(args, sizeof(args) - 1),
                                  .promise = RPC_PROMISE_FULL,
                                  .deadline_ms = (uint64_t)(c->timeout_s * 1000) + 1};
    if (client_request_send(c->m, c->call, &request, cleanup_on_pong, t))
        c->n_waiting++;
    else
        mem_free(t);
}

static bool walk_step(struct work *w)
{
    struct cleanup *c = CONTAINER_OF(w, struct cleanup, work);
    struct client *client;

    if (c->is_over || c->n_waiting == ASKED_AT_ONCE)
        return false;
    if (!client_walk_step(&c->walk, &client)) {
        c->is_over = true;
        return false;
    }
    if (client && !client->is_virtual && client->built_in &&
        (!c->workspace || client->workspace == c->workspace))
        cleanup_ask(c, client);
    return true;
}

static void walk_rests(struct work *w)
{
    struct cleanup *c = CONTAINER_OF(w, struct cleanup, work);

    c->is_over = c->is_over || w->is_cut;
    finish_when_over(c);
}

/* ---- the call ---- */

static bool cleanup_check(struct hub *h, const struct rpc_call *call, struct workspace **ret,
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

/* w NULL: the clients of all workspaces. timeout: an encoded number of seconds, or absent. */
static void cleanup_clean(struct manager *m, struct rpc_call *call, struct workspace *w,
                          struct slice timeout)
{
    struct cleanup *c = MEM_NEW(struct cleanup);

    *c = (struct cleanup){.work = {.step = walk_step, .done = walk_rests, .at_once = AT_ONCE},
                          .m = m,
                          .call = call,
                          .workspace = w,
                          .timeout_s = TIMEOUT_S};
    (void)mp_get_num(timeout, &c->timeout_s);
    if (!(c->timeout_s > 0))
        c->timeout_s = 0;
    if (c->timeout_s > TIMEOUT_MOST_S)
        c->timeout_s = TIMEOUT_MOST_S;
    held_buf_init(&c->removed, 0, rpc_call_payer(call));
    if (w)
        workspace_hold(w);
    client_walk_start(&c->walk, &m->hub->registry);
    work_init(&c->work, m->hub->loop, &m->works);
    work_start(&c->work);
}

void manager_cleanup_all(struct manager *m, struct rpc_call *call, struct slice timeout)
{
    cleanup_clean(m, call, NULL, timeout);
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

    if (!cleanup_check(m->hub, call, &w, &r))
        reply_refusal(call, &r);
    else if (!w->is_persistent && !w->is_system && list_is_empty(&w->clients))
        remove_empty(m->hub, call, w);
    else
        cleanup_clean(m, call, w, call->args[1]);
}
