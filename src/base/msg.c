/* msg: see blob.c for why the count's orderings are what they are. */
#include "base/msg.h"

#include "base/memory.h"
#include "base/memory_raw.h"

static size_t msg_footprint(size_t head_len)
{
    return sizeof(struct msg) + MSG_SPARE + head_len;
}

struct msg *msg_try_new(size_t head_len, struct account *account)
{
    if (head_len > SIZE_MAX / 2)
        return NULL;
    if (account_charge(account, msg_footprint(head_len)) != ACCOUNT_OK)
        return NULL;
    struct msg *m = mem_try(msg_footprint(head_len));
    if (!m) {
        account_release(account, msg_footprint(head_len));
        account_note_exhausted(account);
        return NULL;
    }
    m->blob = NULL;
    m->tail = (struct slice){NULL, 0};
    m->account = account_ref(account);
    m->head_len = head_len;
    m->frame_len = 0;
    m->is_chunk = false;
    m->is_hubs = false;
    m->receivers_pay = false;
    atomic_init(&m->n_refs, 1);
    return m;
}

size_t msg_cost(const struct msg *m)
{
    return msg_footprint(m->head_len);
}

void msg_set_tail(struct msg *m, struct blob *blob, struct slice tail)
{
    ASSERT(!m->blob && tail.ptr >= blob->data && tail.ptr + tail.len <= blob->data + blob->len);
    m->blob = blob_ref(blob);
    m->tail = tail;
}

struct msg *msg_ref(struct msg *m)
{
    unsigned before = atomic_fetch_add_explicit(&m->n_refs, 1, memory_order_relaxed);

    ASSERT(before > 0);
    return m;
}

struct msg *msg_unref(struct msg *m)
{
    if (!m || atomic_fetch_sub_explicit(&m->n_refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    blob_unref(m->blob);
    account_release(m->account, msg_footprint(m->head_len));
    account_unref(m->account);
    mem_free(m);
    return NULL;
}
