/* queue_feature: the life of the service: read what was kept, offer, follow workspaces that go,
 * close. Closing waits for the store in the background: its answers still find the queues, and the
 * last one frees them. */
#include "queue/queue_internal.h"

#include "base/log.h"
#include "base/memory.h"
#include "http/feature.h"
#include "loop/work.h"
#include "manager/manager.h"
#include "manager/built_in_service.h"
#include "peer/hub.h"

enum { AT_ONCE = 8 }; /* tasks between two looks at the clock */

/* One task, or one queue that has none left, and the record of its workspace with the last. */
static bool wipe_step(struct work *w)
{
    struct queues *qs = CONTAINER_OF(w, struct queues, wiping);

    if (list_is_empty(&qs->leaving))
        return false;
    struct queue *q = LIST_ENTRY(qs->leaving.next, struct queue, leaving);
    struct workspace_queues *s = q->in_workspace;
    if (queue_wipe_one(qs, q))
        return true;
    list_unlink(&q->leaving);
    queue_drop_if_idle(q);
    if (workspace_queues_are_empty(s))
        workspace_queues_free(s);
    return true;
}

/* How many tasks there are its members have chosen. Nothing finds them from here on: a workspace
 * made again has queues of its own. */
static void queue_room_on_workspace_going(struct registry_watch *watch, const struct workspace *w)
{
    struct queues *qs = CONTAINER_OF(watch, struct queues, watch);
    struct workspace_queues *s = map_take(&qs->by_workspace, slice_of(w->id));
    size_t cursor = 0;
    struct slice name;
    void *q;

    while (s && map_next(&s->queues, &cursor, &name, &q)) {
        queue_leave(qs, q, "The workspace was removed");
        list_link(&qs->leaving, &((struct queue *)q)->leaving);
    }
    work_start(&qs->wiping);
}

static void on_loaded(struct queues *qs, bool is_ok)
{
    /* to give some tasks and not others would break what the service promises */
    if (!is_ok) {
        LOG(LOG_ERROR, "queue", "the tasks could not be read from the store: no queue service");
        return;
    }
    qs->registration = manager_register(qs->manager, &queue_service, qs);
}

/* Reads what the store kept, then offers the service. */
static void *queue_open(void *made, struct manager *m)
{
    struct queues *qs = MEM_NEW(struct queues);

    (void)made;
    qs->hub = manager_hub(m);
    qs->manager = m;
    qs->next_number = 1;
    map_init(&qs->by_workspace);
    list_init(&qs->works);
    list_init(&qs->leaving);
    qs->wiping = (struct work){.step = wipe_step, .at_once = AT_ONCE};
    work_init(&qs->wiping, qs->hub->loop, NULL);
    qs->watch.on_workspace_going = queue_room_on_workspace_going;
    list_init(&qs->watch.link);
    list_link(&qs->hub->registry.watches, &qs->watch.link);
    queue_tasks_load(qs, on_loaded);
    return qs;
}

static const char GOING_DOWN[] = "The server is going down";

/* Every queue of every workspace, for what may take the one it is given out of the maps. */
static void each_queue(struct queues *qs, void (*visit)(struct queues *qs, struct queue *q))
{
    size_t n = 0, of_shelves = 0, of_queues;
    struct queue **all;
    struct slice key;
    void *s, *q;

    while (map_next(&qs->by_workspace, &of_shelves, &key, &s))
        n += ((struct workspace_queues *)s)->queues.n_entries;
    all = mem_new((n + 1) * sizeof(*all));
    n = of_shelves = 0;
    while (map_next(&qs->by_workspace, &of_shelves, &key, &s)) {
        for (of_queues = 0;
             map_next(&((struct workspace_queues *)s)->queues, &of_queues, &key, &q);)
            all[n++] = q;
    }
    while (n)
        visit(qs, all[--n]);
    mem_free(all);
}

static void drain_queue(struct queues *qs, struct queue *q)
{
    queue_refuse_waiting(qs, q, GOING_DOWN);
}

static void queue_drain(void *opened)
{
    struct queues *qs = opened;

    qs->is_draining = true;
    each_queue(qs, drain_queue);
}

static void close_queue(struct queues *qs, struct queue *q)
{
    queue_close_down(q, GOING_DOWN);
    queues_settle(qs, q);
}

static void queue_close(void *opened)
{
    struct queues *qs = opened;

    qs->registration = manager_unregister(qs->registration);
    works_end(&qs->works);
    work_stop(&qs->wiping);
    while (wipe_step(&qs->wiping))
        continue;
    list_unlink(&qs->watch.link);
    qs->manager = NULL;
    qs->is_closed = true;
    each_queue(qs, close_queue);
    queues_free_if_done(qs);
}

const struct feature queue_feature = {
    .name = "queue", .open = queue_open, .drain = queue_drain, .close = queue_close};
