/* sendq: messages waiting for one connection. Holds references, never copies. Loop-owned: that loop's thread only. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"
#include "base/msg.h"
#include "base/ring.h"
#include "base/slice.h"

struct sendq {
    struct ring msgs;           /* each slot owns one reference */
    size_t n_bytes;             /* sum of what is not yet dropped, transport headers included */
    size_t sent_of_first;       /* bytes of the oldest message already dropped */
};

void sendq_init(struct sendq *q);
void sendq_deinit(struct sendq *q);                         /* drops what is left; safe after a partial write */
void sendq_push(struct sendq *q, struct msg *m);            /* takes over the caller's reference */
/* Up to n_out runs of bytes from the front; they stay valid until sendq_drop. Returns how many. */
size_t sendq_peek(const struct sendq *q, struct slice *out, size_t n_out);
void sendq_drop(struct sendq *q, size_t n_bytes);           /* at most n_bytes of the queue */
