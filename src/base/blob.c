/* blob: one allocation holds the count and the bytes. The decrement is acq_rel so that the thread that frees sees what the
 * other holders did before they let go; the increment needs no order, since whoever increments already holds one. */
#include "base/blob.h"

#include "base/memory.h"
#include "base/memory_raw.h"

struct blob *blob_try_new(size_t len, struct account *account)
{
    size_t size;

    if (__builtin_add_overflow(sizeof(struct blob), len, &size))
        return NULL;
    if (account_charge(account, size) != ACCOUNT_OK)
        return NULL;
    struct blob *b = mem_try(size);
    if (!b) {
        account_release(account, size);
        return NULL;
    }
    b->account = account_ref(account);
    b->len = len;
    atomic_init(&b->n_refs, 1);
    return b;
}

struct blob *blob_ref(struct blob *b)
{
    unsigned before = atomic_fetch_add_explicit(&b->n_refs, 1, memory_order_relaxed);

    ASSERT(before > 0);
    return b;
}

struct blob *blob_unref(struct blob *b)
{
    if (!b || atomic_fetch_sub_explicit(&b->n_refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    account_release(b->account, sizeof(struct blob) + b->len);
    account_unref(b->account);
    mem_free(b);
    return NULL;
}
