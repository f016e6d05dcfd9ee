/* subscription: one object travels to the peer's loop and back. */
#include "peer/subscription.h"

#include "base/memory.h"
#include "config/config.h"
#include "peer/hub.h"
#include "peer/peer.h"

struct change {
    struct mail mail;
    struct hub *hub;
    struct handle peer;
    char **types;
    size_t n_types;
    bool is_add;
    int outcome;
    void (*done)(int outcome, void *arg);
    void *arg;
};

static size_t find(const struct peer *p, const char *type)
{
    size_t i = 0;

    while (i < p->n_subscriptions && strcmp(p->subscriptions[i], type) != 0)
        i++;
    return i;
}

static int add_all(struct peer *p, struct change *c)
{
    size_t fresh = 0;

    for (size_t i = 0; i < c->n_types; i++)
        fresh += find(p, c->types[i]) == p->n_subscriptions;
    if (p->n_subscriptions + fresh > p->pl->loop->config->max_subscriptions)
        return SUBSCRIPTION_FULL;
    char **grown = mem_new((p->n_subscriptions + fresh + 1) * sizeof(char *));
    for (size_t i = 0; i < p->n_subscriptions; i++)
        grown[i] = p->subscriptions[i];
    mem_free(p->subscriptions);
    p->subscriptions = grown;
    for (size_t i = 0; i < c->n_types; i++) {
        if (find(p, c->types[i]) < p->n_subscriptions)
            continue;
        p->subscriptions[p->n_subscriptions++] = c->types[i];
        router_interest(p->pl->router, &p->endpoint, slice_of(c->types[i]), true);
        c->types[i] = NULL;
    }
    peer_account_for(p);
    return SUBSCRIPTION_OK;
}

static int remove_all(struct peer *p, struct change *c)
{
    for (size_t i = 0; i < c->n_types; i++) {
        size_t at = find(p, c->types[i]);
        if (at == p->n_subscriptions)
            continue;
        router_interest(p->pl->router, &p->endpoint, slice_of(p->subscriptions[at]), false);
        mem_free(p->subscriptions[at]);
        p->subscriptions[at] = p->subscriptions[--p->n_subscriptions];
    }
    peer_account_for(p);
    return SUBSCRIPTION_OK;
}

static void run_back(struct loop *l, struct mail *mail)
{
    struct change *c = CONTAINER_OF(mail, struct change, mail);

    (void)l;
    c->done(c->outcome, c->arg);
    for (size_t i = 0; i < c->n_types; i++)
        mem_free(c->types[i]);
    mem_free(c->types);
    mem_free(c);
}

static void run_there(struct loop *l, struct mail *mail)
{
    struct change *c = CONTAINER_OF(mail, struct change, mail);
    struct peer *p = peer_find(l, c->peer);

    if (!p)
        c->outcome = SUBSCRIPTION_NO_PEER;
    else
        c->outcome = c->is_add ? add_all(p, c) : remove_all(p, c);
    c->mail.run = run_back;
    loop_post(l, c->hub->loop, &c->mail);
}

void subscription_change(struct hub *h, struct handle peer, const struct slice *types, size_t n_types, bool is_add,
                         void (*done)(int outcome, void *arg), void *arg)
{
    struct change *c = MEM_NEW(struct change);

    *c = (struct change){.mail = {NULL, run_there}, .hub = h, .peer = peer, .n_types = n_types, .is_add = is_add, .done = done, .arg = arg};
    c->types = mem_new((n_types ? n_types : 1) * sizeof(char *));
    for (size_t i = 0; i < n_types; i++)
        c->types[i] = mem_copy(types[i].ptr, types[i].len);
    loop_post(h->loop, &h->loop->set->loops[peer.loop], &c->mail);
}
