/* queue_calls: the functions of `public/queue`: who may, what is a name, a task, a wait, and the
 * limits. Everything is checked before anything changes. (D-27) */
#include <stdio.h>

#include "base/held.h"
#include "base/memory.h"
#include "config/config.h"
#include "loop/work.h"
#include "manager/caller_access.h"
#include "manager/manager.h"
#include "manager/built_in_service.h"
#include "manager/serializable.h"
#include "peer/hub.h"
#include "queue/queue_internal.h"
#include "wire/mp.h"

enum { QUEUE_NAME_MAX = 128, PEEK_MAX = 100, WAIT_MAX_S = 300 };

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool queue_call_is_name(struct slice name)
{
    if (!name.len || name.len > QUEUE_NAME_MAX || !is_alphanumeric(name.ptr[0]))
        return false;
    for (size_t i = 1; i < name.len; i++) {
        if (!is_alphanumeric(name.ptr[i]) && name.ptr[i] != '_' && name.ptr[i] != '-' &&
            name.ptr[i] != '.')
            return false;
    }
    return true;
}

static bool refuse_limit(struct queues *qs, struct refusal *r, const char *what, size_t max)
{
    loop_count(qs->hub->loop, METRIC_QUEUE_REFUSED, 1);
    return refuse(r, "RuntimeError", "Queue limit exceeded: %s (max %zu)", what, max);
}

/* payer has been charged in vain. */
static void refuse_room(struct queues *qs, const struct account *payer, struct refusal *r)
{
    struct account_refusal why = account_refusal(payer);
    char room[ACCOUNT_REFUSAL_MAX];

    loop_count(qs->hub->loop, METRIC_QUEUE_REFUSED, 1);
    refuse(r, "RuntimeError", "%s",
           account_refusal_text(&why, "There is no room for the queue", room));
}

/* What a limit is of, for one call. */
struct part {
    const struct holders *holders;
    size_t n, max; /* what is wanted; the limit of all */
    const char *what;
};

/* Who has made the workspace pays for it and may fill it; one of the others leaves room for the
 * rest. */
static bool check_share(struct queues *qs, const struct rpc_call *call, const struct part *p,
                        struct refusal *r)
{
    const struct workspace *w = workspace_find(&qs->hub->registry, call->workspace);
    size_t share = p->max * loop_config(qs->hub->loop)->queue_user_share / 100;
    char what[96];

    if (share < 1)
        share = 1;
    if ((w && slice_is(queue_caller(call), w->creator)) ||
        holders_of(p->holders, queue_caller(call)) + p->n <= share)
        return true;
    (void)snprintf(what, sizeof(what), "%s of one user, by --queue-user-share", p->what);
    return refuse_limit(qs, r, what, share);
}

/* The caller's workspace, when it may do that there and the queue's name is one. */
static struct workspace *queue_call_begin(struct queues *qs, const struct rpc_call *call,
                                          enum permission level, struct refusal *r)
{
    struct slice name = call_text(call, 0);
    struct workspace *w = NULL;

    if (!access_context(call, level, r))
        return NULL;
    if (!queue_call_is_name(name)) {
        refuse(r, "ValueError",
               "Invalid queue name: '" SLICE_FMT
               "'. Queue names must be 1-128 characters, start with alphanumeric, and contain "
               "only alphanumeric, hyphens, underscores, and dots.",
               SLICE_ARG(slice_utf8_prefix(name, 200)));
        return NULL;
    }
    w = workspace_find(&qs->hub->registry, call->workspace);
    if (!w)
        refuse(r, "KeyError", "Workspace not found: " SLICE_FMT, SLICE_ARG(call->workspace));
    return w;
}

static struct queue *queue_call_find(const struct queues *qs, const struct workspace *w,
                                     struct slice name)
{
    const struct workspace_queues *s = map_find(&qs->by_workspace, slice_of(w->id));

    return s ? queue_find(s, name) : NULL;
}

/* A queue that is not there is made when the workspace may have one more. */
static struct queue *queue_call_get(struct queues *qs, const struct workspace *w,
                                    const struct rpc_call *call, struct refusal *r)
{
    size_t max = loop_config(qs->hub->loop)->max_queues;
    struct slice name = call_text(call, 0);
    struct workspace_queues *s = queues_of_workspace(qs, w);
    struct queue *q = queue_find(s, name);
    struct part part = {&s->names, 1, max, "queues of this workspace"};

    if (!q && s->queues.n_entries >= max) {
        refuse_limit(qs, r, "queues of this workspace", max);
        return NULL;
    }
    if (!q && !check_share(qs, call, &part, r))
        return NULL;
    if (q || (q = queue_get(s, name, queue_caller(call))))
        return q;
    refuse_room(qs, s->account, r);
    queues_drop_if_empty(qs, s);
    return NULL;
}

/* ---- push ---- */

static bool check_task(struct queues *qs, struct slice task, struct refusal *r)
{
    const struct config *c = loop_config(qs->hub->loop);

    if (!mp_is(task, MP_MAP))
        return refuse(r, "ValueError", "A task must be a map");
    if (task.len > c->max_task_bytes)
        return refuse_limit(qs, r, "bytes of a task", c->max_task_bytes);
    return is_serializable(task, SERIALIZABLE_DEPTH) ||
           refuse(r, "ValueError", "A task must be JSON");
}

static bool queue_call_check_room(struct queues *qs, const struct queue *q,
                                  const struct rpc_call *call, struct refusal *r)
{
    const struct config *c = loop_config(qs->hub->loop);
    size_t cost = queue_task_cost(call->args[1].len);
    struct part tasks = {&q->pushers, 1, c->max_queue_tasks, "tasks in this queue"};
    struct part bytes = {&q->in_workspace->bytes, cost, c->max_queue_bytes,
                         "bytes in the queues of this workspace"};

    if (q->n_tasks + q->n_in_flight >= c->max_queue_tasks)
        return refuse_limit(qs, r, "tasks in this queue", c->max_queue_tasks);
    if (q->in_workspace->n_bytes + cost > c->max_queue_bytes)
        return refuse_limit(qs, r, "bytes in the queues of this workspace", c->max_queue_bytes);
    return check_share(qs, call, &tasks, r) && check_share(qs, call, &bytes, r);
}

static void do_push(struct rpc_call *call, void *arg)
{
    struct queues *qs = arg;
    struct slice task = call->args[1];
    struct refusal r;
    struct queue *q = NULL;
    const struct workspace *w = queue_call_begin(qs, call, PERMISSION_READ_WRITE, &r);

    if (w && check_task(qs, task, &r))
        q = queue_call_get(qs, w, call, &r);
    if (q && queue_call_check_room(qs, q, call, &r)) {
        queue_push(qs, q, call, task);
        return;
    }
    reply_refusal(call, &r);
    if (q)
        queues_settle(qs, q);
}

/* ---- pop ---- */

static bool read_wait(const struct rpc_call *call, uint64_t *ret_ms, struct refusal *r)
{
    double seconds = 30;

    if (call_has(call, 1) && !mp_get_num(call->args[1], &seconds))
        return refuse(r, "TypeError", "timeout must be a number");
    if (!(seconds >= 0 && seconds <= WAIT_MAX_S))
        return refuse(r, "ValueError", "Invalid timeout: it must be 0 to %d seconds", WAIT_MAX_S);
    *ret_ms = (uint64_t)(seconds * 1000 + 0.999);
    return true;
}

static bool check_waiting(struct queues *qs, const struct queue *q, const struct rpc_call *call,
                          struct refusal *r)
{
    size_t max = loop_config(qs->hub->loop)->max_queue_waiters;
    struct part part = {&q->in_workspace->waits, 1, max, "pops that wait in this workspace"};

    if (qs->is_draining)
        return refuse(r, "RuntimeError", "The server is going down");
    if (q->in_workspace->n_pops >= max)
        return refuse_limit(qs, r, "pops that wait in this workspace", max);
    return check_share(qs, call, &part, r);
}

static void do_pop(struct rpc_call *call, void *arg)
{
    struct queues *qs = arg;
    uint64_t wait_ms = 0;
    struct refusal r;
    struct queue *q = NULL;
    const struct workspace *w = queue_call_begin(qs, call, PERMISSION_READ_WRITE, &r);

    if (!w || !read_wait(call, &wait_ms, &r)) {
        reply_refusal(call, &r);
        return;
    }
    q = queue_call_find(qs, w, call_text(call, 0));
    if (!wait_ms && (!q || !q->n_tasks)) {
        reply_nil(call);
        return;
    }
    if (!q && !(q = queue_call_get(qs, w, call, &r))) {
        reply_refusal(call, &r);
        return;
    }
    if (q->n_tasks || check_waiting(qs, q, call, &r)) {
        queue_pop(qs, q, call, wait_ms);
        return;
    }
    reply_refusal(call, &r);
    queues_settle(qs, q);
}

/* ---- looking ---- */

static void do_get_length(struct rpc_call *call, void *arg)
{
    struct queues *qs = arg;
    struct refusal r;
    struct buf b;
    const struct workspace *w = queue_call_begin(qs, call, PERMISSION_READ, &r);

    if (!w) {
        reply_refusal(call, &r);
        return;
    }
    const struct queue *q = queue_call_find(qs, w, call_text(call, 0));
    buf_init(&b, 0);
    mp_add_uint(&b, q ? q->n_tasks : 0);
    reply_buf(call, &b);
}

static bool read_n(const struct rpc_call *call, int64_t *ret, struct refusal *r)
{
    *ret = 1;
    if (call_has(call, 1) && !mp_get_int(call->args[1], ret))
        return refuse(r, "TypeError", "n must be an integer");
    return (*ret >= 1 && *ret <= PEEK_MAX) ||
           refuse(r, "ValueError", "Invalid n: it must be 1 to %d", PEEK_MAX);
}

/* A hundred tasks may be 25 MB to copy, so they are copied over turns. Tasks may come and go
 * meanwhile: the next is found by its number. */
struct peek {
    struct work work;
    struct queues *queues;
    struct rpc_call *call;
    uint64_t next; /* number */
    int64_t n_left;
    struct held_buf out;
    struct mp_open list; /* in out */
    bool has_gone;
};

static const struct queue_task *peek_next(const struct peek *p)
{
    const struct workspace *w = workspace_find(&p->queues->hub->registry, p->call->workspace);
    const struct queue *q = w ? queue_call_find(p->queues, w, call_text(p->call, 0)) : NULL;

    for (const struct list *it = q ? q->tasks.next : NULL; it && it != &q->tasks; it = it->next) {
        const struct queue_task *t = LIST_ENTRY(it, const struct queue_task, link);
        if (t->number >= p->next)
            return t;
    }
    return NULL;
}

static bool peek_step(struct work *w)
{
    struct peek *p = CONTAINER_OF(w, struct peek, work);
    const struct queue_task *t =
        p->has_gone || p->out.b.is_failed || !p->n_left ? NULL : peek_next(p);

    if (!t)
        return false;
    mp_item(&p->list);
    mp_add_raw(&p->out.b, queue_task_value(t));
    p->next = t->number + 1;
    p->n_left--;
    return true;
}

static void peek_done(struct work *w)
{
    struct peek *p = CONTAINER_OF(w, struct peek, work);

    mp_close(&p->list);
    reply_buf(p->call, &p->out.b);
    held_buf_deinit(&p->out);
    mem_free(p);
}

static void peek_gone(struct rpc_call *call)
{
    ((struct peek *)call->state)->has_gone = true;
}

static void do_peek(struct rpc_call *call, void *arg)
{
    struct queues *qs = arg;
    struct refusal r;
    int64_t n = 1;

    if (!queue_call_begin(qs, call, PERMISSION_READ, &r) || !read_n(call, &n, &r)) {
        reply_refusal(call, &r);
        return;
    }
    struct peek *p = MEM_NEW(struct peek);
    *p = (struct peek){.work = {.step = peek_step, .done = peek_done, .at_once = 1},
                       .queues = qs,
                       .call = call,
                       .n_left = n};
    held_buf_init(&p->out, 0, rpc_call_payer(call));
    mp_open_array(&p->list, &p->out.b);
    call->state = p;
    call->on_gone = peek_gone;
    work_init(&p->work, qs->hub->loop, &qs->works);
    work_start(&p->work);
}

#define NAME                                                                                       \
    {                                                                                              \
        "queue_name", RPC_TEXT, false, "name of the queue", NULL                                   \
    }

static const struct rpc_method methods[] = {
    {"push",
     "Appends a task to a queue of your workspace.",
     {NAME, {"task", RPC_ANY, false, "a map", NULL}},
     do_push},
    {"pop",
     "Takes the oldest task; null when none comes in time.",
     {NAME, {"timeout", RPC_NUMBER, true, "seconds to wait: 0 to 300", "30"}},
     do_pop},
    {"get_length", "Counts the tasks in a queue.", {NAME}, do_get_length},
    {"peek",
     "Shows the next tasks and leaves them there.",
     {NAME, {"n", RPC_INT, true, "how many: 1 to 100", "1"}},
     do_peek},
};

const struct manager_service queue_service = {
    .id = "queue",
    .name = "Task Queue Service",
    .description = "First-in-first-out queues of tasks, for each workspace its own.",
    .type = "generic",
    .place = MANAGER_PUBLIC,
    .visibility = "public",
    .requires_context = true,
    .methods = methods,
    .n_methods = ARRAY_LEN(methods),
};
