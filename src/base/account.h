/* account: who pays for which bytes. Accounts form a chain: peer -> user -> workspace -> process. A charge is asked for
 * before the memory is kept; the first account that would pass its cap refuses and nothing is changed.
 *
 * Two figures: what is under way (`used`: messages, requests; it has caps, and says how far a peer is behind) and what is kept as
 * long as somebody is here (`kept`: records of connections, clients, services; limits on their number are its caps).
 *
 * A leaf (a peer's account) draws from its parents in grants, so that the hot path touches one counter:
 *
 *   used <= granted       used: any thread        granted: the charging thread only
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"

enum { ACCOUNT_OK, ACCOUNT_FULL };

struct account {
    /* const after init */
    struct account *parent;         /* holds a reference; NULL at the root */
    size_t cap_bytes;               /* 0 = no cap of its own */
    /* charging thread only */
    size_t granted_bytes;           /* what this account has charged to its parent */
    /* any thread */
    atomic_size_t used_bytes;
    atomic_size_t kept_bytes;
    atomic_uint n_refs;
};

struct account *account_new(struct account *parent, size_t cap_bytes);      /* takes its own reference to parent, which keeps it */
struct account *account_ref(struct account *a);
struct account *account_unref(struct account *a);                           /* returns NULL; the last one returns its grant */
/* Leaf accounts: call from the one thread that owns the account. */
MUST_CHECK int account_charge(struct account *a, size_t n_bytes);           /* ACCOUNT_OK, ACCOUNT_FULL */
void account_settle(struct account *a);                                     /* gives unused grants back; call when idle */
/* Any thread, and not before the matching charge. */
void account_release(struct account *a, size_t n_bytes);
/* Inner accounts (user, workspace, process): any thread may charge them directly. */
MUST_CHECK int account_charge_shared(struct account *a, size_t n_bytes);
size_t account_used(const struct account *a);
/* What is kept, from here up to the root. Never refused. Any thread. */
void account_keep(struct account *a, size_t n_bytes);
void account_drop(struct account *a, size_t n_bytes);
/* Makes *kept, an amount that is kept here, n_bytes: for records that change. */
void account_keep_now(struct account *a, size_t *kept, size_t n_bytes);
size_t account_kept(const struct account *a);
