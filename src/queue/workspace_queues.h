/* workspace_queues: the queues of one workspace and the tasks in them: containers and sums, no
 * waiting, no store. The queue room's own. Hub loop. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/holders.h"
#include "base/list.h"
#include "base/map.h"
#include "base/slice.h"

struct account;
struct loop;

/* What a task costs beside its own bytes: a cap on bytes is a cap on empty tasks too. */
enum { TASK_OVERHEAD = 384 };

struct queue_task {
    /* in queue->tasks while it can be taken, in queue->in_flight while it is written or taken */
    struct list link;
    struct queue *queue; /* NULL: the queue has gone with its workspace */
    uint64_t number;     /* growing: the order of pushing, also after a restart */
    struct holding share_of_workspace, of_queue; /* of who has pushed it: its cost, and 1 */
    size_t n_bytes;
    bool is_awaited; /* the store is asked about it: whoever asked frees it */
    char bytes[];    /* one encoded value */
};

struct queue {
    struct workspace_queues *in_workspace;
    struct list tasks;     /* by number */
    struct list in_flight; /* in no order */
    size_t n_tasks, n_in_flight;
    struct list pops; /* struct pop: waiting, the longest first */
    /* among those whose workspace has gone, and whose tasks go over turns */
    struct list leaving;
    struct holders pushers; /* tasks */
    struct holding name_of; /* in the workspace's: of who has made it */
    size_t name_len;
    char name[];
};

struct workspace_queues {
    struct loop *loop;
    char *workspace;         /* owned */
    uint64_t incarnation;    /* of it */
    struct account *account; /* below the workspace's; owned */
    bool is_durable;
    struct map queues; /* name -> struct queue, owned */
    size_t n_bytes;    /* of all tasks, as they are charged */
    size_t n_pops;     /* that wait */
    /* of users, by their id: bytes of tasks, queues, pops that wait */
    struct holders bytes, names, waits;
};

/* account: the workspace's. */
struct workspace_queues *workspace_queues_new(struct loop *loop, const char *workspace,
                                              uint64_t incarnation, struct account *account,
                                              bool is_durable);
void workspace_queues_free(struct workspace_queues *s); /* must be empty */
bool workspace_queues_are_empty(const struct workspace_queues *s);

struct queue *queue_find(const struct workspace_queues *s, struct slice name);
/* Made when absent. NULL: its workspace has no room for the name. */
MUST_CHECK struct queue *queue_get(struct workspace_queues *s, struct slice name,
                                   struct slice user);
void queue_drop_if_idle(struct queue *q); /* nothing in it, nobody at it: freed */
struct slice queue_name(const struct queue *q);

/* In flight. user: who pushes it. NULL: no memory, or the workspace's account is full. */
struct queue_task *queue_task_new(struct queue *q, uint64_t number, struct slice user,
                                  struct slice value);
size_t queue_task_cost(size_t n_bytes); /* of a task of so many bytes, as it is charged */
struct slice queue_task_user(const struct queue_task *t); /* empty: its queue has gone */
/* it can be taken: behind those pushed before it */
void queue_task_enqueue(struct queue_task *t);
void queue_task_lease(struct queue_task *t); /* in flight again */
void queue_task_leave(
    struct queue_task *t); /* its queue goes before it: belongs to nobody, costs nobody */
void queue_task_free(struct queue_task *t); /* one in flight, or one that has left */
struct slice queue_task_value(const struct queue_task *t);
