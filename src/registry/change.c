/* change: one switch over all changes there are. Between the decision and this nothing has happened
 * that its guard does not see, so what it names is there. */
#include "registry/change.h"
#include "registry/records.h"

static struct workspace *change_workspace_of(const struct registry *r, const struct change *c)
{
    struct workspace *w = workspace_find(r, c->workspace);

    ASSERT(w);
    return w;
}

static struct client *change_client_of(const struct registry *r, const struct change *c)
{
    struct client *client = client_find_any(r, c->client);

    ASSERT(client);
    return client;
}

static struct service *service_of(const struct registry *r, const struct change *c)
{
    struct service *s = service_find(r, c->service);

    ASSERT(s);
    return s;
}

void registry_apply(struct registry *r, const struct change *c)
{
    switch (c->kind) {
    case CHANGE_WORKSPACE_COMES:
        workspace_come(r, c->number, &c->workspace_comes);
        return;
    case CHANGE_WORKSPACE_BECOMES:
        workspace_become(change_workspace_of(r, c), c->workspace_becomes);
        return;
    case CHANGE_WORKSPACE_GOES:
        workspace_go(r, change_workspace_of(r, c));
        return;
    case CHANGE_CLIENT_COMES:
        client_come(r, change_workspace_of(r, c), c->number, c->client, &c->client_comes);
        return;
    case CHANGE_CLIENT_GOES:
        client_go(r, change_client_of(r, c));
        return;
    case CHANGE_SERVICE_COMES:
        service_come(r, change_client_of(r, c), c->number, c->service, c->service_comes);
        return;
    case CHANGE_SERVICE_GOES:
        service_go(r, service_of(r, c));
        return;
    }
}
