/* account: orderings are relaxed throughout. The counters guard quantities, not other memory: what they count is handed
 * between threads by the inbox, whose release and acquire order everything that matters. */
#include "base/account.h"

#include "base/memory.h"

enum { ACCOUNT_GRANT = 16 * 1024 };

struct account *account_new(struct account *parent, size_t cap_bytes)
{
    struct account *a = MEM_NEW(struct account);

    a->parent = parent ? account_ref(parent) : NULL;
    a->cap_bytes = cap_bytes;
    atomic_init(&a->used_bytes, 0);
    atomic_init(&a->kept_bytes, 0);
    atomic_init(&a->n_refs, 1);
    account_keep(a->parent, mem_taken(a));
    return a;
}

struct account *account_ref(struct account *a)
{
    unsigned before = atomic_fetch_add_explicit(&a->n_refs, 1, memory_order_relaxed);

    ASSERT(before > 0);
    return a;
}

/* Returns n bytes to every account from `a` up to the root. */
static void give_back(struct account *a, size_t n_bytes)
{
    for (; a; a = a->parent) {
        size_t before = atomic_fetch_sub_explicit(&a->used_bytes, n_bytes, memory_order_relaxed);
        ASSERT(before >= n_bytes);
    }
}

struct account *account_unref(struct account *a)
{
    if (!a)
        return NULL;
    /* acq_rel pairs with itself in the other holders: the last one sees every earlier holder's writes. */
    if (atomic_fetch_sub_explicit(&a->n_refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    ASSERT(account_used(a) == 0 && account_kept(a) == 0);
    if (a->granted_bytes)
        give_back(a->parent, a->granted_bytes);
    account_drop(a->parent, mem_taken(a));
    account_unref(a->parent);
    mem_free(a);
    return NULL;
}

int account_charge_shared(struct account *a, size_t n_bytes)
{
    for (struct account *at = a; at; at = at->parent) {
        size_t before = atomic_fetch_add_explicit(&at->used_bytes, n_bytes, memory_order_relaxed);
        if (!at->cap_bytes || (before <= at->cap_bytes && n_bytes <= at->cap_bytes - before))
            continue;
        for (struct account *undo = a; undo != at; undo = undo->parent)
            atomic_fetch_sub_explicit(&undo->used_bytes, n_bytes, memory_order_relaxed);
        atomic_fetch_sub_explicit(&at->used_bytes, n_bytes, memory_order_relaxed);
        return ACCOUNT_FULL;
    }
    return ACCOUNT_OK;
}

int account_charge(struct account *a, size_t n_bytes)
{
    size_t used = atomic_fetch_add_explicit(&a->used_bytes, n_bytes, memory_order_relaxed) + n_bytes;

    if (a->cap_bytes && (used > a->cap_bytes || used < n_bytes))
        goto refused;
    if (used <= a->granted_bytes || !a->parent)
        return ACCOUNT_OK;
    size_t need = used - a->granted_bytes;
    size_t grant = need < ACCOUNT_GRANT ? ACCOUNT_GRANT : need;
    if (account_charge_shared(a->parent, grant)) {
        /* Near a parent's cap the rounding must not be what refuses. */
        if (grant == need || account_charge_shared(a->parent, need))
            goto refused;
        grant = need;
    }
    a->granted_bytes += grant;
    return ACCOUNT_OK;
refused:
    atomic_fetch_sub_explicit(&a->used_bytes, n_bytes, memory_order_relaxed);
    return ACCOUNT_FULL;
}

void account_settle(struct account *a)
{
    size_t used = account_used(a);

    if (a->granted_bytes > used) {
        give_back(a->parent, a->granted_bytes - used);
        a->granted_bytes = used;
    }
}

void account_release(struct account *a, size_t n_bytes)
{
    size_t before = atomic_fetch_sub_explicit(&a->used_bytes, n_bytes, memory_order_relaxed);

    ASSERT(before >= n_bytes);
}

size_t account_used(const struct account *a)
{
    return atomic_load_explicit(&a->used_bytes, memory_order_relaxed);
}

void account_keep(struct account *a, size_t n_bytes)
{
    for (; a; a = a->parent)
        atomic_fetch_add_explicit(&a->kept_bytes, n_bytes, memory_order_relaxed);
}

void account_drop(struct account *a, size_t n_bytes)
{
    for (; a; a = a->parent) {
        size_t before = atomic_fetch_sub_explicit(&a->kept_bytes, n_bytes, memory_order_relaxed);
        ASSERT(before >= n_bytes);
    }
}

void account_keep_now(struct account *a, size_t *kept, size_t n_bytes)
{
    if (n_bytes > *kept)
        account_keep(a, n_bytes - *kept);
    else
        account_drop(a, *kept - n_bytes);
    *kept = n_bytes;
}

size_t account_kept(const struct account *a)
{
    return atomic_load_explicit(&a->kept_bytes, memory_order_relaxed);
}
