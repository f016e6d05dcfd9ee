/* peer: what is done to one while it lives. */
#include "peer/peer.h"

#include "base/account.h"
#include "base/memory.h"

void peer_hand_over(struct peer *p, struct msg *m)
{
    /* Old clients stumble over a binary frame before connection_info. */
    if (p->state == PEER_OPEN)
        p->via->send(p, m);
    else
        ring_push(&p->early, m);
}

bool peer_wants(struct endpoint *e, struct slice type)
{
    struct peer *p = CONTAINER_OF(e, struct peer, endpoint);

    for (size_t i = 0; i < p->n_subscriptions; i++) {
        if (slice_is(type, p->subscriptions[i]))
            return true;
    }
    return false;
}

void peer_account_for(struct peer *p)
{
    size_t n = mem_taken(p) + mem_taken(p->full_id) + mem_taken(p->sender_header_bytes) +
               mem_taken(p->subscriptions);

    for (size_t i = 0; i < p->n_subscriptions; i++)
        n += mem_taken(p->subscriptions[i]);
    account_keep_now_always(p->account, &p->n_kept, n);
}

void peer_joins(struct peer *p)
{
    p->state = PEER_AUTHORIZING;
    timer_stop(p->pl->loop, &p->timer);
    list_unlink(&p->link);
    list_link(&p->pl->peers, &p->link);
}

void peer_move(struct peer *p, struct account *account)
{
    account_keep_now_always(p->account, &p->n_kept, 0);
    account_settle(p->account);
    account_unref(p->account);
    p->account = account;
}

struct peer *peer_find(struct loop *l, struct handle h)
{
    struct endpoint *e = slots_find(&l->slots, h);

    return e && e->ops->wants == peer_wants ? CONTAINER_OF(e, struct peer, endpoint) : NULL;
}
