/* account: who pays for which bytes. Accounts form a tree: peer -> user -> workspace -> process. A
 * charge is asked for before the memory is kept; the first account that would pass its cap refuses
 * and nothing is changed. What holds the memory carries the charge (msg, blob, base/held.h), so
 * that freeing the one returns the other.
 *
 * Two figures: what is under way (`used`: messages, requests; it says how far a peer is behind) and
 * what is kept as long as somebody is here (`kept`: records of connections, clients, services). One
 * cap for their sum, in every account up to the root.
 *
 * A leaf (a peer's account) draws from its parents in grants, so that the hot path touches one
 * counter:
 *
 *   total <= granted       total: any thread        granted: the charging thread only */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/slice.h"

enum { ACCOUNT_OK, ACCOUNT_FULL };

enum account_kind {
#define ACCOUNT(id, word, limit, little_kb, help) ACCOUNT_##id,
#include "base/accounts.def"
#undef ACCOUNT
    ACCOUNT_KINDS
};

struct account {
    /* const after init */
    struct account *parent; /* holds a reference; NULL at the root */
    size_t cap_bytes;       /* 0 = no cap of its own */
    uint8_t kind;
    /* one thread charges it, in grants; else any thread may */
    bool is_leaf;
    bool keeps_reserve;
    /* any thread: its holder has more to send, and is not read until what is charged here has been
     * taken */
    atomic_bool is_waiting;
    /* any thread: who has last refused a charge made here or below (account_refusal); 0: nobody */
    atomic_uchar refused_by;
    /* a leaf's charging thread only */
    size_t granted_bytes; /* what this account has charged to its parent */
    /* any thread */
    /* used and kept; of an account with leaves: what they were granted */
    atomic_size_t total_bytes;
    atomic_size_t kept_bytes;
    atomic_uint n_refs;
};

/* Both take their own reference to parent, which keeps their record. */
struct account *account_new(struct account *parent, enum account_kind kind, size_t cap_bytes);
struct account *account_new_leaf(struct account *parent, enum account_kind kind, size_t cap_bytes);
/* The last eighth of its cap is for people and addresses below it that hold little each
 * (accounts.def says how much), however many others have filled the rest. Before the first
 * charge. */
void account_keep_reserve(struct account *a);
struct account *account_ref(struct account *a);
/* whether anybody but the caller holds it */
bool account_has_others(const struct account *a);
/* returns NULL; the last one returns its grant */
struct account *account_unref(struct account *a);
/* The nearest account from here up that any thread may charge: for what another thread keeps for
 * the holder of a leaf. Borrowed. */
struct account *account_shared(struct account *a);
/* A leaf: from the one thread that charges it. Others: any thread. */
/* ACCOUNT_OK, ACCOUNT_FULL */
MUST_CHECK NONNULL(1) int account_charge(struct account *a, size_t n_bytes);
/* Never refused, and counted all the same: what comes with something that has been charged for. Not
 * a leaf. Any thread. */
NONNULL(1) void account_charge_always(struct account *a, size_t n_bytes);
/* a leaf: gives unused grants back; call when idle */
void account_settle(struct account *a);
/* Any thread, and not before the matching charge. */
NONNULL(1) void account_release(struct account *a, size_t n_bytes);
size_t account_used(const struct account *a);
/* Whether somebody stands still until messages that are charged here are taken. Any thread. */
void account_mark_waiting(struct account *a, bool is_waiting);
bool account_is_waiting(const struct account *a);

/* What is kept. A leaf: from the one thread that charges it. Others: any thread. */
MUST_CHECK NONNULL(1) int account_keep(struct account *a, size_t n_bytes);
/* Never refused, and counted all the same: records of a fixed size whose number has a limit of its
 * own, tables that grow with them. NULL: nobody's. */
void account_keep_always(struct account *a, size_t n_bytes);
/* NULL: nobody's */
void account_drop(struct account *a, size_t n_bytes);
/* So much of what is charged here counts as kept from now on, or as under way again. Any thread;
 * nothing is refused. */
NONNULL(1) void account_mark_kept(struct account *a, size_t n_bytes);
NONNULL(1) void account_mark_used(struct account *a, size_t n_bytes);
/* Makes *kept, an amount that is kept here, n_bytes: for records that change. Becoming smaller is
 * never refused. */
MUST_CHECK NONNULL(1) int account_keep_now(struct account *a, size_t *kept, size_t n_bytes);
void account_keep_now_always(struct account *a, size_t *kept, size_t n_bytes);
size_t account_kept(const struct account *a);

/* The most this root has held since the last asking, from where it is now on. Any thread. */
size_t account_take_peak(struct account *root);
/* How often accounts of this kind have refused, below this root. Any thread. */
size_t account_refusals(const struct account *root, enum account_kind kind);
const char *account_kind_word(enum account_kind kind);
/* Which account, from here up, has no room for so many more bytes by now. NULL: none. Borrowed. Any
 * thread. */
const struct account *account_in_the_way(const struct account *a, size_t n_bytes);
/* the option that bounds it, a literal, with its dashes */
const char *account_option(const struct account *a);
/* Whether this account alone has room for so many more bytes, whatever those above it have. Any
 * thread. */
bool account_has_room(const struct account *a, size_t n_bytes);

/* Why a charge was refused: what whoever asked for it is told, and the log. Every refusal for want
 * of room is worded here. */
struct account_refusal {
    /* of the account that was full, a literal, with its dashes; NULL: the machine has no more
     * memory */
    const char *option;
    /* what that account may hold; 0: it has no cap of its own */
    size_t cap_bytes;
};
/* Of the last charge that was refused and had been made here, or below. For the one who was
 * refused, at once, and of the account it has charged: another thread may be refused meanwhile, in
 * a shared account. Any thread. */
struct account_refusal account_refusal(const struct account *a);
/* for who is refused before asking; NULL: of the machine */
struct account_refusal account_refusal_by(const struct account *full);
/* A charge was taken, and then there was no memory for it: so the next account_refusal() here says.
 * Any thread. */
void account_note_exhausted(struct account *a);
/* For logs: the option without its dashes, or "memory". A literal. */
const char *account_refusal_rule(const struct account_refusal *r);
/* `what`, which is cut to so many bytes of UTF-8, and in brackets the option and what it allows.
 * Returns room. */
enum { ACCOUNT_REFUSAL_WHAT_MAX = 383, ACCOUNT_REFUSAL_MAX = 448 };
const char *account_refusal_text(const struct account_refusal *r, const char *what,
                                 char room[ACCOUNT_REFUSAL_MAX]);
/* The rule of a sentence that account_refusal_text has made and named an option in: a literal;
 * NULL: it is another sentence. */
const char *account_refusal_noted(struct slice text);
