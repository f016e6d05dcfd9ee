/* queue: the shelves of all workspaces, and when the last thing that needs them is gone. */
#include "queue/queue_room.h"

#include "base/memory.h"
#include "peer/hub.h"

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

void queues_free_if_done(struct queues *qs)
{
    if (!qs->is_closed || qs->n_asked)
        return;
    ASSERT(qs->shelves.n_entries == 0);
    map_deinit(&qs->shelves);
    mem_free(qs);
}

void queues_answered(struct queues *qs)
{
    qs->n_asked--;
    queues_free_if_done(qs);
}
