/* hub_life: the hub loop reads the store (revoked tokens, blocks, workspaces, subscriptions), then
 * opens the hub's own services, then the server is ready. Each step begins in the callback of the
 * one before. */
#include "server/hub_life.h"

#include <stdio.h>
#include <string.h>

#include "auth/blocks.h"
#include "auth/revocation.h"
#include "auth/verify.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "config/config.h"
#include "manager/manager.h"
#include "peer/connect_authorization.h"
#include "peer/blocked.h"
#include "peer/workspace_lifecycle.h"
#include "peer/workspace_persistence.h"
#include "peer/subscription_load.h"
#include "peer/subscription_store.h"
#include "server/features.h"
#include "server/wiring.h"
#include "store/store.h"

enum { ASIDE_S = 30 * 24 * 3600 };

struct hub_mail {
    struct mail mail;
    struct server *server;
};

static void hub_life_post(struct server *s, void (*run)(struct loop *loop, struct mail *mail))
{
    struct hub_mail *m = MEM_NEW(struct hub_mail);

    *m = (struct hub_mail){{NULL, run}, s};
    loop_post_outside(s->hub.loop, &m->mail);
}

static struct server *hub_life_take(struct mail *mail)
{
    struct hub_mail *m = CONTAINER_OF(mail, struct hub_mail, mail);
    struct server *s = m->server;

    mem_free(m);
    return s;
}

static void hub_life_enter(struct server *s, enum server_phase phase)
{
    int starting = SERVER_STARTING;

    /* A stop signal during start wins. */
    (void)atomic_compare_exchange_strong_explicit(&s->phase, &starting, (int)phase,
                                                  memory_order_release, memory_order_relaxed);
    server_wake(s);
}

/* The process ends with 1. */
static void hub_life_give_up(struct server *s, const char *reason)
{
    LOG(LOG_ERROR, "server", "cannot go on", log_text("reason", reason));
    atomic_store_explicit(&s->phase, SERVER_FAILED, memory_order_release);
    server_wake(s);
}

static void on_store_lost(void *arg)
{
    hub_life_give_up(arg, "another server has taken over the records in Redis while this one was "
                          "paused or cut off: restart it");
}

static void make_folder_id(char *out, size_t room)
{
    char id[RANDOM_ID_LEN + 1];

    random_id(id);
    snprintf(out, room, "%s", id);
}

/* Whose the records in a Redis are: the id people know, and the data folder, which one process at a
 * time holds: so a server that was killed gets its own back at once, and another that was given the
 * same id does not. NULL: the error is filled in. */
static char *owner_name(struct server *s, char error[STORE_ERROR_MAX])
{
    char why[DATA_DIR_ERROR_MAX] = "";
    char *folder = data_dir_text(&s->data_dir, "folder-id", make_folder_id, why);
    struct buf b;

    if (!folder) {
        snprintf(error, STORE_ERROR_MAX, "%.*s", STORE_ERROR_MAX - 1, why);
        return NULL;
    }
    buf_init(&b, 0);
    buf_add_fmt(&b, "%s (%s)", s->server_id, folder);
    mem_free(folder);
    return buf_take(&b);
}

static int open_store(struct server *s, const char *path, char error[STORE_ERROR_MAX])
{
    const struct config *c = s->config;
    bool is_shared = store_is_shared(c->store);
    char *owner = is_shared ? owner_name(s, error) : NULL;
    const struct store_options options = {.where = c->store,
                                          .path = path,
                                          .owner = owner,
                                          .timeout_ms = (uint32_t)c->redis_timeout_ms,
                                          .lost = on_store_lost,
                                          .lost_arg = s};
    int r = is_shared && !owner ? STORE_FAILED
                                : store_open(s->hub.loop, &options, &s->hub.store, error);

    mem_free(owner);
    return r;
}

bool hub_life_prepare(struct server *s)
{
    const struct config *c = s->config;
    char error[STORE_ERROR_MAX] = "";
    char *path = c->database_path ? mem_copy(c->database_path, strlen(c->database_path))
                                  : data_dir_file(&s->data_dir, "hyphad.db");
    int r = open_store(s, path, error);

    if (r != STORE_OK) {
        LOG(LOG_ERROR, "store", "cannot open", log_text("reason", error));
    } else {
        LOG(LOG_INFO, "store", "store", log_text("path", path));
        s->hub.revocations = revocations_new(s->hub.loop, s->hub.store);
        s->hub.blocks = blocks_new(s->hub.loop, s->hub.store);
        blocked_follow(&s->hub);
        workspaces_make_system(&s->hub);
    }
    mem_free(path);
    return r == STORE_OK;
}

/* A record nobody can read costs itself only: it goes where an operator can still find it for a
 * while (S-41). */
static void set_aside_record(struct server *s, struct slice key, struct slice record)
{
    LOG(LOG_WARN, "store", "workspace record does not parse: put aside", log_slice("key", key));
    store_put(s->hub.store, "unreadable", key, record, clock_wall_ms() / 1000 + ASIDE_S, NULL,
              NULL);
    store_remove(s->hub.store, "workspaces", key, NULL, NULL);
}

/* The store answers in order: what the features asked of it when they opened has been answered. */
static void on_features_loaded(int outcome, struct slice bytes, void *arg)
{
    struct server *s = arg;

    (void)outcome; /* a record nobody writes: absent */
    (void)bytes;
    if (s->hub.is_closing)
        return;
    connect_authorize_early(&s->hub);
    hub_life_enter(s, SERVER_READY);
}

static void on_subscriptions(bool ok, void *arg)
{
    struct server *s = arg;

    if (s->hub.is_closing)
        return;
    if (!ok) {
        hub_life_give_up(
            s,
            "the records of subscriptions cannot be read from the store (its log line says why)");
        return;
    }
    trim_start(&s->trim, s);
    limits_log_start(&s->limits_log, s);
    s->manager = manager_new(&s->hub, s->rpc_loops[s->hub.loop->index]);
    features_open(&s->features, s->manager);
    store_get(s->hub.store, "hyphad", SLICE_LIT("opened"), on_features_loaded, s);
}

static void on_workspace(int outcome, struct slice key, struct slice record, void *arg)
{
    struct server *s = arg;

    if (s->hub.is_closing) /* told to stop during the start */
        return;
    if (outcome == STORE_OK) {
        if (!workspace_load_record(&s->hub, record))
            set_aside_record(s, key, record);
    } else if (outcome == STORE_ABSENT) {
        subscriptions_load(s->hub.subscriptions, on_subscriptions, s);
    } else {
        hub_life_give_up(
            s, "the records of workspaces cannot be read from the store (its log line says why)");
    }
}

static void on_blocks(int outcome, void *arg)
{
    struct server *s = arg;

    if (s->hub.is_closing)
        blocks_stop(s->hub.blocks); /* loading has started its timer */
    else if (outcome == BLOCK_OK)
        store_scan(s->hub.store, "workspaces", on_workspace, s);
    else
        hub_life_give_up(s, "the records of blocked users and addresses cannot be read from the "
                            "store (its log line says why)");
}

static void on_revocations(int outcome, void *arg)
{
    struct server *s = arg;

    if (s->hub.is_closing) {
        revocations_stop(s->hub.revocations); /* loading has started its timer */
        return;
    }
    if (outcome == REVOCATION_OK)
        blocks_load(s->hub.blocks, revocations_now(s->hub.revocations), on_blocks, s);
    else
        hub_life_give_up(
            s,
            "the records of revoked tokens cannot be read from the store (its log line says why)");
}

/* Tokens of others: an issuer named by its URL, or by the domain the original's variable holds. */
static struct verifier *make_verifier(const struct server *s)
{
    const struct config *c = loop_config(s->hub.loop);
    struct verifier_options options = {
        .loop = s->hub.loop, .keys = &s->keys, .issuer_url = c->oidc_issuer, .ca_file = c->ca_file};
    SCRATCH_BUF(url, 0);

    if (!c->oidc_issuer && c->auth0_domain && *c->auth0_domain) {
        buf_add_fmt(&url, "https://%s%c", c->auth0_domain, '\0');
        options.issuer_url = url.ptr;
    }
    return verifier_new(&options);
}

static void run_open(struct loop *l, struct mail *mail)
{
    struct server *s = hub_life_take(mail);

    (void)l;
    s->hub.verifier = make_verifier(s);
    revocations_load(s->hub.revocations, on_revocations, s);
}

void server_open_hub(struct server *s)
{
    hub_life_post(s, run_open);
}

static void on_store_closed(int outcome, void *arg)
{
    struct server *s = arg;

    (void)outcome; /* a failure to write has been logged by the store */
    s->hub.store = NULL;
    atomic_store_explicit(&s->hub_is_closed, true, memory_order_release);
    server_wake(s);
}

static void stop_unloading(struct hub *h)
{
    void *value;

    for (size_t at = 0; map_next(&h->registry.workspaces, &at, NULL, &value);)
        timer_stop(h->loop, &((struct workspace *)value)->unload);
}

static void run_close(struct loop *l, struct mail *mail)
{
    struct server *s = hub_life_take(mail);

    (void)l;
    s->hub.is_closing = true;
    connect_authorize_early(&s->hub);
    features_close(&s->features);
    manager_free(s->manager);
    s->manager = NULL;
    s->hub.verifier = verifier_close(s->hub.verifier);
    trim_stop(&s->trim);
    limits_log_stop(&s->limits_log);
    stop_unloading(&s->hub);
    revocations_stop(s->hub.revocations);
    blocks_stop(s->hub.blocks);
    workspaces_close_records(&s->hub);
    subscriptions_close(s->hub.subscriptions);
    store_close(s->hub.store, on_store_closed, s);
}

void server_close_hub(struct server *s)
{
    hub_life_post(s, run_close);
}

void hub_life_finish(struct server *s)
{
    if (s->hub.revocations)
        revocations_free(s->hub.revocations);
    blocks_free(s->hub.blocks);
}
