/* connect_authorization: decisions about one address are made one after the other on the hub loop.
 * Asking an incumbent whether it lives takes time; when the answer comes everything is decided
 * afresh, for the incumbent may be another one by then. */
#include "peer/connect_authorization.h"

#include <stdio.h>

#include "auth/verify.h"
#include "base/account.h"
#include "base/buf.h"
#include "base/held.h"
#include "base/log_event.h"
#include "base/memory.h"
#include "base/rate_counter.h"
#include "hyphad/protocol.h"
#include "peer/connect_rules.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "peer/connect_request.h"
#include "peer/lease.h"
#include "peer/workspace_lifecycle.h"
#include "peer/life.h"
#include "peer/liveness_check.h"
#include "peer/subscriptions.h"
#include "router/router.h"
#include "wire/ip.h"

/* incumbents that die and are replaced while we ask: somebody is fighting over the id */
enum { MAX_LIVENESS_CHECKS = 3 };

static void authorization_run_answer(struct loop *l, struct mail *mail)
{
    struct connect_request *j = CONTAINER_OF(mail, struct connect_request, mail);

    if (j->kind == CONNECT_REQUEST && !j->answer.close_code)
        lease_open(j->ask.hub, l, j->ask.lease,
                   &(struct lease_terms){
                       .user = j->answer.user,
                       .address = j->ask.address,
                       .expires_at = j->ask.by != CONNECT_BY_NOTHING ? j->ask.user->expires_at : 0,
                       .end = j->ask.lease_end});
    j->ask.on_answer(j);
}

static void authorization_answer(struct connect_request *j)
{
    if (j->answer.close_code)
        loop_count(j->ask.hub->loop, METRIC_LOGINS_REFUSED, 1);
    j->mail.run = authorization_run_answer;
    loop_post(j->ask.hub->loop, j->ask.asker, &j->mail);
}

/* Takes an incumbent out of every record. Its connection is told by mail; its own leave comes later
 * with an old generation and changes nothing. */
static void authorization_evict(struct hub *h, struct client *c, bool is_dead)
{
    struct handle peer = c->handle;
    char address[IP_TEXT_MAX] = "";

    if (ip_is_known(&c->origin.address))
        ip_print(&c->origin.address, address);
    loop_count(h->loop, METRIC_PEERS_SUPERSEDED, 1);
    hub_client_leave(h, c);
    if (is_dead) {
        event_client(h, c, "client_disconnected");
        router_tell_gone(h->router, h->loop, slice_of(c->full_id));
    }
    LOG_EVENT(EVENT_CLIENT_SUPERSEDED, log_text("client", c->full_id),
              log_text("user", c->user->id), log_text("address", address),
              log_int("was_dead", is_dead));
    (void)router_unbind(h->router, h->loop, slice_of(c->full_id), route_here(peer));
    (void)client_remove(&h->registry, c);
    peer_dismiss(h, peer, HYPHA_CLOSE_GOING_AWAY, "Superseded by a newer connection");
}

static void authorization_admit(struct hub *h, struct connect_request *j, struct workspace *w)
{
    struct route replaced;

    j->answer.account = hub_seat_take(h, w, j->answer.user, &j->ask.address);
    j->answer.of_workspace = account_ref(w->account);
    struct client *c = client_add(&h->registry, w, slice_of(j->ask.client_id), j->answer.user,
                                  j->ask.handle, false);
    client_pay(c, j->answer.account);
    hub_client_join(h, c);
    c->origin.address = j->ask.address;
    hub_address_take(h, &c->origin.address);
    j->answer.generation = c->generation;
    j->answer.meter = rate_counter_ref(c->meter);
    struct slice hears =
        subscriptions_enter(h->subscriptions, c, j->ask.by == CONNECT_BY_RECONNECTION);
    j->answer.hears = hears.len ? mem_copy(hears.ptr, hears.len) : NULL;
    j->answer.hears_len = hears.len;
    /* Routable before the client is told its name (W-024). */
    (void)router_bind(h->router, h->loop, slice_of(c->full_id), route_here(j->ask.handle),
                      &replaced);
    authorization_answer(j);
}

static void authorization_consider(struct hub *h, struct connect_request *j,
                                   uint64_t dead_generation);

static void on_liveness_checked(bool is_alive, void *arg)
{
    struct connect_request *j = arg;

    if (is_alive) {
        connect_request_refuse(
            j, HYPHA_CLOSE_GOING_AWAY, CONNECT_REFUSED, RULE_DUPLICATE,
            "Failed to establish connection: Client already exists and is active: "
            "%s/%s",
            j->answer.workspace, j->ask.client_id);
        authorization_answer(j);
        return;
    }
    authorization_consider(j->ask.hub, j, j->asked_generation);
}

/* Whether the incumbent of this address stands in the way. It is not asked when it gives way in any
 * case: to a reconnection token, or because it never registered and so cannot be told from a
 * connection that failed to set up. */
static bool must_ask(const struct connect_request *j, const struct client *incumbent,
                     uint64_t dead_generation)
{
    if (incumbent && j->kind == CONNECT_STREAM &&
        strcmp(j->answer.user->id, incumbent->user->id) == 0)
        return false;
    return incumbent && j->ask.by != CONNECT_BY_RECONNECTION &&
           incumbent->generation != dead_generation &&
           (incumbent->built_in || incumbent->is_virtual);
}

static void authorization_consider(struct hub *h, struct connect_request *j,
                                   uint64_t dead_generation)
{
    struct workspace *w = NULL;

    j->answer.user = user_unref(j->answer.user);
    j->answer.workspace = mem_free(j->answer.workspace);
    if (h->is_closing) { /* it was on its way when its connection was cut */
        connect_request_refuse(j, HYPHA_CLOSE_GOING_AWAY, CONNECT_LIMITED, RULE_CLOSING,
                               "Server is shutting down");
        authorization_answer(j);
        return;
    }
    if (!connect_check(h, j, &w)) {
        authorization_answer(j);
        return;
    }
    if (j->kind == CONNECT_REQUEST) {
        j->answer.account = hub_seat_account(h, w, j->answer.user, &j->ask.address);
        workspace_visited(h, w);
        authorization_answer(j);
        return;
    }
    struct buf key;
    buf_init(&key, 0);
    buf_add_fmt(&key, "%s/%s", w->id, j->ask.client_id);
    struct client *incumbent = client_find_any(&h->registry, buf_slice(&key));
    buf_deinit(&key);
    /* of one that was removed, and has been made again */
    if (incumbent && incumbent->workspace != w) {
        authorization_evict(h, incumbent, true);
        incumbent = NULL;
    }
    if (must_ask(j, incumbent, dead_generation)) {
        j->asked_generation = incumbent->generation;
        if (incumbent->is_virtual || j->n_liveness_checks++ >= MAX_LIVENESS_CHECKS)
            on_liveness_checked(true, j);
        else
            liveness_check(h, incumbent->handle, on_liveness_checked, j);
        return;
    }
    if (!connect_check_limits(h, j, w, incumbent)) {
        workspace_client_left(h, w);
        authorization_answer(j);
        return;
    }
    if (incumbent)
        authorization_evict(h, incumbent, j->ask.by != CONNECT_BY_RECONNECTION);
    authorization_admit(h, j, w);
}

static void authorization_on_verified(struct token *token, const char *error, void *arg)
{
    struct connect_request *j = arg;

    if (token) {
        connect_request_take_user(j, token);
        authorization_consider(j->ask.hub, j, 0);
        return;
    }
    connect_request_refuse(j, HYPHA_CLOSE_POLICY, CONNECT_TOKEN_ERROR, RULE_TOKEN, "%s%s",
                           j->kind == CONNECT_REQUEST ? "" : "Authentication error: ", error);
    authorization_answer(j);
}

/* Who comes is not known before the answer, so the network they come from has the share. */
static void verify_foreign(struct connect_request *j)
{
    char address[IP_TEXT_MAX];

    ip_network_print(&j->ask.address, address);
    verifier_ask(
        j->ask.hub->verifier,
        &(struct verify_question){slice_of(j->ask.foreign_token), slice_of(address),
                                  j->kind == CONNECT_REQUEST ? VERIFY_TO_ACT : VERIFY_TO_CONNECT},
        authorization_on_verified, j);
}

static void wait_for_hub(struct hub *h, struct connect_request *j)
{
    j->mail.next = NULL;
    *h->early_end = &j->mail;
    h->early_end = &j->mail.next;
}

static void run_ask(struct loop *l, struct mail *mail)
{
    struct connect_request *j = CONTAINER_OF(mail, struct connect_request, mail);

    LOOP_ASSERT(l);
    if (!j->ask.hub->is_open && !j->ask.hub->is_closing)
        wait_for_hub(j->ask.hub, j);
    else if (!j->ask.foreign_token)
        authorization_consider(j->ask.hub, j, 0);
    else if (j->ask.hub->verifier)
        verify_foreign(j);
    else
        authorization_on_verified(NULL, "The server is not ready, please retry", j);
}

void connect_authorize(struct connect_request *j)
{
    ASSERT(j->kind != CONNECT_REQUEST || (j->ask.lease && j->ask.lease_end));
    j->mail.run = run_ask;
    loop_post(j->ask.asker, j->ask.hub->loop, &j->mail);
}

void connect_authorize_early(struct hub *h)
{
    struct mail *early = h->early;

    h->is_open = !h->is_closing;
    h->early = NULL;
    h->early_end = &h->early;
    while (early) {
        struct mail *next = early->next;
        /* a crowd after a restart takes more than a turn */
        loop_post(h->loop, h->loop, early);
        early = next;
    }
}

void connect_dry_run(struct connect_request *j)
{
    struct hub *h = j->ask.hub;
    struct workspace *w = NULL;
    SCRATCH_BUF(key, 0);

    j->is_dry_run = true;
    if (!connect_check(h, j, &w) || j->kind == CONNECT_REQUEST)
        return;
    buf_add_fmt(&key, "%s/%s", w->id, j->ask.client_id);
    (void)connect_check_limits(h, j, w, client_find(&h->registry, buf_slice(&key)));
}

struct client *connect_host_client(struct hub *h, struct slice workspace, struct slice id,
                                   const struct user *u, struct handle handle)
{
    struct workspace *w = workspace_find(&h->registry, workspace);

    ASSERT(w != NULL);
    return client_add(&h->registry, w, id, u, handle, true);
}
