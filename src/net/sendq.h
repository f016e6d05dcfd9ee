/* sendq: messages waiting for one connection. Holds references, never copies. Loop-owned: that
 * loop's thread only. A message carries its charge; one whose receivers pay is charged to the
 * queue's payer while it waits. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"
#include "base/msg.h"
#include "base/ring.h"
#include "base/slice.h"

struct sendq {
    struct ring msgs; /* each slot owns one reference */
    /* sum of what is not yet dropped, transport headers included */
    size_t n_bytes;
    size_t sent_of_first; /* bytes of the oldest message already dropped */
    /* of messages whose receivers pay; borrowed; NULL while none can come */
    struct account *payer;
};

void sendq_init(struct sendq *q);
/* drops what is left; safe after a partial write */
void sendq_deinit(struct sendq *q);
/* Takes over the caller's reference. False: the payer refused, and the message is gone. */
MUST_CHECK bool sendq_push(struct sendq *q, struct msg *m);
/* Up to n_out runs of bytes from the front; they stay valid until sendq_drop. Returns how many. */
size_t sendq_peek(const struct sendq *q, struct slice *out, size_t n_out);
void sendq_drop(struct sendq *q, size_t n_bytes); /* at most n_bytes of the queue */
/* Whether somebody who waits (account_is_waiting) has messages among the oldest here. Of a queue of
 * thousands it is taken for granted. */
bool sendq_is_waited_for(const struct sendq *q);
