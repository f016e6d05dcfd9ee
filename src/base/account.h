/* account: who pays for which bytes. Accounts form a tree: peer -> user -> workspace -> process. A charge is asked for before the
 * memory is kept; the first account that would pass its cap refuses and nothing is changed. What holds the memory carries the
 * charge (msg, blob, base/held.h), so that freeing the one returns the other.
 *
 * Two figures: what is under way (`used`: messages, requests; it says how far a peer is behind) and what is kept as long as
 * somebody is here (`kept`: records of connections, clients, services). One cap for their sum, in every account up to the root.
 *
 * A leaf (a peer's account) draws from its parents in grants, so that the hot path touches one counter:
 *
 *   total <= granted       total: any thread        granted: the charging thread only
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"

enum { ACCOUNT_OK, ACCOUNT_FULL };

enum account_kind {
#define ACCOUNT(id, word, limit, little_kb, help) ACCOUNT_##id,
#include "base/accounts.def"
#undef ACCOUNT
    ACCOUNT_KINDS
};

struct account {
    /* const after init */
    struct account *parent;         /* holds a reference; NULL at the root */
    size_t cap_bytes;               /* 0 = no cap of its own */
    uint8_t kind;
    bool is_leaf;                   /* one thread charges it, in grants; else any thread may */
    bool keeps_reserve;
    /* a leaf's charging thread only */
    size_t granted_bytes;           /* what this account has charged to its parent */
    /* any thread */
    atomic_size_t total_bytes;      /* used and kept; of an account with leaves: what they were granted */
    atomic_size_t kept_bytes;
    atomic_uint n_refs;
};

/* Both take their own reference to parent, which keeps their record. */
struct account *account_new(struct account *parent, enum account_kind kind, size_t cap_bytes);
struct account *account_new_leaf(struct account *parent, enum account_kind kind, size_t cap_bytes);
/* The last eighth of its cap is for people and addresses below it that hold little each (accounts.def says how much), however many
 * others have filled the rest. Before the first charge. */
void account_keep_reserve(struct account *a);
struct account *account_ref(struct account *a);
bool account_has_others(const struct account *a);                            /* whether anybody but the caller holds it */
struct account *account_unref(struct account *a);                           /* returns NULL; the last one returns its grant */
/* The nearest account from here up that any thread may charge: for what another thread keeps for the holder of a leaf. Borrowed. */
struct account *account_shared(struct account *a);
/* A leaf: from the one thread that charges it. Others: any thread. */
MUST_CHECK NONNULL(1) int account_charge(struct account *a, size_t n_bytes);  /* ACCOUNT_OK, ACCOUNT_FULL */
/* Never refused, and counted all the same: what comes with something that has been charged for. Not a leaf. Any thread. */
NONNULL(1) void account_charge_always(struct account *a, size_t n_bytes);
void account_settle(struct account *a);                                     /* a leaf: gives unused grants back; call when idle */
/* Any thread, and not before the matching charge. */
NONNULL(1) void account_release(struct account *a, size_t n_bytes);
size_t account_used(const struct account *a);

/* What is kept. A leaf: from the one thread that charges it. Others: any thread. */
MUST_CHECK NONNULL(1) int account_keep(struct account *a, size_t n_bytes);
/* Never refused, and counted all the same: records of a fixed size whose number has a limit of its own, tables that grow with
 * them. NULL: nobody's. */
void account_keep_always(struct account *a, size_t n_bytes);
void account_drop(struct account *a, size_t n_bytes);                       /* NULL: nobody's */
/* So much of what is charged here counts as kept from now on, or as under way again. Any thread; nothing is refused. */
NONNULL(1) void account_mark_kept(struct account *a, size_t n_bytes);
NONNULL(1) void account_mark_used(struct account *a, size_t n_bytes);
/* Makes *kept, an amount that is kept here, n_bytes: for records that change. Becoming smaller is never refused. */
MUST_CHECK NONNULL(1) int account_keep_now(struct account *a, size_t *kept, size_t n_bytes);
void account_keep_now_always(struct account *a, size_t *kept, size_t n_bytes);
size_t account_kept(const struct account *a);

/* The most this root has held since the last asking, from where it is now on. Any thread. */
size_t account_take_peak(struct account *root);
/* How often accounts of this kind have refused, below this root. Any thread. */
size_t account_refusals(const struct account *root, enum account_kind kind);
const char *account_kind_word(enum account_kind kind);
/* For who was refused: the option that stands in the way of so many more bytes, from here up. NULL: none does by now, or memory is
 * exhausted. Any thread. */
const char *account_limit(const struct account *a, size_t n_bytes);
/* Whether this account alone has room for so many more bytes, whatever those above it have. Any thread. */
bool account_has_room(const struct account *a, size_t n_bytes);
/* The same as account_limit, as a sentence in room: `what`, and the option in brackets if there is one. ret_limit: that option alone; may be NULL. */
enum { ACCOUNT_REFUSAL_MAX = 96 };
const char *account_refusal(const struct account *a, size_t n_bytes, const char *what, char room[ACCOUNT_REFUSAL_MAX],
                            const char **ret_limit);
