/* closing: what was opened by a token, a user or an address ends before its time: leases, and
 * connections that have not yet said who they are. Connections that have are closed by
 * manager/evict.h. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct hub;
struct user;

/* Why and what is closed. Borrowed. */
struct closing {
    enum { CLOSING_TOKEN, CLOSING_USER, CLOSING_ADDRESS } kind;
    /* of the token: LINEAGE_DIGEST_BYTES of it count; what descends from it goes too */
    const uint8_t *digest;
    /* id; children of their tokens go too. Of a token: the person (user_effective_id) it is of */
    struct slice user;
    /* of an address: all of it (wire/ip.h); root comes in from anywhere */
    struct in6_addr network;
    struct slice reason; /* for whom it closes */
    struct slice except; /* address of a client that is left alone; or empty */
};
/* u: NULL for somebody not known yet. */
bool closing_covers(const struct closing *c, const struct user *u, const struct in6_addr *address);

/* Ends what is covered, on every loop, by mail. Hub loop. */
void closing_send(struct hub *h, const struct closing *c);
