/* manager: the three virtual clients of the server and what they carry. The manager itself lives
 * in workspace "*", which is no record of the registry: it is reached by address only. The other
 * two are clients like any other, so that what they offer is found and listed like any other
 * service; they are never counted and never leave. */
#include "manager/manager.h"

#include "base/memory.h"
#include "config/config.h"
#include "manager/auth_provider.h"
#include "manager/deletion.h"
#include "manager/service_listing.h"
#include "manager/built_in_service.h"
#include "manager/manager_internal.h"
#include "manager/service_glob.h"
#include "manager/service_info.h"
#include "manager/service_projection.h"
#include "peer/connect_authorization.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "router/router.h"
#include "rpc/built_in.h"
#include "version.h"
#include "wire/mp.h"

/* ---- `default` ---- */

static void manager_build_service(struct manager *m)
{
    struct mp_open config;

    held_buf_init(&m->config, 0, m->hub->loop->own);
    mp_open_map(&config, &m->config.b);
    mp_key(&config, "require_context");
    mp_add_bool(&m->config.b, true);
    mp_key(&config, "visibility");
    mp_add_text(&m->config.b, "public");
    server_info_add(&config, m->hub->info);
    mp_close(&config);
    held_buf_keep(&m->config);
    m->service = (struct rpc_service){.id = "default",
                                      .name = "Default workspace management service",
                                      .description = "Services for managing workspace.",
                                      .type = "generic",
                                      .config = buf_slice(&m->config.b),
                                      .methods = manager_methods,
                                      .n_methods = manager_n_methods,
                                      .arg = m};
}

/* The record get_service_info("~") answers with. */
static void build_info(struct manager *m)
{
    struct buf *b = &m->info.b;
    struct mp_open map, config;

    held_buf_init(&m->info, 0, m->hub->loop->own);
    mp_open_map(&map, b);
    mp_key_text(&map, "id", "~");
    mp_key_text(&map, "name", m->service.name);
    mp_key_text(&map, "type", m->service.type);
    mp_key_text(&map, "description", m->service.description);
    mp_key_text(&map, "docs", NULL);
    mp_key_text(&map, "app_id", "*");
    mp_key(&map, "service_schema");
    rpc_service_schema(&m->service, b);
    mp_key(&map, "config");
    mp_open_map(&config, b);
    service_config_defaults(&config, true, "*");
    server_info_add(&config, m->hub->info);
    mp_close(&config);
    mp_close(&map);
    ASSERT(!b->is_failed);
    held_buf_keep(&m->info);
}

/* ---- the virtual clients ---- */

static struct rpc_host *manager_open_host(struct manager *m, struct rpc_loop *rl,
                                          const char *workspace, const char *client,
                                          bool is_manager)
{
    SCRATCH_BUF(address, 0);

    buf_add_fmt(&address, "%s/%s", workspace, client);
    struct rpc_host_options options = {
        .address = buf_slice(&address), .user = m->root, .account = m->hub->loop->own};
    /* The manager speaks in the workspace of whoever it speaks to (W-075). */
    if (!is_manager)
        options.workspace = slice_of(workspace);
    struct rpc_host *host = rpc_host_open(rl, &options);
    ASSERT(host); /* at the start there is room */
    return host;
}

/* The two that are clients of the registry. */
static void open_place(struct manager *m, struct rpc_loop *rl, enum manager_place place,
                       const char *workspace)
{
    struct hub *h = m->hub;
    struct route at;
    struct rpc_service built_in;
    SCRATCH_BUF(config, 0);
    SCRATCH_BUF(name, 0);

    struct rpc_host *host = manager_open_host(m, rl, workspace, h->info->server_id, false);
    bool is_bound = router_find(h->router, h->loop, rpc_host_address(host), &at);
    ASSERT(is_bound && route_is_here(&at));
    struct client *c =
        connect_host_client(h, slice_of(workspace), slice_of(h->info->server_id), m->root, at.seat);
    m->places[place] = (struct place){host, c};
    built_in_init(&built_in, &config);
    buf_add_fmt(&name, "Builtin services for %s%c", c->full_id, '\0');
    built_in.name = name.ptr;
    built_in.description = NULL;
    built_in_service_add_record(m, place, &built_in); /* the host carries it by itself */
}

struct manager *manager_new(struct hub *h, struct rpc_loop *rl)
{
    LOOP_ASSERT(h->loop);
    struct manager *m = MEM_NEW(struct manager);

    m->hub = h;
    m->root = user_new_root("*");
    map_init(&m->askers);
    service_cache_init(&m->objects);
    list_init(&m->deletions);
    list_init(&m->works);
    event_log_init(&m->event_log, h);
    if (loop_config(h->loop)->enable_service_search)
        m->search = service_search_new(h);
    manager_build_service(m);
    build_info(m);
    auth_provider_open(m);
    m->host = manager_open_host(m, rl, "*", h->info->manager_id, true);
    rpc_host_add(m->host, &m->service);
    open_place(m, rl, MANAGER_PUBLIC, "public");
    open_place(m, rl, MANAGER_ROOT, "ws-user-root");
    return m;
}

void manager_free(struct manager *m)
{
    if (!m)
        return;
    LOOP_ASSERT(m->hub->loop);
    auth_provider_close(m);
    works_end(&m->works);
    rpc_host_close(m->host);
    for (size_t i = 0; i < MANAGER_N_PLACES; i++)
        rpc_host_close(m->places[i].host);
    deletions_orphan(m);
    event_log_deinit(&m->event_log);
    service_search_free(m->search);
    ASSERT(m->askers.n_entries == 0); /* closing the host has ended what was under way */
    map_deinit(&m->askers);
    service_cache_deinit(&m->objects);
    user_unref(m->root);
    held_buf_deinit(&m->config);
    held_buf_deinit(&m->info);
    mem_free(m);
}

struct rpc_host *manager_host(const struct manager *m, enum manager_place place)
{
    return m->places[place].host;
}

struct hub *manager_hub(const struct manager *m)
{
    return m->hub;
}
