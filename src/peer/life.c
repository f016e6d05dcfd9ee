/* life: it stands above what a peer has under way (liveness checks, uploads, watches, the login),
 * each of which it ends and none of which ends it. */
#include "peer/life.h"

#include <stdio.h>
#include <string.h>

#include "base/account.h"
#include "base/buf.h"
#include "base/held.h"
#include "base/memory.h"
#include "base/rate_counter.h"
#include "config/config.h"
#include "hyphad/protocol.h"
#include "peer/hub.h"
#include "peer/connect_request.h"
#include "peer/lease.h"
#include "peer/leave.h"
#include "peer/login_queue.h"
#include "peer/peer.h"
#include "peer/pressure.h"
#include "peer/liveness_check.h"
#include "peer/refresh.h"
#include "peer/uploads.h"
#include "peer/watch.h"

static void life_on_deliver(struct endpoint *e, struct msg *m)
{
    struct peer *p = CONTAINER_OF(e, struct peer, endpoint);

    if (m->is_chunk)
        upload_take(p, m);
    else
        peer_hand_over(p, m);
}

static void on_overdrawn(struct endpoint *e, struct msg *refusal)
{
    peer_overdrawn(CONTAINER_OF(e, struct peer, endpoint), refusal);
}

static const struct endpoint_ops endpoint_ops = {
    .deliver = life_on_deliver, .overdrawn = on_overdrawn, .wants = peer_wants};

static void peer_refuse_late(struct peer *p)
{
    loop_count(p->pl->loop, METRIC_LOGINS_TIMED_OUT, 1);
    peer_refuse(p, &(struct peer_refusal){.outcome = CONNECT_REFUSED,
                                          .code = HYPHA_CLOSE_POLICY,
                                          .rule = config_names.login_timeout_ms,
                                          .text = SLICE_LIT("Authentication payload timeout")});
}

static void life_on_timer(struct timer *t)
{
    struct peer *p = CONTAINER_OF(t, struct peer, timer);
    uint64_t idle_ms = loop_config(p->pl->loop)->ws_idle_timeout_ms;

    if (p->state == PEER_NEW) {
        peer_refuse_late(p);
        return;
    }
    if (p->state != PEER_OPEN || !idle_ms)
        return;
    uint64_t silent = p->via->silent_ms(p);
    if (silent < idle_ms) {
        timer_start(p->pl->loop, &p->timer, idle_ms - silent);
        return;
    }
    char text[64];
    int n =
        snprintf(text, sizeof(text), "Idle timeout (%llus)", (unsigned long long)(idle_ms / 1000));
    loop_count(p->pl->loop, METRIC_WS_IDLE_CLOSED, 1);
    peer_refuse(p, &(struct peer_refusal){.code = HYPHA_CLOSE_GOING_AWAY,
                                          .text = slice_make(text, (size_t)n)});
}

static struct list *greeting_of(const struct peer_loop *pl)
{
    return &pl->hub->leases[pl->loop->index].greeting;
}

struct peer *peer_new(struct peer_loop *pl, const struct peer_transport *via, struct account *payer)
{
    const struct config *config = loop_config(pl->loop);
    struct peer *p = MEM_NEW(struct peer);

    p->pl = pl;
    p->via = via;
    p->since_s = (uint32_t)(loop_now_ms(pl->loop) / 1000);
    p->account = account_new_leaf(payer, ACCOUNT_PEER, config->peer_bytes);
    p->endpoint.ops = &endpoint_ops;
    router_attach(pl->router, pl->loop, &p->endpoint);
    list_init(&p->link);
    list_init(&p->liveness_checks);
    list_init(&p->drawing);
    list_link(greeting_of(pl), &p->link);
    ring_init(&p->early);
    pressure_start(p);
    timer_init(&p->timer, life_on_timer);
    timer_start(pl->loop, &p->timer, config->login_timeout_ms);
    pl->n_logins++;
    peer_account_for(p);
    return p;
}

void peer_free(struct peer *p)
{
    struct peer_loop *pl = p->pl;
    struct msg *m;

    ASSERT(!p->conn);
    timer_stop(pl->loop, &p->timer);
    pressure_forget(p);
    liveness_settle(p, false);
    watch_forget_all(p);
    uploads_forget(p);
    p->scan = held_free(p->scan);
    for (size_t i = 0; i < p->n_subscriptions; i++) {
        router_interest(pl->router, &p->endpoint, slice_of(p->subscriptions[i]), false);
        mem_free(p->subscriptions[i]);
    }
    mem_free(p->subscriptions);
    router_detach(pl->router, &p->endpoint);
    list_unlink(&p->link);
    if (p->state == PEER_OPEN) {
        leave_tell(pl->hub, pl->loop, slice_of(p->full_id), p->generation);
        loop_count(pl->loop, p->via->open, -1);
        loop_count(pl->loop, METRIC_PEERS, -1);
    } else {
        pl->n_logins--;
        login_queue_wake(pl);
    }
    while ((m = ring_take(&p->early)))
        router_bounce(pl->router, pl->loop, m);
    ring_deinit(&p->early);
    user_unref(p->user);
    rate_counter_unref(p->meter);
    peer_move(p, NULL);
    mem_free(p->sender_header_bytes);
    mem_free(p->full_id);
    mem_free(p);
}

void peer_gone(struct peer *p, const char *why)
{
    peer_log_end(p, slice_of(why));
    peer_free(p);
}

static void close_peer(struct peer *p, unsigned code, struct slice reason)
{
    peer_log_end(p, reason);
    p->via->close(p, code, reason);
    peer_free(p);
}

void peer_refuse(struct peer *p, const struct peer_refusal *r)
{
    if (p->state == PEER_OPEN)
        peer_log_end(p, r->text);
    else
        peer_log_refused(p, &r->claim, r->rule, r->text);
    p->via->refuse(p, r->outcome, r->code, r->text);
    peer_free(p);
}

struct dismiss_mail {
    struct mail mail;
    struct handle peer;
    unsigned code;
    char reason[HYPHA_CLOSE_REASON_MAX + 1];
};

static void run_dismiss(struct loop *l, struct mail *mail)
{
    struct dismiss_mail *m = CONTAINER_OF(mail, struct dismiss_mail, mail);
    struct peer *p = peer_find(l, m->peer);

    if (p)
        close_peer(p, m->code, slice_of(m->reason));
    mem_free(m);
}

static void dismiss_later(struct loop *from, struct handle peer, unsigned code, const char *reason)
{
    struct dismiss_mail *m = MEM_NEW(struct dismiss_mail);

    *m = (struct dismiss_mail){.mail = {NULL, run_dismiss}, .peer = peer, .code = code};
    struct slice cut = slice_utf8_prefix(slice_of(reason), HYPHA_CLOSE_REASON_MAX);
    memcpy(m->reason, cut.ptr, cut.len);
    loop_post(from, &from->set->loops[peer.loop], &m->mail);
}

void peer_dismiss(struct hub *h, struct handle peer, unsigned code, const char *reason)
{
    dismiss_later(h->loop, peer, code, reason);
}

void peer_overdrawn(struct peer *p, struct msg *refusal)
{
    bool takes_all = p->state == PEER_OPEN && !p->via->waiting(p);

    if (refusal && takes_all) {
        p->via->send(p, refusal);
        return;
    }
    msg_unref(refusal);
    if (p->is_overdrawn)
        return;
    p->is_overdrawn = true;
    loop_count(p->pl->loop, METRIC_WS_SLOW_CONSUMERS, 1);
    peer_log_slow(p, p->via->waiting(p));
    dismiss_later(p->pl->loop, p->endpoint.handle, HYPHA_CLOSE_TRY_AGAIN, "Answers were not taken");
}

void peer_loop_init(struct peer_loop *pl, struct loop *loop, struct router *router, struct hub *hub)
{
    *pl = (struct peer_loop){.loop = loop, .router = router, .hub = hub};
    list_init(&pl->peers);
    login_queue_init(pl);
    refresh_init(pl);
    pressure_init(pl);
    watch_loop_init(pl);
}

void peer_loop_deinit(struct peer_loop *pl)
{
    ASSERT(list_is_empty(&pl->peers));
    login_queue_deinit(pl);
    refresh_deinit(pl);
    timer_stop(pl->loop, &pl->look_again);
    timer_stop(pl->loop, &pl->settle);
    watch_loop_deinit(pl);
}

void peer_loop_refuse(struct peer_loop *pl)
{
    LOOP_ASSERT(pl->loop);
    pl->is_draining = true;
    login_queue_wake(pl);
}

size_t peer_loop_drain(struct peer_loop *pl, size_t n, unsigned code, struct slice reason)
{
    struct list *const all[] = {greeting_of(pl), &pl->peers};
    size_t left = 0;

    peer_loop_refuse(pl);
    for (size_t k = 0; k < ARRAY_LEN(all); k++) {
        LIST_FOREACH (it, all[k]) {
            left++;
        }
    }
    size_t todo = n && n < left ? n : left;
    /* The end of one may be the end of another, so what was counted is only the most there can
     * be. */
    for (size_t i = 0, k = 0; i < todo && k < ARRAY_LEN(all);) {
        if (list_is_empty(all[k])) {
            k++;
            continue;
        }
        close_peer(LIST_ENTRY(all[k]->next, struct peer, link), code, reason);
        i++;
    }
    return left - todo;
}
