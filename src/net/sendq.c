/* sendq: a message is one run of bytes (small: transport header, head and payload lie together) or
 * two (a tail inside a received blob). Gathering walks the ring; nothing is copied. */
#include "net/sendq.h"

void sendq_init(struct sendq *q)
{
    ring_init(&q->msgs);
    q->n_bytes = q->sent_of_first = 0;
    q->payer = NULL;
}

/* A message leaves the queue. */
static void sendq_let_go(struct sendq *q, struct msg *m)
{
    if (m->receivers_pay)
        account_release(q->payer, msg_cost(m));
    msg_unref(m);
}

void sendq_deinit(struct sendq *q)
{
    struct msg *m;

    while ((m = ring_take(&q->msgs)))
        sendq_let_go(q, m);
    ring_deinit(&q->msgs);
    q->n_bytes = q->sent_of_first = 0;
}

static size_t wire_len(const struct msg *m)
{
    return m->frame_len + msg_len(m);
}

bool sendq_push(struct sendq *q, struct msg *m)
{
    if (m->receivers_pay && account_charge(q->payer, msg_cost(m))) {
        msg_unref(m);
        return false;
    }
    ring_push(&q->msgs, m);
    q->n_bytes += wire_len(m);
    return true;
}

size_t sendq_peek(const struct sendq *q, struct slice *out, size_t n_out)
{
    size_t n = 0, skip = q->sent_of_first;

    for (size_t i = 0; i < q->msgs.n_items && n < n_out; i++) {
        const struct msg *m = ring_at(&q->msgs, i);
        struct slice head = msg_framed_head(m);
        if (skip < head.len)
            out[n++] = slice_from(head, skip);
        skip = skip > head.len ? skip - head.len : 0;
        if (n < n_out && skip < m->tail.len)
            out[n++] = slice_from(m->tail, skip);
        skip = 0;
    }
    return n;
}

void sendq_drop(struct sendq *q, size_t n_bytes)
{
    ASSERT(n_bytes <= q->n_bytes);
    q->n_bytes -= n_bytes;
    n_bytes += q->sent_of_first;
    for (;;) {
        struct msg *m = ring_at(&q->msgs, 0);
        if (!m || n_bytes < wire_len(m))
            break;
        n_bytes -= wire_len(m);
        sendq_let_go(q, ring_take(&q->msgs));
    }
    q->sent_of_first = n_bytes;
}

bool sendq_is_waited_for(const struct sendq *q)
{
    enum { LOOKED_AT_MOST = 2048 };

    for (size_t i = 0; i < q->msgs.n_items; i++) {
        const struct msg *m = ring_at(&q->msgs, i);
        if (i == LOOKED_AT_MOST || account_is_waiting(m->account) ||
            (m->blob && account_is_waiting(m->blob->account)))
            return true;
    }
    return false;
}
