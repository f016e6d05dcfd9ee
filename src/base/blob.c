/* blob: one allocation holds the count and the bytes. The decrement is acq_rel so that the thread
 * that frees sees what the other holders did before they let go; the increment needs no order,
 * since whoever increments already holds one. */
#include "base/blob.h"

#include "base/buf.h"
#include "base/held.h"
#include "base/memory.h"
#include "base/memory_raw.h"

/* The record, with room for n_inside bytes behind it and a charge of so many more. */
static struct blob *blob_new(size_t n_inside, size_t n_beside, struct account *account)
{
    size_t size, charge;

    if (__builtin_add_overflow(sizeof(struct blob), n_inside, &size) ||
        __builtin_add_overflow(size, n_beside, &charge))
        return NULL;
    if (account_charge(account, charge) != ACCOUNT_OK)
        return NULL;
    struct blob *b = mem_try(size);
    if (!b) {
        account_release(account, charge);
        account_note_exhausted(account);
        return NULL;
    }
    b->account = account_ref(account);
    b->n_charged = charge;
    b->home = BLOB_INSIDE;
    b->data = b->inside;
    atomic_init(&b->n_refs, 1);
    return b;
}

struct blob *blob_try_new(size_t len, struct account *account)
{
    struct blob *b = blob_new(len, 0, account);

    if (b)
        b->len = len;
    return b;
}

struct blob *blob_try_grow(struct blob *b, size_t len)
{
    size_t had = b->n_charged, size;

    ASSERT(b->home == BLOB_INSIDE && len >= b->len &&
           atomic_load_explicit(&b->n_refs, memory_order_relaxed) == 1);
    if (__builtin_add_overflow(sizeof(struct blob), len, &size) ||
        account_charge(b->account, size - had) != ACCOUNT_OK)
        return NULL;
    /* By realloc, not in pages of its own as base/held.h grows: up to some megabytes a copy, mostly
     * of what is in the cache, costs half of what fresh pages do; beyond (mem_tune) the allocator
     * moves pages. */
    struct blob *grown = mem_try_resize(b, size);
    if (!grown) {
        account_release(b->account, size - had);
        account_note_exhausted(b->account);
        return NULL;
    }
    grown->data = grown->inside;
    grown->len = len;
    grown->n_charged = size;
    return grown;
}

struct blob *blob_try_adopt(struct buf *buf, struct account *account)
{
    struct blob *b = buf->is_failed ? NULL : blob_new(0, buf->account ? 0 : buf->room, account);

    if (!b)
        return NULL;
    b->home = buf->account ? BLOB_HELD : BLOB_RAW;
    b->data = buf->ptr;
    b->len = buf->len;
    buf->ptr = NULL;
    buf_deinit(buf);
    return b;
}

struct blob *blob_try_take_over(struct buf *buf, struct account *account)
{
    if (buf->account && buf->ptr) {
        if (!held_move(buf->ptr, account))
            return NULL;
        account_unref(buf->account);
        buf->account = account_ref(account);
    }
    return blob_try_adopt(buf, account);
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
    if (b->home == BLOB_HELD)
        held_free(b->data);
    else if (b->home == BLOB_RAW)
        mem_free(b->data);
    account_release(b->account, b->n_charged);
    account_unref(b->account);
    mem_free(b);
    return NULL;
}
