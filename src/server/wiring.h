/* wiring: every part of a running server and how they hang together. main thread, but for what is
 * marked. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth/token.h"
#include "http/http_conn.h"
#include "http/feature_set.h"
#include "http/payers.h"
#include "loop/loop.h"
#include "peer/hub.h"
#include "peer/peer.h"
#include "rpc/rpc.h"
#include "server/limits_log.h"
#include "server/pid_file.h"
#include "server/trim.h"
#include "store/data_dir.h"

struct admin_port;
struct config;
struct listener;
struct listener_options;
struct manager;
struct rpc_watch;
struct shares;

struct server {
    const struct config *config;
    uint64_t started_ms;
    struct admin_port *admin_port; /* NULL without --admin-listen */
    struct shares *shares;         /* the places for its sockets */
    struct listener *listener;
    uint16_t port;
    char *local_url, *public_url; /* owned */
    struct data_dir data_dir;
    struct pid_file pid_file;
    /* owned; the secret is wiped before it is freed */
    char *secret, *server_id, *manager_id;
    struct token_keys keys;
    struct server_info info;
    struct loop_set loops;
    struct metrics metrics; /* the accept thread's own */
    struct router *router;
    struct account *process, *own, *clients, *anonymous, *http, *strangers, *door;
    struct http_payers *http_payers;
    struct hub hub;
    struct rpc_settings rpc_settings;
    struct rpc_loop **rpc_loops;   /* one per loop */
    struct rpc_watch *rpc_watches; /* one per loop */
    struct peer_loop *peer_loops;  /* one per loop */
    struct http_loop *http_loops;  /* one per loop */
    /* what the sites of the loops begin as; owns the routes */
    struct http_site site;
    /* one per loop, its own: a reload changes it there */
    struct http_site *sites;
    struct feature_set features;
    struct feature_context feature_context;
    struct trim trim;             /* hub loop */
    struct limits_log limits_log; /* hub loop */
    struct manager *manager;      /* hub loop */
    /* any thread: eventfd that wakes the accept thread */
    int wake_fd;
    atomic_int phase; /* any thread: enum server_phase */
    /* outlives the server: its texts stand in keys, info and settings */
    const struct config *first_config;
    atomic_bool hub_is_closed; /* any thread: the store has written everything */
};

/* Each step undone by server_unwire, whatever was reached. False: the error is logged and ready to
 * exit with 1. */
bool server_bind(struct server *s); /* listener and URLs */
/* Listens there, or logs why not. */
MUST_CHECK bool server_listen(const struct listener_options *options, const char *host,
                              uint16_t port, struct listener **ret, uint16_t *ret_port);
/* The URL a client on this machine can use, wildcards become the loopback address. The caller frees
 * it. */
char *server_url_of(const char *host, uint16_t port, const char *base_path);
bool server_open_data(struct server *s); /* data folder, secret, ids */
/* loops, router, hub, rooms; threads not running yet */
bool server_wire(struct server *s);
/* On the hub loop, by mail: reads what is kept, opens the hub's own services, then the phase is
 * READY or FAILED. */
void server_open_hub(struct server *s);
void server_close_hub(struct server *s); /* by mail too; sets hub_is_closed */
void server_unwire(struct server *s);
/* caps, origins, proxies; on the site's loop */
void server_set_site(struct http_site *site, const struct config *c);
struct log_options server_log_options(const struct config *c);
void server_wake(struct server *s);                 /* any thread */
void server_wait(struct server *s, int timeout_ms); /* sleeps until woken or so long */
static inline enum server_phase server_phase(struct server *s)
{
    return (enum server_phase)atomic_load_explicit(&s->phase, memory_order_acquire);
}
