/* msg: one message on its way. A head that this hub wrote (routing map, and for small messages the
 * payload too) and an optional tail that is a part of a received blob and is never copied.
 * Immutable once posted.
 *
 *   | spare 16 | head ............ |      | tail (inside a blob) ..... |
 *        ^ the transport's frame header goes here, once, right before the head */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/account.h"
#include "base/blob.h"
#include "base/slice.h"

enum { MSG_SPARE = 16 };

struct msg {
    struct blob *blob;       /* holds a reference, or NULL */
    struct slice tail;       /* inside blob; empty without one */
    struct account *account; /* holds a reference; charged with the allocation */
    size_t head_len;
    atomic_uint n_refs;
    /* bytes of transport header that end where the head begins; 0 = not framed */
    uint8_t frame_len;
    bool is_chunk; /* a call of a client's message_cache */
    bool is_hubs;  /* the hub itself has sent it */
    /* nobody sent it (an event of the hub): each queue it waits in charges its receiver for it */
    bool receivers_pay;
    char data[]; /* MSG_SPARE bytes, then the head */
};

/* Room for a head of head_len bytes. NULL when memory is exhausted or the account refuses. */
MUST_CHECK NONNULL(2) struct msg *msg_try_new(size_t head_len, struct account *account);
/* takes its own reference to blob */
void msg_set_tail(struct msg *m, struct blob *blob, struct slice tail);
/* what its head is charged: of one whose receivers pay, to each of them */
size_t msg_cost(const struct msg *m);
struct msg *msg_ref(struct msg *m);
/* takes NULL; returns NULL; any thread */
struct msg *msg_unref(struct msg *m);

static inline char *msg_head(struct msg *m)
{
    return m->data + MSG_SPARE;
}

static inline struct slice msg_head_slice(const struct msg *m)
{
    return (struct slice){m->data + MSG_SPARE, m->head_len};
}

/* without the transport header */
static inline size_t msg_len(const struct msg *m)
{
    return m->head_len + m->tail.len;
}

/* transport header and head */
static inline struct slice msg_framed_head(const struct msg *m)
{
    return (struct slice){m->data + MSG_SPARE - m->frame_len, m->head_len + m->frame_len};
}
