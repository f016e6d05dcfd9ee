/* subscription: one object travels to the peer's loop and back. */
#include "peer/subscription.h"

#include "base/memory.h"
#include "peer/hub.h"
#include "peer/peer.h"
#include "peer/subscriptions.h"
#include "wire/mp.h"

struct change {
    struct mail mail;
    struct hub *hub;
    struct handle peer;
    uint64_t generation;
    char *full_id; /* owned: of the client */
    char **types;
    size_t n_types;
    bool is_add;
    int outcome;
    void (*done)(int outcome, void *arg);
    void *arg;
};

static size_t subscription_find(const struct peer *p, struct slice type)
{
    size_t i = 0;

    while (i < p->n_subscriptions && !slice_is(type, p->subscriptions[i]))
        i++;
    return i;
}

/* Room for so many more. */
static void subscription_grow(struct peer *p, size_t n_more)
{
    char **grown = mem_new((p->n_subscriptions + n_more + 1) * sizeof(char *));

    for (size_t i = 0; i < p->n_subscriptions; i++)
        grown[i] = p->subscriptions[i];
    mem_free(p->subscriptions);
    p->subscriptions = grown;
}

/* Once, however often it is asked for. */
static void add_one(struct peer *p, struct slice type)
{
    if (subscription_find(p, type) < p->n_subscriptions)
        return;
    p->subscriptions[p->n_subscriptions++] = mem_copy(type.ptr, type.len);
    router_interest(p->pl->router, &p->endpoint, type, true);
}

static void subscription_add_all(struct peer *p, const struct change *c)
{
    subscription_grow(p, c->n_types);
    for (size_t i = 0; i < c->n_types; i++)
        add_one(p, slice_of(c->types[i]));
}

static void subscription_remove_all(struct peer *p, const struct change *c)
{
    for (size_t i = 0; i < c->n_types; i++) {
        size_t at = subscription_find(p, slice_of(c->types[i]));
        if (at == p->n_subscriptions)
            continue;
        router_interest(p->pl->router, &p->endpoint, slice_of(p->subscriptions[at]), false);
        mem_free(p->subscriptions[at]);
        p->subscriptions[at] = p->subscriptions[--p->n_subscriptions];
    }
}

void subscription_restore(struct peer *p, struct slice types)
{
    struct slice rest = types, item, text;
    size_t n = 0;

    while (rest.len && mp_take(&rest, 0, &item) == MP_OK)
        n++;
    if (!n)
        return;
    subscription_grow(p, n);
    while (types.len && mp_take(&types, 0, &item) == MP_OK) {
        if (mp_get_str(item, &text))
            add_one(p, text);
    }
    peer_account_for(p);
}

static void subscription_finish(struct change *c, int outcome)
{
    c->done(outcome, c->arg);
    for (size_t i = 0; i < c->n_types; i++)
        mem_free(c->types[i]);
    mem_free(c->types);
    mem_free(c->full_id);
    mem_free(c);
}

static void subscription_run_back(struct loop *l, struct mail *mail)
{
    struct change *c = CONTAINER_OF(mail, struct change, mail);
    const struct client *now = client_find(&c->hub->registry, slice_of(c->full_id));

    (void)l;
    /* A connection that has taken over meanwhile was given the set as it is. */
    if (c->outcome == SUBSCRIPTION_NO_PEER && now && now->generation != c->generation)
        c->outcome = SUBSCRIPTION_OK;
    subscription_finish(c, c->outcome);
}

static void subscription_run_there(struct loop *l, struct mail *mail)
{
    struct change *c = CONTAINER_OF(mail, struct change, mail);
    struct peer *p = peer_find(l, c->peer);

    c->outcome = p ? SUBSCRIPTION_OK : SUBSCRIPTION_NO_PEER;
    if (p && c->is_add)
        subscription_add_all(p, c);
    else if (p)
        subscription_remove_all(p, c);
    if (p)
        peer_account_for(p);
    c->mail.run = subscription_run_back;
    loop_post(l, c->hub->loop, &c->mail);
}

void subscription_change(struct hub *h, const struct client *client, const struct slice *types,
                         size_t n_types, bool is_add, void (*done)(int outcome, void *arg),
                         void *arg)
{
    int outcome = subscriptions_change(h->subscriptions, client, types, n_types, is_add);
    if (outcome != SUBSCRIPTION_OK) {
        done(outcome, arg);
        return;
    }
    struct change *c = MEM_NEW(struct change);
    *c = (struct change){.mail = {NULL, subscription_run_there},
                         .hub = h,
                         .peer = client->handle,
                         .generation = client->generation,
                         .full_id = mem_copy(client->full_id, strlen(client->full_id)),
                         .n_types = n_types,
                         .is_add = is_add,
                         .done = done,
                         .arg = arg};
    c->types = mem_new((n_types ? n_types : 1) * sizeof(char *));
    for (size_t i = 0; i < n_types; i++)
        c->types[i] = mem_copy(types[i].ptr, types[i].len);
    loop_post(h->loop, &h->loop->set->loops[client->handle.loop], &c->mail);
}
