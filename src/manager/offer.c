/* offer: the server's own services stand in the registry as records like any other, made by the
 * same draft that reads what a client sends: a service of ours that a client could not register
 * would be found here at once. Hub loop. */
#include "config/config.h"
#include "manager/manager.h"
#include "manager/room.h"
#include "manager/service_info.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "wire/mp.h"

/* The map by which a client would register it. */
static void add_map(struct buf *b, const char *full_client, const struct rpc_service *service)
{
    struct mp_open map;
    struct buf id;

    buf_init(&id, 0);
    buf_add_fmt(&id, "%s:%s", full_client, service->id);
    mp_open_map(&map, b);
    mp_key(&map, "id");
    mp_add_str(b, buf_slice(&id));
    buf_deinit(&id);
    mp_key_text(&map, "name", service->name);
    mp_key_text(&map, "type", service->type);
    mp_key_text(&map, "description", service->description);
    mp_key(&map, "config");
    mp_add_raw(b, service->config);
    mp_key(&map, "service_schema");
    rpc_service_schema(service, b);
    mp_close(&map);
}

static struct service *find(const struct manager *m, enum manager_place place,
                            const struct rpc_service *service)
{
    SCRATCH_BUF(id, 0);

    buf_add_fmt(&id, "%s:%s", m->places[place].client->full_id, service->id);
    return service_find(&m->hub->registry, buf_slice(&id));
}

void offer_register(struct manager *m, enum manager_place place, const struct rpc_service *service)
{
    struct hub *h = m->hub;
    struct client *c = m->places[place].client;
    struct service_draft draft;
    struct refusal r;
    SCRATCH_BUF(map, 0);
    bool is_replaced;

    struct service_origin origin = {.workspace = slice_of(c->workspace->id),
                                    .full_client = slice_of(c->full_id),
                                    .creator = m->root,
                                    .max_bytes = loop_config(h->loop)->max_service_info_bytes};
    add_map(&map, c->full_id, service);
    bool is_ok =
        service_draft_read(buf_slice(&map), slice_of(service->id), &origin, &draft, &r);
    ASSERT(is_ok);
    /* The server's own: the first of their workspace, which has room. */
    ASSERT(service_add(&h->registry, c, &draft.fields, &is_replaced) != NULL);
    ASSERT(!is_replaced);
    service_draft_deinit(&draft);
}

void manager_offer(struct manager *m, enum manager_place place, const struct rpc_service *service)
{
    LOOP_ASSERT(m->hub->loop);
    rpc_host_add(m->places[place].host, service);
    offer_register(m, place, service);
    const struct service *s = find(m, place, service);
    event_service(m->hub, slice_of(s->client->workspace->id), "service_added",
                  slice_make(s->info, s->info_len));
}

void manager_withdraw(struct manager *m, enum manager_place place,
                      const struct rpc_service *service)
{
    LOOP_ASSERT(m->hub->loop);
    struct service *s = find(m, place, service);

    rpc_host_remove(m->places[place].host, service);
    if (!s)
        return;
    event_service(m->hub, slice_of(s->client->workspace->id), "service_removed",
                  slice_make(s->info, s->info_len));
    service_remove(&m->hub->registry, s);
}
