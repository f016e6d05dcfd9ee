/* probe: one object travels from the hub to the peer's loop, waits there, and travels back. */
#include "peer/probe.h"

#include "base/memory.h"
#include "peer/hub.h"
#include "peer/peer.h"

struct probe {
    struct mail mail;
    struct list link;           /* in peer->probes while it waits */
    struct timer timer;
    struct hub *hub;
    struct loop *at;            /* the peer's loop */
    struct handle peer;
    bool is_alive;
    void (*done)(bool is_alive, void *arg);
    void *arg;
};

static void run_back(struct loop *hub_loop, struct mail *mail)
{
    struct probe *probe = CONTAINER_OF(mail, struct probe, mail);

    (void)hub_loop;
    probe->done(probe->is_alive, probe->arg);
    mem_free(probe);
}

static void send_back(struct probe *probe, bool is_alive)
{
    probe->is_alive = is_alive;
    probe->mail.run = run_back;
    loop_post(probe->at, probe->hub->loop, &probe->mail);
}

static void on_due(struct timer *t)
{
    struct probe *probe = CONTAINER_OF(t, struct probe, timer);

    list_unlink(&probe->link);
    send_back(probe, false);
}

static void run_there(struct loop *l, struct mail *mail)
{
    struct probe *probe = CONTAINER_OF(mail, struct probe, mail);
    struct peer *p = peer_find(l, probe->peer);

    probe->at = l;
    if (!p || p->state != PEER_OPEN) {
        send_back(probe, false);
        return;
    }
    p->via->ping(p);
    list_link(&p->probes, &probe->link);
    timer_start(l, &probe->timer, PROBE_PATIENCE_MS);
}

void probe_ask(struct hub *h, struct handle peer, void (*done)(bool is_alive, void *arg), void *arg)
{
    struct probe *probe = MEM_NEW(struct probe);

    *probe = (struct probe){.mail = {NULL, run_there}, .hub = h, .peer = peer, .done = done, .arg = arg};
    list_init(&probe->link);
    timer_init(&probe->timer, on_due);
    loop_post(h->loop, &h->loop->set->loops[peer.loop], &probe->mail);
}

void probe_settle(struct peer *p, bool is_alive)
{
    while (!list_is_empty(&p->probes)) {
        struct probe *probe = LIST_ENTRY(p->probes.next, struct probe, link);
        list_unlink(&probe->link);
        timer_stop(probe->at, &probe->timer);
        send_back(probe, is_alive);
    }
}
