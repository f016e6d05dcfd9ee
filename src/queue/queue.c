/* queue: the queues of all workspaces, and when the last thing that needs them is gone. */
#include "queue/queue_internal.h"

#include "base/memory.h"
#include "peer/hub.h"

struct workspace_queues *queues_of_workspace(struct queues *qs, const struct workspace *w)
{
    struct workspace_queues *s = map_find(&qs->by_workspace, slice_of(w->id));

    if (s)
        return s;
    s = workspace_queues_new(qs->hub->loop, w->id, w->incarnation, w->account,
                             w->is_persistent || w->is_system);
    map_put(&qs->by_workspace, slice_of(s->workspace), s);
    return s;
}

void queues_drop_if_empty(struct queues *qs, struct workspace_queues *s)
{
    if (!workspace_queues_are_empty(s))
        return;
    map_take(&qs->by_workspace, slice_of(s->workspace));
    workspace_queues_free(s);
}

void queues_settle(struct queues *qs, struct queue *q)
{
    struct workspace_queues *s = q->in_workspace;

    queue_drop_if_idle(q);
    queues_drop_if_empty(qs, s);
}

void queues_free_if_done(struct queues *qs)
{
    if (!qs->is_closed || qs->n_asked)
        return;
    ASSERT(qs->by_workspace.n_entries == 0);
    map_deinit(&qs->by_workspace);
    mem_free(qs);
}

void queues_answered(struct queues *qs)
{
    qs->n_asked--;
    queues_free_if_done(qs);
}
