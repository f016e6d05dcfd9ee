/* query: by (workspace, name) where the name is literal, else the services of one workspace, else all workspaces in turn. */
#include "registry/records.h"
#include "wire/address.h"

static bool is_any(struct slice pattern)
{
    return !pattern.len || slice_is(pattern, "*");
}

static bool fits(const struct service_query *q, struct slice pattern, struct slice text)
{
    if (is_any(pattern))
        return true;
    return q->is_literal ? slice_eq(pattern, text) : glob_match(pattern, text);
}

static bool fits_name(const struct service_query *q, struct slice name)
{
    if (q->is_literal)      /* a service may be called "*" */
        return !q->name.len || slice_eq(q->name, name);
    return fits(q, q->name, name);
}

static bool matches(const struct service_query *q, const struct service *s)
{
    return fits_name(q, s->name) && fits(q, q->client, s->client->id) && fits(q, q->app_id, slice_of(s->app_id)) &&
           (is_any(q->type) || (s->type && fits(q, q->type, slice_of(s->type))));
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

void service_query_start(struct service_cursor *c, const struct registry *r, const struct service_query *q)
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

    if (c->walk != SERVICE_WALK_ALL || !map_next(&c->registry->workspaces, &c->map_cursor, NULL, &value))
        return false;
    struct workspace *w = value;
    walk_list(c, &w->services);
    return true;
}

struct service *service_query_next(struct service_cursor *c)
{
    for (;;) {
        while (c->head && c->at != c->head) {
            struct service *s = c->walk == SERVICE_WALK_NAME ? LIST_ENTRY(c->at, struct service, of_name)
                                                             : LIST_ENTRY(c->at, struct service, of_workspace);
            c->at = c->at->next;
            if (matches(&c->query, s))
                return s;
        }
        if (!next_workspace(c))
            return NULL;
    }
}
