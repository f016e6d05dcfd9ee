/* admission: decisions about one address are made one after the other on the hub loop. Asking an incumbent whether it lives takes
 * time; when the answer comes everything is decided afresh, for the incumbent may be another one by then. */
#include "peer/admission.h"

#include <stdio.h>

#include "auth/verify.h"
#include "base/account.h"
#include "base/buf.h"
#include "base/held.h"
#include "base/log_event.h"
#include "base/memory.h"
#include "base/meter.h"
#include "hyphad/protocol.h"
#include "peer/admission_rules.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "peer/lease.h"
#include "peer/lodging.h"
#include "peer/peer.h"
#include "peer/probe.h"
#include "peer/subscriptions.h"
#include "router/router.h"
#include "wire/ip.h"

enum { MAX_PROBES = 3 };        /* incumbents that die and are replaced while we ask: somebody is fighting over the id */

struct join *join_new(struct account *payer, struct slice client_id, struct slice workspace)
{
    struct join *j = held_new(sizeof(*j), payer);

    if (!j)
        return NULL;
    j->payer = account_ref(payer);
    j->client_id = held_copy(client_id.ptr, client_id.len, payer);
    j->workspace = workspace.ptr ? held_copy(workspace.ptr, workspace.len, payer) : NULL;
    return j->client_id && (j->workspace || !workspace.ptr) ? j : join_free(j);
}

struct join *join_free(struct join *j)
{
    if (j) {
        held_free(j->client_id);
        held_free(j->workspace);
        mem_free(j->workspace_id);
        held_free(j->foreign_token);
        user_unref(j->user);
        user_unref(j->joined);
        account_unref(j->account);
        meter_unref(j->meter);
        mem_free(j->hears);
        mem_free(j->imagined);
        account_unref(j->payer);
        held_free(j);
    }
    return NULL;
}

static void take(struct join *j, const struct token *token)
{
    j->user = token->user;
    j->has_workspace_claim = token->has_workspace;
    j->has_client_claim = token->has_client_id;
}

bool join_take_token(struct join *j, struct slice text, char *ret_error)
{
    struct token token;
    int r = token_parse(j->hub->keys, text, &token, ret_error);

    j->has_token = true;
    if (r == TOKEN_OK)
        take(j, &token);
    else if (r == TOKEN_FOREIGN && text.len <= TOKEN_MAX && !slice_has_byte(text, '\0'))
        j->foreign_token = held_copy(text.ptr, text.len, j->payer);
    if (r == TOKEN_FOREIGN && !j->foreign_token)
        (void)snprintf(ret_error, TOKEN_ERROR_MAX, "There is no room for the token, please retry");
    return j->user || j->foreign_token;
}

static void run_answer(struct loop *l, struct mail *mail)
{
    struct join *j = CONTAINER_OF(mail, struct join, mail);

    if (j->is_http && !j->close_code)
        lease_open(j->hub, l, j->lease,
                   &(struct lease_terms){.user = j->joined,
                                         .address = j->address,
                                         .expires_at = j->has_token ? j->user->expires_at : 0,
                                         .end = j->lease_end});
    j->on_answer(j);
}

static void answer(struct join *j)
{
    if (j->close_code)
        loop_count(j->hub->loop, METRIC_LOGINS_REFUSED, 1);
    j->mail.run = run_answer;
    loop_post(j->hub->loop, j->asker, &j->mail);
}

/* Takes an incumbent out of every record. Its connection is told by mail; its own leave comes later with an old generation and
 * changes nothing. */
static void evict(struct hub *h, struct client *c, bool is_dead)
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
    LOG_EVENT(EVENT_CLIENT_SUPERSEDED, log_text("client", c->full_id), log_text("user", c->user->id), log_text("address", address),
              log_int("was_dead", is_dead));
    (void)router_unbind(h->router, h->loop, slice_of(c->full_id), peer);
    (void)client_remove(&h->registry, c);
    peer_dismiss(h, peer, HYPHA_CLOSE_GOING_AWAY, "Superseded by a newer connection");
}

static void admit(struct hub *h, struct join *j, struct workspace *w)
{
    struct handle replaced;

    j->account = hub_seat_take(h, w, j->joined, &j->address);
    struct client *c = client_add(&h->registry, w, slice_of(j->client_id), j->joined, j->handle, false);
    client_pay(c, j->account);
    hub_client_join(h, c);
    c->origin.address = j->address;
    hub_address_take(h, &c->origin.address);
    j->generation = c->generation;
    j->meter = meter_ref(c->meter);
    struct slice hears = subscriptions_enter(h->subscriptions, c, j->is_reconnection);
    j->hears = hears.len ? mem_copy(hears.ptr, hears.len) : NULL;
    j->hears_len = hears.len;
    /* Routable before the client is told its name (W-024). */
    (void)router_bind(h->router, h->loop, slice_of(c->full_id), j->handle, &replaced);
    answer(j);
}

static void consider(struct hub *h, struct join *j, uint64_t dead_generation);

static void on_probed(bool is_alive, void *arg)
{
    struct join *j = arg;

    if (is_alive) {
        join_refuse(j, HYPHA_CLOSE_GOING_AWAY, JOIN_REFUSED, RULE_DUPLICATE, "Failed to establish connection: Client already exists and is active: "
                    "%s/%s", j->workspace_id, j->client_id);
        answer(j);
        return;
    }
    consider(j->hub, j, j->asked_generation);
}

/* Whether the incumbent of this address stands in the way. It is not asked when it gives way in any case: to a reconnection
 * token, or because it never registered and so cannot be told from a connection that failed to set up (1.9). */
static bool must_ask(const struct join *j, const struct client *incumbent, uint64_t dead_generation)
{
    if (incumbent && j->replaces_own && strcmp(j->joined->id, incumbent->user->id) == 0)
        return false;
    return incumbent && !j->is_reconnection && incumbent->generation != dead_generation && (incumbent->built_in || incumbent->is_virtual);
}

static void consider(struct hub *h, struct join *j, uint64_t dead_generation)
{
    struct workspace *w = NULL;

    j->joined = user_unref(j->joined);
    j->workspace_id = mem_free(j->workspace_id);
    if (h->is_closing) {    /* it was on its way when its connection was cut */
        join_refuse(j, HYPHA_CLOSE_GOING_AWAY, JOIN_LIMITED, RULE_CLOSING, "Server is shutting down");
        answer(j);
        return;
    }
    if (!admission_check(h, j, &w)) {
        answer(j);
        return;
    }
    if (j->is_http) {
        j->account = hub_seat_account(h, w, j->joined, &j->address);
        lodging_visited(h, w);
        answer(j);
        return;
    }
    struct buf key;
    buf_init(&key, 0);
    buf_add_fmt(&key, "%s/%s", w->id, j->client_id);
    struct client *incumbent = client_find_any(&h->registry, buf_slice(&key));
    buf_deinit(&key);
    if (incumbent && incumbent->workspace != w) {   /* of one that was removed, and has been made again */
        evict(h, incumbent, true);
        incumbent = NULL;
    }
    if (must_ask(j, incumbent, dead_generation)) {
        j->asked_generation = incumbent->generation;
        if (incumbent->is_virtual || j->n_probes++ >= MAX_PROBES)
            on_probed(true, j);
        else
            probe_ask(h, incumbent->handle, on_probed, j);
        return;
    }
    if (!admission_check_limits(h, j, w, incumbent)) {
        lodging_left(h, w);
        answer(j);
        return;
    }
    if (incumbent)
        evict(h, incumbent, !j->is_reconnection);
    admit(h, j, w);
}

static void on_verified(struct token *token, const char *error, void *arg)
{
    struct join *j = arg;

    if (token) {
        take(j, token);
        consider(j->hub, j, 0);
        return;
    }
    join_refuse(j, HYPHA_CLOSE_POLICY, JOIN_TOKEN_ERROR, RULE_TOKEN, "%s%s", j->is_http ? "" : "Authentication error: ", error);
    answer(j);
}

/* Who comes is not known before the answer, so the network they come from has the share. */
static void verify_foreign(struct join *j)
{
    char address[IP_TEXT_MAX];

    ip_network_print(&j->address, address);
    verifier_ask(j->hub->verifier,
                 &(struct verify_question){slice_of(j->foreign_token), slice_of(address), j->is_http ? VERIFY_TO_ACT : VERIFY_TO_CONNECT},
                 on_verified, j);
}

static void run_ask(struct loop *l, struct mail *mail)
{
    struct join *j = CONTAINER_OF(mail, struct join, mail);

    LOOP_ASSERT(l);
    if (!j->foreign_token)
        consider(j->hub, j, 0);
    else if (j->hub->verifier)
        verify_foreign(j);
    else
        on_verified(NULL, "The server is not ready, please retry", j);
}

void admission_ask(struct join *j)
{
    ASSERT(!j->is_http || (j->lease && j->lease_end));
    j->mail.run = run_ask;
    loop_post(j->asker, j->hub->loop, &j->mail);
}

struct leave_mail {
    struct mail mail;
    struct hub *hub;
    uint64_t generation;
    size_t id_len;
    char id[];
};

static void run_leave(struct loop *l, struct mail *mail)
{
    struct leave_mail *m = CONTAINER_OF(mail, struct leave_mail, mail);
    struct hub *h = m->hub;
    struct client *c = client_find_any(&h->registry, slice_make(m->id, m->id_len));

    if (c && c->generation == m->generation) {
        (void)router_unbind(h->router, l, slice_of(c->full_id), c->handle);
        hub_client_leave(h, c);
        event_client(h, c, "client_disconnected");
        router_tell_gone(h->router, l, slice_of(c->full_id));
        struct workspace *w = client_remove(&h->registry, c);
        if (w)
            lodging_left(h, w);
    }
    mem_free(m);
}

void admission_leave(struct hub *h, struct loop *from, struct slice full_id, uint64_t generation)
{
    struct leave_mail *m = mem_new(sizeof(*m) + full_id.len);

    *m = (struct leave_mail){{NULL, run_leave}, h, generation, full_id.len};
    memcpy(m->id, full_id.ptr, full_id.len);
    loop_post(from, h->loop, &m->mail);
}

void admission_rehearse(struct join *j)
{
    struct hub *h = j->hub;
    struct workspace *w = NULL;
    struct buf key;

    j->is_rehearsal = true;
    if (!admission_check(h, j, &w) || j->is_http)
        return;
    buf_init(&key, 0);
    buf_add_fmt(&key, "%s/%s", w->id, j->client_id);
    (void)admission_check_limits(h, j, w, client_find(&h->registry, buf_slice(&key)));
    buf_deinit(&key);
}

struct client *admission_host(struct hub *h, struct slice workspace, struct slice id, const struct user *u, struct handle handle)
{
    struct workspace *w = workspace_find(&h->registry, workspace);

    ASSERT(w != NULL);
    return client_add(&h->registry, w, id, u, handle, true);
}
