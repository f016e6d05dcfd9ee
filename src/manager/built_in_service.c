/* built_in_service: the server's own services stand in the registry as records like any other, made
 * by the same draft that reads what a client sends: a service of ours that a client could not
 * register would be found here at once. Hub loop. */
#include "base/memory.h"
#include "config/config.h"
#include "manager/manager.h"
#include "manager/built_in_service.h"
#include "manager/manager_internal.h"
#include "manager/service_info.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "wire/mp.h"

/* The map by which a client would register it. */
static void built_in_add_map(struct buf *b, const char *full_client,
                             const struct rpc_service *service)
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

struct manager_registration {
    struct manager *manager;
    enum manager_place place;
    struct held_buf config; /* encoded: what service.config points to */
    struct rpc_service service;
};

static struct service *built_in_find(const struct manager_registration *o)
{
    SCRATCH_BUF(id, 0);

    buf_add_fmt(&id, "%s:%s", o->manager->places[o->place].client->full_id, o->service.id);
    return service_find(&o->manager->hub->registry, buf_slice(&id));
}

void built_in_service_add_record(struct manager *m, enum manager_place place,
                                 const struct rpc_service *service)
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
    built_in_add_map(&map, c->full_id, service);
    bool is_ok = service_draft_read(buf_slice(&map), slice_of(service->id), &origin, &draft, &r);
    ASSERT(is_ok);
    /* The server's own: the first of their workspace, which has room. */
    ASSERT(service_add(&h->registry, c, &draft.fields, &is_replaced) != NULL);
    ASSERT(!is_replaced);
    service_draft_deinit(&draft);
}

static void built_in_build_service(struct manager_registration *o, const struct manager_service *s,
                                   void *arg)
{
    struct mp_open config;

    held_buf_init(&o->config, 0, o->manager->hub->loop->own);
    mp_open_map(&config, &o->config.b);
    mp_key_text(&config, "visibility", s->visibility);
    mp_key(&config, "require_context");
    mp_add_bool(&o->config.b, s->requires_context);
    mp_close(&config);
    held_buf_keep(&o->config);
    o->service = (struct rpc_service){.id = s->id,
                                      .name = s->name,
                                      .description = s->description,
                                      .type = s->type,
                                      .config = buf_slice(&o->config.b),
                                      .methods = s->methods,
                                      .n_methods = s->n_methods,
                                      .arg = arg,
                                      .admit = s->admit};
}

struct manager_registration *manager_register(struct manager *m,
                                              const struct manager_service *service, void *arg)
{
    LOOP_ASSERT(m->hub->loop);
    struct manager_registration *o = MEM_NEW(struct manager_registration);

    o->manager = m;
    o->place = service->place;
    built_in_build_service(o, service, arg);
    rpc_host_add(m->places[o->place].host, &o->service);
    built_in_service_add_record(m, o->place, &o->service);
    const struct service *s = built_in_find(o);
    event_service(m->hub, slice_of(s->client->workspace->id), "service_added",
                  slice_make(s->info, s->info_len));
    return o;
}

struct manager_registration *manager_unregister(struct manager_registration *o)
{
    if (!o)
        return NULL;
    struct hub *h = o->manager->hub;
    LOOP_ASSERT(h->loop);
    struct service *s = built_in_find(o);

    rpc_host_remove(o->manager->places[o->place].host, &o->service);
    if (s) {
        event_service(h, slice_of(s->client->workspace->id), "service_removed",
                      slice_make(s->info, s->info_len));
        service_remove(&h->registry, s);
    }
    held_buf_deinit(&o->config);
    mem_free(o);
    return NULL;
}
