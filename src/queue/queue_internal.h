/* queue_internal: the service `public/queue`: first-in-first-out queues of tasks, named by their
 * users, one set for each workspace. A queue is there while something is in it or somebody waits at
 * it.
 *
 * What is promised (docs/OPERATIONS.md says it to operators): a push that was answered is in the
 * store; a task is removed from the store before its pop is answered and is given to one caller at
 * most; a caller that leaves before it was answered leaves the task where it was. Tasks of a
 * temporary workspace live in memory and end with it. Hub loop. */
#pragma once
#include "base/buf.h"
#include "loop/work.h"
#include "manager/built_in_service.h"
#include "manager/reply.h"
#include "queue/workspace_queues.h"
#include "registry/registry.h"
#include "rpc/rpc.h"
#include "store/store.h"

struct hub;
struct manager;
struct manager_registration;
struct manager_service;

struct queues {
    struct hub *hub;
    struct manager *manager; /* NULL once closed */
    /* workspace id -> struct workspace_queues, owned */
    struct map by_workspace;
    struct manager_registration *registration; /* NULL until what was kept has been read */
    struct registry_watch watch;
    struct list works;   /* struct work: peeks under way */
    struct list leaving; /* struct queue: of workspaces that have gone; found by nothing */
    struct work wiping;  /* of them */
    uint64_t next_number;
    unsigned n_asked; /* of the store: what it has yet to answer */
    bool is_draining, is_closed;
};

/* queue.c */
/* made when absent */
struct workspace_queues *queues_of_workspace(struct queues *qs, const struct workspace *w);
void queues_drop_if_empty(struct queues *qs, struct workspace_queues *s);
void queues_settle(struct queues *qs,
                   /* frees it when it is idle, and the record of its workspace when it was the
                    * last */
                   struct queue *q);
/* closed, and the store has answered everything */
void queues_free_if_done(struct queues *qs);
void queues_answered(struct queues *qs); /* by the store; may free qs when it is closed */

/* kept.c: tasks and the store. */
void queue_task_store(struct queues *qs, const struct queue_task *t, store_done *done, void *arg);
void queue_task_unstore(struct queues *qs, const struct queue_task *t, store_done *done, void *arg);
void queue_tasks_load(struct queues *qs, void (*loaded)(struct queues *qs, bool is_ok));

/* pop.c: tasks and who wants them. */
/* whose share it takes: the id of the person */
struct slice queue_caller(const struct rpc_call *call);
/* Answers the call when the task is durable. The queue exists. */
void queue_push(struct queues *qs, struct queue *q, struct rpc_call *call, struct slice task);
/* Answers with the next task, or when there is none, after the wait (0: at once) with nil. */
void queue_pop(struct queues *qs, struct queue *q, struct rpc_call *call, uint64_t wait_ms);
/* Its workspace goes: who waits is told why, and what the store is being asked about is
 * nobody's. */
void queue_leave(struct queues *qs, struct queue *q, const char *why);
/* Then: its next task is forgotten, by the store too. False: there was none. */
bool queue_wipe_one(struct queues *qs, struct queue *q);
/* Who waits is told why, and waits no more. The queue may be gone then. */
void queue_refuse_waiting(struct queues *qs, struct queue *q, const char *why);
/* The server goes: who waits is told why, what is there stays with the store. What the store is
 * being asked about outlives it. */
void queue_close_down(struct queue *q, const char *why);

/* calls.c: the handlers; arg is the queues. */
extern const struct manager_service queue_service;
