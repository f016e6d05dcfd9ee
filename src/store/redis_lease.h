/* redis_lease: which server the records in a Redis belong to. The lease keeps others out while this
 * server runs; the epoch, a number that grows each time the lease is taken by a server that starts,
 * keeps this one out when another has had it since: it was paused, or cut off, for longer than the
 * lease. Every write asks for the epoch in the same script that writes, so nothing a former holder
 * still has under way arrives. The store room's own; pure but for the texts it owns. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "net/redis_link.h"

enum { REDIS_LEASE_HELD, REDIS_LEASE_OTHERS, REDIS_LEASE_LOST, REDIS_LEASE_UNKNOWN };

struct redis_lease {
    char *owner;    /* owned */
    char epoch[24]; /* "0": not taken yet */
};

/* epoch 0: to be taken */
void redis_lease_init(struct redis_lease *l, const char *owner, int64_t epoch);
void redis_lease_deinit(struct redis_lease *l);
/* The commands borrow from the lease. Take: takes it, or keeps it, for a while. */
struct redis_command redis_lease_take(const struct redis_lease *l);
struct redis_command redis_lease_give(const struct redis_lease *l);
/* Makes a write one that is refused when the epoch is another. */
void redis_lease_guard(const struct redis_lease *l, struct redis_command *c);
/* the answer to a write that was guarded */
bool redis_lease_is_refusal(const struct redis_reply *reply);
/* The answer to a take. HELD: *ret_epoch. OTHERS, LOST: error says whose it is, or that it is gone
 * for good. */
int redis_lease_read(const struct redis_reply *reply, int64_t *ret_epoch,
                     char error[REDIS_ERROR_TEXT_MAX]);
