/* blocks: who is kept out: users by id and clients by address, each for a time, which is counted by
 * the clock that nobody sets. A table in memory, so that asking costs nothing, written through to
 * the store, so that it outlives the process. What has expired is swept, here and there: the store
 * is given no expiry, its own clock is the wall's. Owned by one loop, the store's. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "loop/loop.h"

struct blocks;
struct in6_addr;
struct store;
struct user;

enum block_kind { BLOCK_USER, BLOCK_ADDRESS };

struct block {
    enum block_kind kind;
    int64_t expires_at; /* Unix seconds; 0 = never */
    uint64_t until_ms;  /* the same by clock_mono_ms, told by the table; UINT64_MAX = never */
    struct slice subject,
        /* of an address: its network as ip_network_print writes it; both live as long as the
         * block */
        reason;
};

enum { BLOCK_OK, BLOCK_FAILED };
enum { BLOCK_SUBJECT_MAX = 255, BLOCK_REASON_MAX = 400 }; /* bytes */

typedef void block_done(int outcome, void *arg);

struct blocks *blocks_new(struct loop *loop,
                          struct store *store); /* borrows both; empty until loaded */
/* Every change of the table from here on, what expires and what is loaded included. Once, before it
 * is loaded. */
typedef void block_watch(const struct block *block, bool holds, void *arg);
void blocks_watch(struct blocks *b, block_watch *watch, void *arg);
/* Reads what was kept. now_s: the least that it can be now, Unix seconds; a block lasts so much
 * longer. Until done (OK or FAILED) has come nobody may be let in. Once. */
void blocks_load(struct blocks *b, int64_t now_s, block_done *done, void *arg);
void blocks_stop(
    struct blocks *b); /* ends the sweeping: before the loop stops and the store closes */
void blocks_free(struct blocks *b); /* after the store has closed; takes NULL */

/* Replaces one of the same subject. Takes effect at once; done comes when it will survive a crash
 * (OK), or when that failed (FAILED: it holds until the process ends). False: max_blocks others are
 * kept, nothing has changed, done does not come. */
MUST_CHECK bool block_add(struct blocks *b, const struct block *block, size_t max_blocks,
                          block_done *done, void *arg);
/* The opposite; of what is not blocked too. FAILED: it is lifted until the process ends. */
void block_remove(struct blocks *b, enum block_kind kind, struct slice subject, block_done *done,
                  void *arg);

/* NULL: not blocked. Children are blocked with who is behind them (D-11). */
const struct block *block_of_user(const struct blocks *b, const struct user *u);
const struct block *block_of_address(const struct blocks *b, const struct in6_addr *ip);
/* Walks all that have not expired; start with *cursor = 0. They must not change during a walk. */
const struct block *blocks_next(const struct blocks *b, size_t *cursor);
