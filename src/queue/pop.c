/* pop: a task on its way in (written, then shown) and on its way out (hidden, removed, then
 * given).
 *
 *   push: asked --store--> shown, answered
 *         asked --store refuses--> forgotten
 *   pop:  waiting --task--> taking --store--> answered
 *         waiting --time, gone, closed--> answered with nothing
 *                           taking --gone, store refuses--> the task is shown again
 *
 * In a temporary workspace the store is left out, and the second step follows at once. */
#include "auth/user.h"
#include "base/held.h"
#include "peer/hub.h"
#include "queue/queue_internal.h"

static void pop_serve(struct queues *qs, struct queue *q);

/* payer has been charged in vain. */
static void queue_refuse_room(struct queues *qs, struct rpc_call *call, const struct account *payer,
                              const char *what)
{
    struct account_refusal why = account_refusal(payer);

    loop_count(qs->hub->loop, METRIC_QUEUE_REFUSED, 1);
    rpc_reject_no_room(call, &why, "%s", what);
}

struct slice queue_caller(const struct rpc_call *call)
{
    return slice_of(user_effective_id(call->user));
}

/* ---- out ---- */

struct pop {
    struct list link; /* in queue->pops while waiting */
    struct queues *queues;
    struct rpc_call *call;
    struct timer timer;
    struct queue *queue;     /* while waiting */
    struct queue_task *task; /* while taking */
    bool is_gone;            /* the caller left while the store was at work */
    struct holding of_user;  /* while waiting */
};

static void pop_unwait(struct pop *p)
{
    struct loop *loop = p->queues->hub->loop;

    timer_stop(loop, &p->timer);
    list_unlink(&p->link);
    p->queue->in_workspace->n_pops--;
    holding_leave(&p->queue->in_workspace->waits, &p->of_user);
    p->queue = NULL;
    loop_count(loop, METRIC_QUEUE_WAITERS, -1);
}

/* The answer leaves with the task, which is nowhere else any more. */
static void pop_give(struct pop *p)
{
    rpc_resolve(p->call, queue_task_value(p->task));
    queue_task_free(p->task);
    held_free(p);
}

/* Nobody got it: it is where it was, before all that were pushed later. */
static void pop_put_back(struct pop *p)
{
    if (p->task->queue && !p->queues->is_closed)
        queue_task_enqueue(p->task);
    else
        queue_task_free(p->task);
    held_free(p);
}

static void pop_on_removed(int outcome, void *arg)
{
    struct pop *p = arg;
    struct queues *qs = p->queues;
    struct queue *q = p->task->queue;

    if (p->is_gone) {
        reply_nil(p->call);
        pop_put_back(p);
    } else if (outcome == STORE_OK) {
        pop_give(p);
    } else {
        rpc_reject(p->call, "RuntimeError", "The task could not be taken from the store");
        pop_put_back(p);
    }
    if (q)
        pop_serve(qs, q);
    queues_answered(qs);
}

/* The record is written anew behind its removal, so what the store has at the end is the task. */
static void on_taker_gone(struct rpc_call *call)
{
    struct pop *p = call->state;

    p->is_gone = true;
    if (p->task->queue)
        queue_task_store(p->queues, p->task, NULL, NULL);
}

static struct queue_task *first_task(const struct queue *q)
{
    return list_is_empty(&q->tasks) ? NULL : LIST_ENTRY(q->tasks.next, struct queue_task, link);
}

static void pop_take(struct pop *p, struct queue_task *t)
{
    queue_task_lease(t);
    p->task = t;
    p->call->state = p;
    if (!t->queue->in_workspace->is_durable) {
        pop_give(p);
        return;
    }
    p->call->on_gone = on_taker_gone;
    t->is_awaited = true;
    p->queues->n_asked++;
    queue_task_unstore(p->queues, t, pop_on_removed, p);
}

/* Whoever waits longest gets what there is; afterwards an idle queue is no more. */
static void pop_serve(struct queues *qs, struct queue *q)
{
    while (!list_is_empty(&q->pops) && first_task(q)) {
        struct pop *p = LIST_ENTRY(q->pops.next, struct pop, link);
        pop_unwait(p);
        pop_take(p, first_task(q));
    }
    queues_settle(qs, q);
}

static void end_wait(struct pop *p)
{
    struct queues *qs = p->queues;
    struct queue *q = p->queue;

    pop_unwait(p);
    reply_nil(p->call);
    held_free(p);
    pop_serve(qs, q);
}

static void on_wait_over(struct timer *t)
{
    end_wait(CONTAINER_OF(t, struct pop, timer));
}

static void on_waiter_gone(struct rpc_call *call)
{
    end_wait(call->state);
}

void queue_pop(struct queues *qs, struct queue *q, struct rpc_call *call, uint64_t wait_ms)
{
    struct queue_task *t = first_task(q);
    struct pop *p;

    if (!t && !wait_ms) {
        reply_nil(call);
        pop_serve(qs, q);
        return;
    }
    p = held_new(sizeof(*p), rpc_call_payer(call));
    if (!p) {
        queue_refuse_room(qs, call, rpc_call_payer(call), "There is no room for the call");
        pop_serve(qs, q);
        return;
    }
    *p = (struct pop){.queues = qs, .call = call};
    list_init(&p->link);
    timer_init(&p->timer, on_wait_over);
    if (t) {
        pop_take(p, t);
        pop_serve(qs, q);
        return;
    }
    p->queue = q;
    call->state = p;
    call->on_gone = on_waiter_gone;
    list_link(&q->pops, &p->link);
    q->in_workspace->n_pops++;
    holding_take(&q->in_workspace->waits, &p->of_user, queue_caller(call), 1);
    loop_count(qs->hub->loop, METRIC_QUEUE_WAITERS, 1);
    timer_start(qs->hub->loop, &p->timer, wait_ms);
}

/* ---- in ---- */

struct push {
    struct queues *queues;
    struct rpc_call *call;
    struct queue_task *task;
};

static void pop_on_written(int outcome, void *arg)
{
    struct push *p = arg;
    struct queues *qs = p->queues;
    struct queue *q = p->task->queue;

    if (outcome != STORE_OK)
        rpc_reject(p->call, "RuntimeError", "The task could not be written to the store");
    else if (q)
        reply_nil(p->call);
    else
        rpc_reject(p->call, "RuntimeError", "The workspace was removed while the task was written");
    if (outcome == STORE_OK && q && !qs->is_closed)
        queue_task_enqueue(p->task);
    else
        queue_task_free(p->task);
    held_free(p);
    if (q)
        pop_serve(qs, q);
    queues_answered(qs);
}

void queue_push(struct queues *qs, struct queue *q, struct rpc_call *call, struct slice value)
{
    struct push *p = held_new(sizeof(*p), rpc_call_payer(call));
    struct queue_task *t = p ? queue_task_new(q, qs->next_number, queue_caller(call), value) : NULL;

    if (!t) {
        queue_refuse_room(qs, call, p ? q->in_workspace->account : rpc_call_payer(call),
                          "There is no room for the task");
        held_free(p);
        pop_serve(qs, q);
        return;
    }
    qs->next_number++;
    if (!q->in_workspace->is_durable) {
        held_free(p);
        queue_task_enqueue(t);
        reply_nil(call);
        pop_serve(qs, q);
        return;
    }
    *p = (struct push){qs, call, t};
    t->is_awaited = true;
    qs->n_asked++;
    queue_task_store(qs, t, pop_on_written, p);
}

/* ---- the end of a queue ---- */

static void refuse_waiting(struct queue *q, const char *why)
{
    while (!list_is_empty(&q->pops)) {
        struct pop *p = LIST_ENTRY(q->pops.next, struct pop, link);
        pop_unwait(p);
        rpc_reject(p->call, "RuntimeError", "%s", why);
        held_free(p);
    }
}

void queue_refuse_waiting(struct queues *qs, struct queue *q, const char *why)
{
    refuse_waiting(q, why);
    pop_serve(qs, q);
}

void queue_close_down(struct queue *q, const char *why)
{
    refuse_waiting(q, why);
    for (struct queue_task *t; (t = first_task(q));) {
        queue_task_lease(t);
        queue_task_free(t);
    }
}

static void forget_task(struct queues *qs, struct queue_task *t)
{
    if (t->queue->in_workspace->is_durable)
        queue_task_unstore(qs, t, NULL, NULL);
    queue_task_leave(t);
    if (!t->is_awaited)
        queue_task_free(t);
}

void queue_leave(struct queues *qs, struct queue *q, const char *why)
{
    refuse_waiting(q, why);
    while (!list_is_empty(&q->in_flight))
        forget_task(qs, LIST_ENTRY(q->in_flight.next, struct queue_task, link));
}

bool queue_wipe_one(struct queues *qs, struct queue *q)
{
    struct queue_task *t = first_task(q);

    if (!t)
        return false;
    queue_task_lease(t);
    forget_task(qs, t);
    return true;
}
