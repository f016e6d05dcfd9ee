/* account: orderings are relaxed throughout. The counters guard quantities, not other memory: what
 * they count is handed between threads by the inbox, whose release and acquire order everything
 * that matters. */
#include "base/account.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/memory_raw.h"

enum { ACCOUNT_GRANT = 16 * 1024 };
enum { RESERVE_PART = 8 };
/* Of refused_by, beside 0 and kind + 1. */
enum { BY_MACHINE = UINT8_MAX };

_Static_assert((int)ACCOUNT_KINDS < (int)BY_MACHINE, "a kind and one more fits");

/* What only the root has. */
struct root {
    struct account account;   /* first */
    atomic_size_t peak_bytes; /* about: two threads may overtake each other */
    atomic_size_t n_refused[ACCOUNT_KINDS];
};

static size_t account_take(atomic_size_t *from, size_t n_bytes)
{
    size_t before = atomic_fetch_sub_explicit(from, n_bytes, memory_order_relaxed);

    ASSERT(before >= n_bytes);
    return before;
}

static struct account *account_make(struct account *parent, enum account_kind kind,
                                    size_t cap_bytes, bool is_leaf)
{
    struct account *a = mem_new(parent ? sizeof(struct account) : sizeof(struct root));

    a->parent = parent ? account_ref(parent) : NULL;
    a->cap_bytes = cap_bytes;
    a->kind = (uint8_t)kind;
    a->is_leaf = is_leaf && parent; /* a root has nobody to draw from */
    atomic_init(&a->total_bytes, 0);
    atomic_init(&a->kept_bytes, 0);
    atomic_init(&a->n_refs, 1);
    account_keep_always(a->parent, mem_taken(a));
    return a;
}

struct account *account_new(struct account *parent, enum account_kind kind, size_t cap_bytes)
{
    return account_make(parent, kind, cap_bytes, false);
}

struct account *account_new_leaf(struct account *parent, enum account_kind kind, size_t cap_bytes)
{
    return account_make(parent, kind, cap_bytes, true);
}

void account_keep_reserve(struct account *a)
{
    a->keeps_reserve = true;
}

struct account *account_ref(struct account *a)
{
    unsigned before = atomic_fetch_add_explicit(&a->n_refs, 1, memory_order_relaxed);

    ASSERT(before > 0);
    return a;
}

bool account_has_others(const struct account *a)
{
    /* acquire pairs with the acq_rel of unref: who sees itself alone sees what the others did. */
    return atomic_load_explicit(&a->n_refs, memory_order_acquire) > 1;
}

/* Returns n bytes to every account from `a` up to the root. */
static void give_back(struct account *a, size_t n_bytes)
{
    for (; a; a = a->parent)
        (void)account_take(&a->total_bytes, n_bytes);
}

struct account *account_unref(struct account *a)
{
    if (!a)
        return NULL;
    /* acq_rel pairs with itself in the other holders: the last one sees every earlier holder's
     * writes. */
    if (atomic_fetch_sub_explicit(&a->n_refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    ASSERT(atomic_load_explicit(&a->total_bytes, memory_order_relaxed) == 0 &&
           account_kept(a) == 0);
    if (a->granted_bytes)
        give_back(a->parent, a->granted_bytes);
    account_drop(a->parent, mem_taken(a));
    account_unref(a->parent);
    mem_free(a);
    return NULL;
}

struct account *account_shared(struct account *a)
{
    return a->is_leaf ? a->parent : a;
}

static struct root *root_of(const struct account *a)
{
    while (a->parent)
        a = a->parent;
    return (struct root *)(uintptr_t)a;
}

/* A charge that was made to `a` would have passed the cap of refuser, which is `a` or above it. */
static int account_refuse(struct account *a, const struct account *refuser)
{
    atomic_fetch_add_explicit(&root_of(a)->n_refused[refuser->kind], 1, memory_order_relaxed);
    for (struct account *at = a; at; at = at == refuser ? NULL : at->parent)
        atomic_store_explicit(&at->refused_by, (unsigned char)(refuser->kind + 1),
                              memory_order_relaxed);
    return ACCOUNT_FULL;
}

static void note_peak(struct root *r, size_t total)
{
    if (total > atomic_load_explicit(&r->peak_bytes, memory_order_relaxed))
        atomic_store_explicit(&r->peak_bytes, total, memory_order_relaxed);
}

/* Whether whoever it stands for has much when it holds so many bytes; what stands for nobody has as
 * much as the one below. */
static bool has_much(const struct account *a, size_t n_bytes, bool below_has_much)
{
    static const uint32_t little[] = {
#define ACCOUNT(id, word, limit, little_kb, help) (little_kb) * 1024,
#include "base/accounts.def"
#undef ACCOUNT
    };

    return little[a->kind] ? n_bytes > little[a->kind] : below_has_much;
}

/* Whether `a`, which holds so much, may hold n_bytes more for somebody below it. */
static bool account_fits(const struct account *a, size_t total, size_t n_bytes, bool is_for_much)
{
    size_t cap = a->cap_bytes;

    if (a->keeps_reserve && is_for_much)
        cap -= cap / RESERVE_PART;
    return !cap || (total <= cap && n_bytes <= cap - total);
}

/* From `a`, which is no leaf, up to the root. Returns the account that refuses; NULL: charged. */
static struct account *charge_shared(struct account *a, size_t n_bytes)
{
    bool is_much = false;

    for (struct account *at = a; at; at = at->parent) {
        size_t before = atomic_fetch_add_explicit(&at->total_bytes, n_bytes, memory_order_relaxed);
        if (account_fits(at, before, n_bytes, is_much)) {
            if (!at->parent)
                note_peak((struct root *)at, before + n_bytes);
            is_much = has_much(at, before + n_bytes, is_much);
            continue;
        }
        for (struct account *undo = a; undo != at; undo = undo->parent)
            (void)account_take(&undo->total_bytes, n_bytes);
        (void)account_take(&at->total_bytes, n_bytes);
        return at;
    }
    return NULL;
}

/* The leaf's own figure; false when its cap would be passed, and nothing has changed. */
static bool add_to_leaf(struct account *a, size_t n_bytes, size_t *ret_total)
{
    size_t total =
        atomic_fetch_add_explicit(&a->total_bytes, n_bytes, memory_order_relaxed) + n_bytes;

    *ret_total = total;
    if (!a->cap_bytes || (total <= a->cap_bytes && total >= n_bytes))
        return true;
    (void)account_take(&a->total_bytes, n_bytes);
    return false;
}

/* A test's. What is the server's own is only ever refused when the machine has no more. */
static bool is_refused_at_random(const struct account *a)
{
    return a->kind != ACCOUNT_PROCESS && a->kind != ACCOUNT_OWN && mem_charge_fails();
}

int account_charge(struct account *a, size_t n_bytes)
{
    struct account *refuser;
    size_t total;

    if (is_refused_at_random(a))
        return account_refuse(a, a);
    if (!a->is_leaf) {
        refuser = charge_shared(a, n_bytes);
        return refuser ? account_refuse(a, refuser) : ACCOUNT_OK;
    }
    if (!add_to_leaf(a, n_bytes, &total))
        return account_refuse(a, a);
    if (total <= a->granted_bytes)
        return ACCOUNT_OK;
    size_t need = total - a->granted_bytes;
    size_t grant = need < ACCOUNT_GRANT ? ACCOUNT_GRANT : need;
    refuser = charge_shared(a->parent, grant);
    /* near a parent's cap the rounding must not be what refuses */
    if (refuser && grant > need) {
        grant = need;
        refuser = charge_shared(a->parent, grant);
    }
    if (refuser) {
        (void)account_take(&a->total_bytes, n_bytes);
        return account_refuse(a, refuser);
    }
    a->granted_bytes += grant;
    return ACCOUNT_OK;
}

static void add_total(struct account *a, size_t n_bytes)
{
    for (; a; a = a->parent)
        atomic_fetch_add_explicit(&a->total_bytes, n_bytes, memory_order_relaxed);
}

void account_charge_always(struct account *a, size_t n_bytes)
{
    ASSERT(!a->is_leaf);
    add_total(a, n_bytes);
}

void account_settle(struct account *a)
{
    size_t total = atomic_load_explicit(&a->total_bytes, memory_order_relaxed);

    if (a->is_leaf && a->granted_bytes > total) {
        give_back(a->parent, a->granted_bytes - total);
        a->granted_bytes = total;
    }
}

void account_release(struct account *a, size_t n_bytes)
{
    if (a->is_leaf)
        (void)account_take(&a->total_bytes, n_bytes);
    else
        give_back(a, n_bytes);
}

size_t account_used(const struct account *a)
{
    /* In this order, what another thread keeps meanwhile makes the difference too large, never
     * negative. */
    size_t kept = atomic_load_explicit(&a->kept_bytes, memory_order_relaxed);
    size_t total = atomic_load_explicit(&a->total_bytes, memory_order_relaxed);

    return total > kept ? total - kept : 0;
}

void account_mark_waiting(struct account *a, bool is_waiting)
{
    atomic_store_explicit(&a->is_waiting, is_waiting, memory_order_relaxed);
}

bool account_is_waiting(const struct account *a)
{
    return atomic_load_explicit(&a->is_waiting, memory_order_relaxed);
}

static void add_kept(struct account *a, size_t n_bytes)
{
    for (; a; a = a->parent)
        atomic_fetch_add_explicit(&a->kept_bytes, n_bytes, memory_order_relaxed);
}

void account_mark_kept(struct account *a, size_t n_bytes)
{
    add_kept(a, n_bytes);
}

void account_mark_used(struct account *a, size_t n_bytes)
{
    for (struct account *at = a; at; at = at->parent)
        (void)account_take(&at->kept_bytes, n_bytes);
}

int account_keep(struct account *a, size_t n_bytes)
{
    struct account *refuser;
    size_t total;

    if (is_refused_at_random(a) || (a->is_leaf && !add_to_leaf(a, n_bytes, &total)))
        return account_refuse(a, a);
    /* Exactly, not in grants: what is kept is there for long. */
    refuser = charge_shared(a->is_leaf ? a->parent : a, n_bytes);
    if (refuser) {
        if (a->is_leaf)
            (void)account_take(&a->total_bytes, n_bytes);
        return account_refuse(a, refuser);
    }
    if (a->is_leaf)
        a->granted_bytes += n_bytes;
    add_kept(a, n_bytes);
    return ACCOUNT_OK;
}

void account_keep_always(struct account *a, size_t n_bytes)
{
    if (a && a->is_leaf)
        a->granted_bytes += n_bytes;
    add_total(a, n_bytes);
    add_kept(a, n_bytes);
}

void account_drop(struct account *a, size_t n_bytes)
{
    if (a)
        account_mark_used(a, n_bytes);
    if (a && a->is_leaf)
        a->granted_bytes -= n_bytes;
    give_back(a, n_bytes);
}

int account_keep_now(struct account *a, size_t *kept, size_t n_bytes)
{
    if (n_bytes > *kept) {
        if (account_keep(a, n_bytes - *kept))
            return ACCOUNT_FULL;
    } else {
        account_drop(a, *kept - n_bytes);
    }
    *kept = n_bytes;
    return ACCOUNT_OK;
}

void account_keep_now_always(struct account *a, size_t *kept, size_t n_bytes)
{
    if (n_bytes > *kept)
        account_keep_always(a, n_bytes - *kept);
    else
        account_drop(a, *kept - n_bytes);
    *kept = n_bytes;
}

size_t account_kept(const struct account *a)
{
    return atomic_load_explicit(&a->kept_bytes, memory_order_relaxed);
}

size_t account_refusals(const struct account *root, enum account_kind kind)
{
    ASSERT(!root->parent);
    return atomic_load_explicit(&root_of(root)->n_refused[kind], memory_order_relaxed);
}

size_t account_take_peak(struct account *root)
{
    size_t now = atomic_load_explicit(&root->total_bytes, memory_order_relaxed);

    ASSERT(!root->parent);
    return atomic_exchange_explicit(&root_of(root)->peak_bytes, now, memory_order_relaxed);
}

const char *account_kind_word(enum account_kind kind)
{
    static const char *const words[] = {
#define ACCOUNT(id, word, limit, little_kb, help) word,
#include "base/accounts.def"
#undef ACCOUNT
    };

    return words[kind];
}

const char *account_option(const struct account *a)
{
    static const char *const options[] = {
#define ACCOUNT(id, word, limit, little_kb, help) limit,
#include "base/accounts.def"
#undef ACCOUNT
    };

    return options[a->kind];
}

const struct account *account_in_the_way(const struct account *a, size_t n_bytes)
{
    bool is_much = false;

    for (; a; a = a->parent) {
        size_t total = atomic_load_explicit(&a->total_bytes, memory_order_relaxed);
        if (!account_fits(a, total, n_bytes, is_much))
            return a;
        is_much = has_much(a, total + n_bytes, is_much);
    }
    return NULL;
}

bool account_has_room(const struct account *a, size_t n_bytes)
{
    return account_fits(a, atomic_load_explicit(&a->total_bytes, memory_order_relaxed), n_bytes,
                        false);
}

/* ---- the words for it ---- */

struct account_refusal account_refusal_by(const struct account *full)
{
    return full ? (struct account_refusal){account_option(full), full->cap_bytes}
                : (struct account_refusal){NULL, 0};
}

struct account_refusal account_refusal(const struct account *a)
{
    unsigned char refused_by = 0;

    for (; a && !refused_by; a = refused_by ? a : a->parent)
        refused_by = atomic_load_explicit(&a->refused_by, memory_order_relaxed);
    while (a && a->kind + 1 != refused_by)
        a = a->parent;
    return account_refusal_by(a);
}

void account_note_exhausted(struct account *a)
{
    atomic_store_explicit(&a->refused_by, BY_MACHINE, memory_order_relaxed);
}

const char *account_refusal_rule(const struct account_refusal *r)
{
    return r->option ? r->option + strlen("--") : "memory";
}

const char *account_refusal_text(const struct account_refusal *r, const char *what,
                                 char room[ACCOUNT_REFUSAL_MAX])
{
    struct slice said = slice_utf8_prefix(slice_of(what), ACCOUNT_REFUSAL_WHAT_MAX);

    if (r->option && r->cap_bytes)
        (void)snprintf(room, ACCOUNT_REFUSAL_MAX, SLICE_FMT " (%s, %zu bytes)", SLICE_ARG(said),
                       r->option, r->cap_bytes);
    else
        (void)snprintf(room, ACCOUNT_REFUSAL_MAX, SLICE_FMT " (%s)", SLICE_ARG(said),
                       r->option ? r->option : "out of memory");
    return room;
}

const char *account_refusal_noted(struct slice text)
{
    static const char end[] = " bytes)";
    const char *note = slice_ends(text, end) ? memrchr(text.ptr, '(', text.len) : NULL;
    struct slice noted = note ? slice_from(text, (size_t)(note - text.ptr) + 1) : SLICE_LIT(""),
                 option, rest;

    if (!slice_cut(noted, ',', &option, &rest))
        return NULL;
    for (unsigned i = 0; i < ACCOUNT_KINDS; i++) {
        const char *known = account_option(&(struct account){.kind = (uint8_t)i});
        if (slice_is(option, known))
            return known + strlen("--");
    }
    return NULL;
}
