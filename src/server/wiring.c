/* wiring: construction in the order things need each other, destruction in reverse. Nothing here
 * decides anything. */
#include "server/wiring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/account.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "config/config.h"
#include "http/serve.h"
#include "loop/offload.h"
#include "net/listener.h"
#include "net/shares.h"
#include "peer/life.h"
#include "router/router.h"
#include "server/admin_port.h"
#include "server/features.h"
#include "server/holder.h"
#include "server/hub_life.h"

enum { CALL_TIMEOUT_MS = 30000 };

static void wiring_on_socket(struct loop *loop, int fd, struct seat *seat, void *arg)
{
    struct server *s = arg;

    http_serve(&s->http_loops[loop->index], fd, seat);
}

/* The accept thread is the one that reloads, so the configuration it looks at is whole. */
static bool wiring_is_proxy(const struct in6_addr *address, void *arg)
{
    const struct server *s = arg;

    return http_site_trusts(&(struct http_site){.trusted = &s->config->trusted_proxies}, address);
}

char *server_url_of(const char *host, uint16_t port, const char *base_path)
{
    struct buf b;
    int family = config_wildcard_family(host);
    const char *shown = family == AF_INET ? "127.0.0.1" : family == AF_INET6 ? "::1" : host;

    buf_init(&b, 0);
    buf_add_fmt(&b, strchr(shown, ':') ? "http://[%s]:%u%s" : "http://%s:%u%s", shown, port,
                base_path);
    return buf_take(&b);
}

bool server_listen(const struct listener_options *options, const char *host, uint16_t port,
                   struct listener **ret, uint16_t *ret_port)
{
    int error = 0;
    int r = listener_open(options, host, port, ret, ret_port, &error);

    if (r != LISTENER_OK) {
        char reason[192], by[HOLDER_TEXT_MAX];
        struct holder holder;
        bool is_known = error == EADDRINUSE && holder_of_port(port, &holder);
        (void)snprintf(reason, sizeof(reason), "%s%s",
                       r == LISTENER_BAD_ADDRESS ? "no such address" : strerror(error),
                       holder_text(is_known, &holder, by));
        LOG(LOG_ERROR, "net", "cannot listen", log_text("host", host), log_int("port", port),
            log_text("reason", reason));
        return false;
    }
    LOG(LOG_INFO, "net", "listening", log_text("host", host), log_int("port", *ret_port));
    return true;
}

bool server_bind(struct server *s)
{
    const struct config *c = s->config;

    s->shares = shares_new(&(struct shares_options){.loops = &s->loops,
                                                    .n_loops = c->threads,
                                                    .n_places = c->max_connections,
                                                    .share_percent = c->address_share,
                                                    .n_reserve = c->reserved_connections,
                                                    .metrics = &s->metrics});
    struct listener_options options = {.loops = &s->loops,
                                       .shares = s->shares,
                                       .metrics = &s->metrics,
                                       .backlog = (int)c->backlog,
                                       .on_socket = wiring_on_socket,
                                       .is_proxy = wiring_is_proxy,
                                       .arg = s};

    if (!server_listen(&options, c->host, (uint16_t)c->port, &s->listener, &s->port))
        return false;
    s->local_url = server_url_of(c->host, s->port, c->base_path);
    s->public_url = c->public_base_url ? mem_copy(c->public_base_url, strlen(c->public_base_url))
                                       : mem_copy(s->local_url, strlen(s->local_url));
    return admin_port_bind(s);
}

static void make_secret(char *out, size_t room)
{
    char a[RANDOM_ID_LEN + 1], b[RANDOM_ID_LEN + 1];

    random_id(a);
    random_id(b);
    snprintf(out, room, "%s%s", a, b);
}

static void make_server_id(char *out, size_t room)
{
    char name[RANDOM_NAME_MAX];

    random_name(name);
    /* A name an operator can say; twins are excluded by the data folder, not by its entropy. */
    snprintf(out, room, "%.27s", name);
}

static bool open_texts(struct server *s, char *error)
{
    const struct config *c = s->config;

    s->secret = c->jwt_secret ? mem_copy(c->jwt_secret, strlen(c->jwt_secret))
                              : data_dir_text(&s->data_dir, DATA_DIR_SECRET, make_secret, error);
    if (!s->secret)
        return false;
    LOG(LOG_INFO, "server", "secret",
        log_text("from", c->jwt_secret ? "configuration" : "data folder"));
    s->server_id = c->server_id ? mem_copy(c->server_id, strlen(c->server_id))
                                : data_dir_text(&s->data_dir, "server-id", make_server_id, error);
    return s->server_id != NULL;
}

bool server_open_data(struct server *s)
{
    char error[DATA_DIR_ERROR_MAX] = "";
    int r = data_dir_open(s->config->data_dir, &s->data_dir, error);

    if (r != DATA_DIR_OK || !open_texts(s, error)) {
        char by[HOLDER_TEXT_MAX];
        struct holder holder;
        bool is_known = r == DATA_DIR_LOCKED && holder_of_lock(s->config->data_dir, &holder);
        SCRATCH_BUF(reason, 0);
        buf_add_fmt(&reason, "%s%s", error, holder_text(is_known, &holder, by));
        LOG(LOG_ERROR, "store", "data folder", log_slice("reason", buf_slice(&reason)));
        return false;
    }
    /* the configuration has warned when nobody asked for that */
    if (s->data_dir.is_temporary)
        LOG(LOG_INFO, "store", "data folder is temporary", log_text("path", s->data_dir.path));
    struct buf b;
    buf_init(&b, 0);
    buf_add_fmt(&b, "manager-%s", s->server_id);
    s->manager_id = buf_take(&b);
    return true;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static void fill_info(struct server *s)
{
    const struct config *c = s->config;

    s->keys = (struct token_keys){.secret = slice_of(s->secret),
                                  .issuer = c->auth0_issuer,
                                  .audience = c->auth0_audience,
                                  .name_space = c->auth0_namespace,
                                  .root_token = slice_of(or_empty(c->root_token)),
                                  .since_wall_ms = clock_wall_ms(),
                                  .since_ms = clock_mono_ms()};
    s->info = (struct server_info){.server_id = s->server_id,
                                   .manager_id = s->manager_id,
                                   .public_base_url = s->public_url,
                                   .local_base_url = s->local_url,
                                   .auth0_client_id = or_empty(c->auth0_client_id),
                                   .auth0_domain = or_empty(c->auth0_domain),
                                   .auth0_audience = or_empty(c->auth0_audience),
                                   .auth0_issuer = or_empty(c->auth0_issuer)};
    s->rpc_settings = (struct rpc_settings){.base_url = s->public_url,
                                            .max_pending = c->max_pending_calls,
                                            .max_chunk_keys = c->max_chunk_keys,
                                            .max_chunk_bytes = c->max_chunk_bytes,
                                            .chunk_ttl_ms = c->chunk_ttl_ms,
                                            .max_message_bytes = c->max_message_bytes,
                                            .call_timeout_ms = CALL_TIMEOUT_MS};
}

void server_set_site(struct http_site *site, const struct config *c)
{
    site->caps = (struct http_caps){.head_bytes = c->max_head_bytes,
                                    .n_headers = c->max_headers,
                                    .body_bytes = c->max_body_bytes,
                                    .anonymous_body_bytes = c->max_anonymous_body_bytes,
                                    .anonymous_inflation = c->max_anonymous_inflation,
                                    .head_timeout_ms = c->head_timeout_ms,
                                    .keepalive_timeout_ms = c->keepalive_timeout_ms,
                                    .min_rate = c->min_body_rate,
                                    .rate_window_ms = c->rate_window_ms};
    site->allow_origins = &c->allow_origins;
    site->trusted = &c->trusted_proxies;
}

/* The secret must make tokens we accept, or every login would fail one by one. It also touches the
 * code of the first login before anybody waits for it. */
static bool check_secret(const struct server *s)
{
    struct user *root = user_new_root("ws-user-root");
    char *text = token_mint(&s->keys, root, &root->scope, 60), error[TOKEN_ERROR_MAX] = "no memory";
    struct token token;
    bool ok = text && token_parse(&s->keys, slice_of(text), &token, error) == TOKEN_OK;

    if (ok)
        token_deinit(&token);
    else
        LOG(LOG_ERROR, "auth", "the signing secret makes no valid token",
            log_text("reason", error));
    mem_free(text);
    user_unref(root);
    return ok;
}

static void fill_site(struct server *s)
{
    const struct config *c = s->config;

    s->site = (struct http_site){
        .routes = features_routes(&s->features, false),
        .base_path = c->base_path,
        .account = s->http,
        .payers = s->http_payers,
        .allow = features_allow,
        .on_done = features_on_done,
        .arg = &s->features,
    };
    server_set_site(&s->site, c);
}

/* Calls that wait for a client must hear of its end. */
struct rpc_watch {
    struct router_watcher watcher;
    struct rpc_loop *rpc;
};

static void wiring_on_gone(struct router_watcher *w, struct slice address)
{
    rpc_loop_peer_gone(CONTAINER_OF(w, struct rpc_watch, watcher)->rpc, address);
}

static void wire_loop(struct server *s, unsigned i)
{
    struct loop *loop = &s->loops.loops[i];

    loop->config = s->config;
    s->rpc_loops[i] = rpc_loop_new(loop, s->router, &s->rpc_settings);
    s->rpc_watches[i] =
        (struct rpc_watch){.watcher = {.on_gone = wiring_on_gone}, .rpc = s->rpc_loops[i]};
    router_watch(s->router, loop, &s->rpc_watches[i].watcher);
    peer_loop_init(&s->peer_loops[i], loop, s->router, &s->hub);
    s->sites[i] = s->site;
    http_loop_init(&s->http_loops[i], loop, &s->sites[i]);
}

static void share_workers(struct server *s)
{
    const struct config *c = s->config;
    const struct offload_share shares[OFFLOAD_CLASSES] = {
        [OFFLOAD_STORE] = {c->offload_threads, 0},
        [OFFLOAD_CRYPTO] = {c->crypto_threads, 0},
        [OFFLOAD_BULK] = {c->bulk_threads, c->bulk_queue}};

    offload_set_shares(&s->loops, shares);
}

bool server_wire(struct server *s)
{
    unsigned n = s->config->threads;
    int r = loop_set_init(&s->loops, n);

    if (r) {
        LOG(LOG_ERROR, "loop", "cannot make event loops", log_text("reason", uv_strerror(r)));
        return false;
    }
    share_workers(s);
    metric_add(&s->metrics, METRIC_RELOAD_OK, 1);
    s->router = router_new(&s->loops, NULL);
    s->process = account_new(NULL, ACCOUNT_PROCESS, s->config->process_bytes);
    s->own = account_new(s->process, ACCOUNT_OWN, 0);
    s->clients = account_new(s->process, ACCOUNT_CLIENTS, s->config->process_bytes / 8 * 7);
    s->anonymous = account_new(s->clients, ACCOUNT_ANONYMOUS, s->config->anonymous_bytes);
    s->http = account_new(s->clients, ACCOUNT_HTTP, s->config->http_bytes);
    s->strangers = account_new(s->http, ACCOUNT_STRANGERS, s->config->http_bytes / 4 * 3);
    s->door = account_new(s->process, ACCOUNT_DOOR, s->config->process_bytes / 32);
    account_keep_reserve(s->clients);
    account_keep_reserve(s->anonymous);
    account_keep_reserve(s->http);
    account_keep_reserve(s->strangers);
    loop_set_pay(&s->loops, s->own);
    router_pay(s->router, s->process);
    shares_pay(s->shares, s->process);
    for (unsigned i = 0; i < n; i++)
        slots_pay(&s->loops.loops[i].slots, s->process);
    fill_info(s);
    hub_init(&s->hub, &s->loops.loops[0], s->router, &s->info, &s->keys, s->process);
    s->hub.clients = s->clients;
    s->hub.http = s->http;
    s->hub.strangers = s->strangers;
    s->hub.door = s->door;
    s->hub.anonymous = s->anonymous;
    s->http_payers = http_payers_new(&(struct http_payers_options){s->http, s->strangers, s->door,
                                                                   s->config->http_address_bytes});
    s->rpc_loops = mem_new(n * sizeof(*s->rpc_loops));
    s->rpc_watches = mem_new(n * sizeof(*s->rpc_watches));
    s->peer_loops = mem_new(n * sizeof(*s->peer_loops));
    s->http_loops = mem_new(n * sizeof(*s->http_loops));
    s->sites = mem_new(n * sizeof(*s->sites));
    features_make(s);
    fill_site(s);
    for (unsigned i = 0; i < n; i++)
        wire_loop(s, i);
    admin_port_wire(s);
    return features_check_routes(&s->features) && check_secret(s) && hub_life_prepare(s);
}

static void free_texts(struct server *s)
{
    if (s->secret)
        explicit_bzero(s->secret, strlen(s->secret));
    mem_free(s->secret);
    mem_free(s->server_id);
    mem_free(s->manager_id);
    mem_free(s->local_url);
    mem_free(s->public_url);
}

static void unwire_loops(struct server *s)
{
    unsigned n = s->loops.n_loops;

    hub_life_finish(s);
    loop_set_drain_after_stop(&s->loops);
    for (unsigned i = 0; i < n; i++)
        http_loop_deinit(&s->http_loops[i]);
    admin_port_unwire(s);
    hub_deinit(&s->hub); /* before its loop goes: its timers and gauges live there */
    loop_set_deinit(&s->loops);
    for (unsigned i = 0; i < n; i++) {
        peer_loop_deinit(&s->peer_loops[i]);
        rpc_loop_free(s->rpc_loops[i]);
    }
    features_free(s);
    router_free(s->router);
    http_payers_free(s->http_payers);
    account_unref(s->strangers);
    account_unref(s->door);
    account_unref(s->http);
    account_unref(s->anonymous);
    account_unref(s->clients);
    account_unref(s->own);
    account_unref(s->process);
    mem_free((void *)(uintptr_t)s->site.routes.routes);
    mem_free(s->rpc_loops);
    mem_free(s->rpc_watches);
    mem_free(s->peer_loops);
    mem_free(s->http_loops);
    mem_free(s->sites);
}

void server_unwire(struct server *s)
{
    s->listener = listener_close(s->listener);
    if (s->loops.loops && s->router)
        unwire_loops(s);
    admin_port_free(s);
    s->shares = shares_free(s->shares);
    if (s->data_dir.path)
        data_dir_close(&s->data_dir);
    free_texts(s);
}
