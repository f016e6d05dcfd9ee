/* queue: the life of the service: read what was kept, offer, follow workspaces that go, close.
 * Closing waits for the store in the background: its answers still find the queues, and the last
 * one frees them. */
#include "queue/queue.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "loop/work.h"
#include "manager/manager.h"
#include "peer/hub.h"
#include "queue/queue_room.h"
#include "wire/mp.h"

struct shelf *queues_shelf(struct queues *qs, const struct workspace *w)
{
    struct shelf *s = map_find(&qs->shelves, slice_of(w->id));

    if (s)
        return s;
    s = shelf_new(qs->hub->loop, w->id, w->incarnation, w->account,
                  w->is_persistent || w->is_system);
    map_put(&qs->shelves, slice_of(s->workspace), s);
    return s;
}

void queues_drop_if_empty(struct queues *qs, struct shelf *s)
{
    if (!shelf_is_empty(s))
        return;
    map_take(&qs->shelves, slice_of(s->workspace));
    shelf_free(s);
}

void queues_settle(struct queues *qs, struct queue *q)
{
    struct shelf *s = q->shelf;

    queue_drop_if_idle(q);
    queues_drop_if_empty(qs, s);
}

static void free_if_done(struct queues *qs)
{
    if (!qs->is_closed || qs->n_asked)
        return;
    ASSERT(qs->shelves.n_entries == 0);
    map_deinit(&qs->shelves);
    held_buf_deinit(&qs->config);
    mem_free(qs);
}

void queues_answered(struct queues *qs)
{
    qs->n_asked--;
    free_if_done(qs);
}

enum { AT_ONCE = 8 }; /* tasks between two looks at the clock */

/* One task, or one queue that has none left, and its shelf with the last. */
static bool wipe_step(struct work *w)
{
    struct queues *qs = CONTAINER_OF(w, struct queues, wiping);

    if (list_is_empty(&qs->leaving))
        return false;
    struct queue *q = LIST_ENTRY(qs->leaving.next, struct queue, leaving);
    struct shelf *s = q->shelf;
    if (queue_wipe_one(qs, q))
        return true;
    list_unlink(&q->leaving);
    queue_drop_if_idle(q);
    if (shelf_is_empty(s))
        shelf_free(s);
    return true;
}

/* How many tasks there are its members have chosen. Nothing finds them from here on: a workspace made again has a shelf of its own. */
static void on_workspace_going(struct registry_watch *watch, const struct workspace *w)
{
    struct queues *qs = CONTAINER_OF(watch, struct queues, watch);
    struct shelf *s = map_take(&qs->shelves, slice_of(w->id));
    size_t cursor = 0;
    struct slice name;
    void *q;

    while (s && map_next(&s->queues, &cursor, &name, &q)) {
        queue_leave(qs, q, "The workspace was removed");
        list_link(&qs->leaving, &((struct queue *)q)->leaving);
    }
    work_start(&qs->wiping);
}

static void build_service(struct queues *qs)
{
    struct mp_open config;

    held_buf_init(&qs->config, 0, qs->hub->loop->own);
    mp_open_map(&config, &qs->config.b);
    mp_key(&config, "visibility");
    mp_add_text(&qs->config.b, "public");
    mp_key(&config, "require_context");
    mp_add_bool(&qs->config.b, true);
    mp_close(&config);
    held_buf_keep(&qs->config);
    qs->service = (struct rpc_service){
        .id = "queue",
        .name = "Task Queue Service",
        .description = "First-in-first-out queues of tasks, for each workspace its own.",
        .type = "generic",
        .config = buf_slice(&qs->config.b),
        .methods = queue_methods,
        .n_methods = queue_n_methods,
        .arg = qs};
}

static void on_loaded(struct queues *qs, bool is_ok)
{
    if (!is_ok) { /* to give some tasks and not others would break what the service promises */
        LOG(LOG_ERROR, "queue", "the tasks could not be read from the store: no queue service");
        return;
    }
    manager_offer(qs->manager, MANAGER_PUBLIC, &qs->service);
    qs->is_offered = true;
}

struct queues *queue_open(struct manager *m)
{
    struct queues *qs = MEM_NEW(struct queues);

    qs->hub = manager_hub(m);
    qs->manager = m;
    qs->next_number = 1;
    map_init(&qs->shelves);
    list_init(&qs->works);
    list_init(&qs->leaving);
    qs->wiping = (struct work){.step = wipe_step, .at_once = AT_ONCE};
    work_init(&qs->wiping, qs->hub->loop, NULL);
    build_service(qs);
    qs->watch.on_workspace_going = on_workspace_going;
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

    while (map_next(&qs->shelves, &of_shelves, &key, &s))
        n += ((struct shelf *)s)->queues.n_entries;
    all = mem_new((n + 1) * sizeof(*all));
    n = of_shelves = 0;
    while (map_next(&qs->shelves, &of_shelves, &key, &s)) {
        for (of_queues = 0; map_next(&((struct shelf *)s)->queues, &of_queues, &key, &q);)
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

void queue_drain(struct queues *qs)
{
    if (!qs)
        return;
    qs->is_draining = true;
    each_queue(qs, drain_queue);
}

static void close_queue(struct queues *qs, struct queue *q)
{
    queue_close_down(q, GOING_DOWN);
    queues_settle(qs, q);
}

void queue_close(struct queues *qs)
{
    if (!qs)
        return;
    if (qs->is_offered)
        manager_withdraw(qs->manager, MANAGER_PUBLIC, &qs->service);
    works_end(&qs->works);
    work_stop(&qs->wiping);
    while (wipe_step(&qs->wiping))
        continue;
    list_unlink(&qs->watch.link);
    qs->manager = NULL;
    qs->is_closed = true;
    each_queue(qs, close_queue);
    free_if_done(qs);
}
