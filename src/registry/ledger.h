/* ledger: the order in which the registry changes. Who wants a change has decided it against the
 * registry as it is, and commits it with what it was decided on; the ledger gives it its number and
 * tells those who follow. What is kept beside the records a change names (accounts, connections,
 * timers) is not its business. Hub loop. */
#pragma once
#include <stdint.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/slice.h"

struct change;
struct ledger;

/* What a change was decided on. */
struct ledger_guard {
    enum ledger_record { LEDGER_WORKSPACE, LEDGER_CLIENT } record;
    struct slice id;
    /* of the change by which the record came that has this id; 0: none has */
    uint64_t number;
};

enum ledger_result { LEDGER_DONE, LEDGER_CONFLICT };

/* Told of every change from ledger_follow on, in their order, once. Who began first is told last:
 * the registry, out of whose records a change may borrow what is no more when it has been
 * applied. */
struct ledger_follower {
    struct list link;
    void (*on_change)(struct ledger_follower *f, const struct change *c);
};

struct ledger_engine {
    enum ledger_result (*commit)(struct ledger *l, struct change *c,
                                 const struct ledger_guard *guard);
    struct ledger *(*free)(struct ledger *l);
};

/* The head of an engine's own struct. */
struct ledger {
    const struct ledger_engine *engine;
    struct list followers;
};

/* nobody follows any more; takes NULL, returns NULL */
struct ledger *ledger_free(struct ledger *l);
void ledger_follow(struct ledger *l, struct ledger_follower *f);
void ledger_unfollow(struct ledger_follower *f);
/* LEDGER_DONE: the change has its number, above all before it, and all who follow have been told.
 * LEDGER_CONFLICT: what it was decided on is not so any more; nobody has been told, and it is to be
 * decided again. What c borrows is read before this returns. */
MUST_CHECK enum ledger_result ledger_commit(struct ledger *l, struct change *c,
                                            const struct ledger_guard *guard);
/* The engines' own. */
void ledger_init(struct ledger *l, const struct ledger_engine *engine);
void ledger_tell(struct ledger *l, const struct change *c);
