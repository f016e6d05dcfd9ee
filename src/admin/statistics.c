/* statistics: the shapes the original answers with. There is no bus behind this server, so what the
 * original counts there stands at zero, as in /metrics. */
#include "admin/admin_internal.h"
#include "config/config.h"
#include "manager/reply.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "wire/mp.h"

/* ---- get_metrics ---- */

static void add_life(struct buf *b, const char *key, int64_t created, int64_t active)
{
    mp_add_text(b, key);
    mp_add_map(b, 3);
    mp_add_text(b, "created_total");
    mp_add_int(b, created);
    mp_add_text(b, "closed_total");
    mp_add_int(b, created - active);
    mp_add_text(b, "active");
    mp_add_int(b, active);
}

static void add_bus(struct buf *b, int64_t n_messages, int64_t n_clients)
{
    mp_add_text(b, "eventbus");
    mp_add_map(b, 1);
    mp_add_text(b, "eventbus");
    mp_add_map(b, 5);
    mp_add_text(b, "messages_processed_total");
    mp_add_int(b, n_messages);
    add_life(b, "pubsub_connections", 0, 0);
    mp_add_text(b, "patterns");
    mp_add_map(b, 3);
    mp_add_text(b, "subscribed_total");
    mp_add_int(b, 0);
    mp_add_text(b, "unsubscribed_total");
    mp_add_int(b, 0);
    mp_add_text(b, "active");
    mp_add_int(b, 0);
    mp_add_text(b, "local_clients");
    mp_add_int(b, n_clients);
    mp_add_text(b, "reconnect_attempts_total");
    mp_add_int(b, 0);
}

void admin_get_metrics(struct rpc_call *call, void *arg)
{
    const struct loop_set *set = ((struct admin *)arg)->hub->loop->set;
    int64_t n_active = loop_set_sum(set, METRIC_WS_CONNECTIONS);
    struct buf b;

    buf_init(&b, 0);
    mp_add_map(&b, 2);
    mp_add_text(&b, "rpc");
    mp_add_map(&b, 1);
    add_life(&b, "rpc_connections", loop_set_sum(set, METRIC_WS_ESTABLISHED), n_active);
    add_bus(&b, loop_set_sum(set, METRIC_RPC_CALLS), n_active);
    reply_buf(call, &b);
}

/* ---- get_resource_usage ---- */

static void add_users(struct buf *b, const struct hub *h)
{
    struct mp_open map;
    struct slice id;
    size_t n;

    mp_add_text(b, "connections_per_user");
    mp_open_map(&map, b);
    for (size_t at = 0; hub_users_next(h, &at, &id, &n);) {
        map.n++;
        mp_add_str(b, id);
        mp_add_uint(b, n);
    }
    mp_close(&map);
}

static void add_workspaces(struct buf *b, const struct hub *h)
{
    struct mp_open map;
    void *value;

    mp_add_text(b, "connections_per_workspace");
    mp_open_map(&map, b);
    for (size_t at = 0; map_next(&h->registry.workspaces, &at, NULL, &value);) {
        const struct workspace *w = value;
        if (!w->n_clients)
            continue;
        mp_key(&map, w->id);
        mp_add_uint(b, w->n_clients);
    }
    mp_close(&map);
}

static void add_clients(struct buf *b, const struct hub *h)
{
    struct mp_open map;
    void *value;

    mp_add_text(b, "services_per_client");
    mp_open_map(&map, b);
    for (size_t at = 0; map_next(&h->registry.clients, &at, NULL, &value);) {
        const struct client *c = value;
        if (!c->n_services)
            continue;
        mp_key(&map, c->full_id);
        mp_add_uint(b, c->n_services);
    }
    mp_close(&map);
}

static void add_limits(struct buf *b, const struct config *config)
{
    mp_add_text(b, "limits");
    mp_add_map(b, 5);
    mp_add_text(b, "max_connections_per_user");
    mp_add_uint(b, config->max_connections_per_user);
    mp_add_text(b, "max_clients_per_workspace");
    mp_add_uint(b, config->max_clients_per_workspace);
    mp_add_text(b, "max_services_per_client");
    mp_add_uint(b, config->max_services_per_client);
    mp_add_text(b, "ws_msg_rate_limit");
    mp_add_float(b, config->ws_msg_rate_limit);
    mp_add_text(b, "ws_msg_burst_limit");
    mp_add_uint(b, config->ws_msg_burst_limit);
}

void admin_get_resource_usage(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct admin *)arg)->hub;
    struct buf b;

    buf_init(&b, 0);
    mp_add_map(&b, 5);
    add_users(&b, h);
    add_workspaces(&b, h);
    add_clients(&b, h);
    mp_add_text(&b, "active_rate_limiters");
    mp_add_int(&b, loop_set_sum(h->loop->set, METRIC_RATE_HELD));
    add_limits(&b, loop_config(h->loop));
    reply_buf(call, &b);
}
