/* query: by (workspace, name) where the name is literal, else the services of one workspace, else
 * all workspaces in turn. */
#include "registry/records.h"
#include "wire/address.h"

static bool query_is_any(struct slice pattern)
{
    return !pattern.len || slice_is(pattern, "*");
}

static bool query_fits(const struct service_query *q, struct slice pattern, struct slice text)
{
    if (query_is_any(pattern))
        return true;
    return q->is_literal ? slice_eq(pattern, text) : glob_match(pattern, text);
}

static bool fits_name(const struct service_query *q, struct slice name)
{
    if (q->is_literal) /* a service may be called "*" */
        return !q->name.len || slice_eq(q->name, name);
    return query_fits(q, q->name, name);
}

static bool query_matches(const struct service_query *q, const struct service *s)
{
    return service_is_here(s) && fits_name(q, s->name) && query_fits(q, q->client, s->client->id) &&
           query_fits(q, q->app_id, slice_of(s->app_id)) &&
           (query_is_any(q->type) || (s->type && query_fits(q, q->type, slice_of(s->type))));
}

struct service_query service_query_of_id(const struct service_id *id)
{
    return (struct service_query){.workspace = id->workspace,
                                  .client = id->client,
                                  .name = id->name,
                                  .app_id = id->app,
                                  .is_literal = !id->is_glob};
}

static void walk_list(struct service_cursor *c, struct list *head)
{
    c->head = head;
    c->at = head ? head->next : NULL;
}

void service_query_start(struct service_cursor *c, const struct registry *r,
                         const struct service_query *q)
{
    *c = (struct service_cursor){.registry = r, .query = *q};
    if (!q->workspace.len) {
        c->walk = SERVICE_WALK_ALL;
    } else if (q->name.len && (q->is_literal || !glob_is(q->name))) {
        struct service_name *sn = service_name_find(r, q->workspace, q->name);
        c->walk = SERVICE_WALK_NAME;
        walk_list(c, sn ? &sn->services : NULL);
    } else {
        struct workspace *w = workspace_find(r, q->workspace);
        c->walk = SERVICE_WALK_WORKSPACE;
        walk_list(c, w ? &w->services : NULL);
    }
}

static bool next_workspace(struct service_cursor *c)
{
    void *value;

    if (c->walk != SERVICE_WALK_ALL ||
        !map_next(&c->registry->workspaces, &c->map_cursor, NULL, &value))
        return false;
    struct workspace *w = value;
    walk_list(c, &w->services);
    return true;
}

/* Looks at one service: *ret is NULL when it is none that is asked for. False at the end of the
 * list. */
static bool query_step(struct service_cursor *c, struct service **ret)
{
    if (!c->head || c->at == c->head)
        return false;
    struct service *s = c->walk == SERVICE_WALK_NAME
                            ? LIST_ENTRY(c->at, struct service, of_name)
                            : LIST_ENTRY(c->at, struct service, of_workspace);
    c->at = c->at->next;
    *ret = query_matches(&c->query, s) ? s : NULL;
    return true;
}

struct service *service_query_next(struct service_cursor *c)
{
    struct service *s;

    for (;;) {
        while (query_step(c, &s)) {
            if (s)
                return s;
        }
        if (!next_workspace(c))
            return NULL;
    }
}

/* ---- walks of several turns ---- */

void service_walk_start(struct service_walk *w, struct registry *r, const struct service_query *q)
{
    ASSERT(q->workspace.len);
    list_init(&w->link);
    list_link(&r->walks, &w->link);
    service_query_start(&w->cursor, r, q);
}

bool service_walk_step(struct service_walk *w, struct service **ret)
{
    return query_step(&w->cursor, ret);
}

void service_walk_end(struct service_walk *w)
{
    list_unlink(&w->link);
    w->cursor.head = NULL;
}

void service_walks_step_over(const struct registry *r, const struct list *place)
{
    LIST_FOREACH (it, &r->walks) {
        struct service_cursor *c = &LIST_ENTRY(it, struct service_walk, link)->cursor;
        if (c->head && c->at == place)
            c->at = place->next;
    }
}

void service_walks_leave(const struct registry *r, const struct list *head)
{
    LIST_FOREACH (it, &r->walks) {
        struct service_cursor *c = &LIST_ENTRY(it, struct service_walk, link)->cursor;
        if (c->head == head)
            c->head = NULL;
    }
}
