#include "manager/service_tour.h"

#include <string.h>

static void walk_workspace(struct service_tour *t, struct slice workspace)
{
    struct service_query q = t->query;

    q.workspace = workspace;
    service_walk_start(&t->walk, t->registry, &q);
    t->is_walking = true;
}

static void tour_leave_workspace(struct service_tour *t)
{
    if (t->is_walking)
        service_walk_end(&t->walk);
    t->is_walking = false;
}

static void note_workspaces(struct service_tour *t)
{
    size_t at = 0;
    void *value;

    while (map_next(&t->registry->workspaces, &at, NULL, &value)) {
        const struct workspace *w = value;
        if (!list_is_empty(&w->services))
            buf_add(&t->workspaces.b, w->id, strlen(w->id) + 1);
    }
}

bool service_tour_start(struct service_tour *t, struct registry *r,
                        const struct service_query *query, struct account *payer)
{
    *t = (struct service_tour){.registry = r, .query = *query};
    held_buf_init(&t->workspaces, 0, payer);
    if (query->workspace.len)
        walk_workspace(t, query->workspace);
    else
        note_workspaces(t);
    if (!t->workspaces.b.is_failed)
        return true;
    service_tour_end(t);
    return false;
}

bool service_tour_step(struct service_tour *t, struct service **ret)
{
    *ret = NULL;
    if (t->is_walking && service_walk_step(&t->walk, ret))
        return true;
    tour_leave_workspace(t);
    *ret = NULL;
    if (t->at >= t->workspaces.b.len)
        return false;
    struct slice id = slice_of(t->workspaces.b.ptr + t->at);
    t->at += id.len + 1;
    walk_workspace(t, id);
    return true;
}

void service_tour_end(struct service_tour *t)
{
    tour_leave_workspace(t);
    held_buf_deinit(&t->workspaces);
    t->at = 0;
}
