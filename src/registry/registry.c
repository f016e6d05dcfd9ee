/* registry: the four indexes. Counts of workspaces and services are gauges of the hub loop. */
#include "registry/registry.h"

#include "registry/records.h"

static void on_change(struct ledger_follower *f, const struct change *c)
{
    registry_apply(CONTAINER_OF(f, struct registry, follower), c);
}

void registry_init(struct registry *r, struct loop *hub, struct ledger *ledger)
{
    *r = (struct registry){.loop = hub, .ledger = ledger, .follower = {.on_change = on_change}};
    list_init(&r->follower.link);
    ledger_follow(ledger, &r->follower);
    map_init(&r->workspaces);
    map_init(&r->clients);
    map_init(&r->services);
    map_init(&r->names);
    map_init(&r->creators);
    list_init(&r->watches);
    list_init(&r->walks);
    going_init(r);
}

void registry_pay(struct registry *r, struct account *payer)
{
    map_pay(&r->workspaces, payer);
    map_pay(&r->clients, payer);
    map_pay(&r->services, payer);
    map_pay(&r->names, payer);
    map_pay(&r->creators, payer);
    r->payer = payer;
}

void registry_deinit(struct registry *r)
{
    void *value;

    /* An end of this process, and of no record: no change. */
    ledger_unfollow(&r->follower);
    for (size_t at = 0; map_next(&r->clients, &at, NULL, &value); at = 0)
        client_go(r, value);
    going_deinit(r);
    for (size_t at = 0; map_next(&r->workspaces, &at, NULL, &value); at = 0)
        workspace_go(r, value);
    ASSERT(r->services.n_entries == 0 && r->names.n_entries == 0 && r->creators.n_entries == 0);
    map_deinit(&r->workspaces);
    map_deinit(&r->clients);
    map_deinit(&r->services);
    map_deinit(&r->names);
    map_deinit(&r->creators);
    roster_deinit(r);
}
