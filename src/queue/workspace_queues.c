/* workspace_queues: every task is charged to its workspace's account while anything refers to it,
 * so the bytes of tasks that are being written or taken count like those that lie there. Only a
 * task in flight leaves. */
#include "queue/workspace_queues.h"

#include <string.h>

#include "base/account.h"
#include "base/held.h"
#include "base/memory.h"
#include "loop/loop.h"

struct workspace_queues *workspace_queues_new(struct loop *loop, const char *workspace,
                                              uint64_t incarnation, struct account *account,
                                              bool is_durable)
{
    struct workspace_queues *s = MEM_NEW(struct workspace_queues);

    s->loop = loop;
    s->workspace = mem_copy(workspace, strlen(workspace));
    s->incarnation = incarnation;
    s->account = account_new(account, ACCOUNT_QUEUES, 0);
    s->is_durable = is_durable;
    map_init(&s->queues);
    holders_init(&s->bytes);
    holders_init(&s->names);
    holders_init(&s->waits);
    return s;
}

bool workspace_queues_are_empty(const struct workspace_queues *s)
{
    return s->queues.n_entries == 0;
}

void workspace_queues_free(struct workspace_queues *s)
{
    ASSERT(workspace_queues_are_empty(s) && s->n_bytes == 0 && s->n_pops == 0);
    map_deinit(&s->queues);
    holders_deinit(&s->bytes);
    holders_deinit(&s->names);
    holders_deinit(&s->waits);
    account_unref(s->account);
    mem_free(s->workspace);
    mem_free(s);
}

struct slice queue_name(const struct queue *q)
{
    return slice_make(q->name, q->name_len);
}

struct queue *queue_find(const struct workspace_queues *s, struct slice name)
{
    return map_find(&s->queues, name);
}

struct queue *queue_get(struct workspace_queues *s, struct slice name, struct slice user)
{
    struct queue *q = queue_find(s, name);

    if (q)
        return q;
    q = held_new(sizeof(*q) + name.len, s->account);
    if (!q)
        return NULL;
    q->in_workspace = s;
    q->name_len = name.len;
    memcpy(q->name, name.ptr, name.len);
    list_init(&q->tasks);
    list_init(&q->in_flight);
    list_init(&q->pops);
    list_init(&q->leaving);
    holders_init(&q->pushers);
    holding_take(&s->names, &q->name_of, user, 1);
    map_put(&s->queues, queue_name(q), q);
    return q;
}

void queue_drop_if_idle(struct queue *q)
{
    if (q->n_tasks || q->n_in_flight || !list_is_empty(&q->pops))
        return;
    map_take(&q->in_workspace->queues, queue_name(q));
    holding_leave(&q->in_workspace->names, &q->name_of);
    holders_deinit(&q->pushers);
    held_free(q);
}

size_t queue_task_cost(size_t n_bytes)
{
    return n_bytes + TASK_OVERHEAD;
}

struct queue_task *queue_task_new(struct queue *q, uint64_t number, struct slice user,
                                  struct slice value)
{
    struct workspace_queues *s = q->in_workspace;
    struct queue_task *t = held_new(sizeof(*t) + value.len, s->account);

    if (!t)
        return NULL;
    *t = (struct queue_task){.queue = q, .number = number, .n_bytes = value.len};
    list_init(&t->link);
    memcpy(t->bytes, value.ptr, value.len);
    s->n_bytes += queue_task_cost(t->n_bytes);
    holding_take(&s->bytes, &t->share_of_workspace, user, queue_task_cost(t->n_bytes));
    holding_take(&q->pushers, &t->of_queue, user, 1);
    list_link(&q->in_flight, &t->link);
    q->n_in_flight++;
    return t;
}

void queue_task_enqueue(struct queue_task *t)
{
    struct queue *q = t->queue;
    struct list *before = q->tasks.prev;

    while (before != &q->tasks && LIST_ENTRY(before, struct queue_task, link)->number > t->number)
        before = before->prev;
    t->is_awaited = false;
    list_unlink(&t->link);
    q->n_in_flight--;
    list_link(before->next,
              &t->link); /* a list is as well the list that begins at any of its members */
    q->n_tasks++;
    loop_count(q->in_workspace->loop, METRIC_QUEUE_TASKS, 1);
}

void queue_task_lease(struct queue_task *t)
{
    struct queue *q = t->queue;

    list_unlink(&t->link);
    q->n_tasks--;
    loop_count(q->in_workspace->loop, METRIC_QUEUE_TASKS, -1);
    list_link(&q->in_flight, &t->link);
    q->n_in_flight++;
}

void queue_task_leave(struct queue_task *t)
{
    struct workspace_queues *s = t->queue->in_workspace;

    list_unlink(&t->link);
    t->queue->n_in_flight--;
    holding_leave(&t->queue->pushers, &t->of_queue);
    holding_leave(&s->bytes, &t->share_of_workspace);
    s->n_bytes -= queue_task_cost(t->n_bytes);
    t->queue = NULL;
}

void queue_task_free(struct queue_task *t)
{
    if (t->queue)
        queue_task_leave(t);
    held_free(t);
}

struct slice queue_task_user(const struct queue_task *t)
{
    return holding_name(&t->of_queue);
}

struct slice queue_task_value(const struct queue_task *t)
{
    return slice_make(t->bytes, t->n_bytes);
}
