/* liveness_check: one object travels from the hub to the peer's loop, waits there, and travels
 * back. */
#include "peer/liveness_check.h"

#include "base/memory.h"
#include "peer/hub.h"
#include "peer/peer.h"

struct liveness_check {
    struct mail mail;
    struct list link; /* in peer->liveness_checks while it waits */
    struct timer timer;
    struct hub *hub;
    struct loop *at; /* the peer's loop */
    struct handle peer;
    bool is_alive;
    void (*done)(bool is_alive, void *arg);
    void *arg;
};

static void liveness_check_run_back(struct loop *hub_loop, struct mail *mail)
{
    struct liveness_check *check = CONTAINER_OF(mail, struct liveness_check, mail);

    (void)hub_loop;
    check->done(check->is_alive, check->arg);
    mem_free(check);
}

static void liveness_check_send_back(struct liveness_check *check, bool is_alive)
{
    check->is_alive = is_alive;
    check->mail.run = liveness_check_run_back;
    loop_post(check->at, check->hub->loop, &check->mail);
}

static void liveness_check_on_due(struct timer *t)
{
    struct liveness_check *check = CONTAINER_OF(t, struct liveness_check, timer);

    list_unlink(&check->link);
    liveness_check_send_back(check, false);
}

static void liveness_check_run_there(struct loop *l, struct mail *mail)
{
    struct liveness_check *check = CONTAINER_OF(mail, struct liveness_check, mail);
    struct peer *p = peer_find(l, check->peer);

    check->at = l;
    if (!p || p->state != PEER_OPEN) {
        liveness_check_send_back(check, false);
        return;
    }
    p->via->ping(p);
    list_link(&p->liveness_checks, &check->link);
    timer_start(l, &check->timer, LIVENESS_TIMEOUT_MS);
}

void liveness_check(struct hub *h, struct handle peer, void (*done)(bool is_alive, void *arg),
                    void *arg)
{
    struct liveness_check *check = MEM_NEW(struct liveness_check);

    *check = (struct liveness_check){
        .mail = {NULL, liveness_check_run_there}, .hub = h, .peer = peer, .done = done, .arg = arg};
    list_init(&check->link);
    timer_init(&check->timer, liveness_check_on_due);
    loop_post(h->loop, &h->loop->set->loops[peer.loop], &check->mail);
}

void liveness_settle(struct peer *p, bool is_alive)
{
    while (!list_is_empty(&p->liveness_checks)) {
        struct liveness_check *check =
            LIST_ENTRY(p->liveness_checks.next, struct liveness_check, link);
        list_unlink(&check->link);
        timer_stop(check->at, &check->timer);
        liveness_check_send_back(check, is_alive);
    }
}
