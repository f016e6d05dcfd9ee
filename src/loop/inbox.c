/* inbox: a Treiber stack that is only ever emptied whole, so there is no ABA to speak of.
 *
 *   push: compare-and-swap head, release     pairs with     drain: exchange head with NULL, acquire
 *
 * What a sender wrote before its push is visible to the loop after its drain. The push that
 * replaced NULL rings; a drain that follows takes every mail pushed before it, so one bell serves
 * them all. Arrival order is the reverse of the stack. */
#include "loop/inbox.h"

bool inbox_push(_Atomic(struct mail *) *inbox, struct mail *chain)
{
    /* The chain is turned round so that reversing on arrival restores it: the newest must be on
     * top. */
    struct mail *top = NULL, *at = chain;

    while (at) {
        struct mail *next = at->next;
        at->next = top;
        top = at;
        at = next;
    }
    struct mail *head = atomic_load_explicit(inbox, memory_order_relaxed);
    do {
        chain->next = head;
    } while (!atomic_compare_exchange_weak_explicit(inbox, &head, top, memory_order_release,
                                                    memory_order_relaxed));
    return head == NULL;
}

struct mail *inbox_drain(_Atomic(struct mail *) *inbox)
{
    struct mail *at = atomic_exchange_explicit(inbox, NULL, memory_order_acquire);
    struct mail *oldest = NULL;

    while (at) {
        struct mail *next = at->next;
        at->next = oldest;
        oldest = at;
        at = next;
    }
    return oldest;
}
