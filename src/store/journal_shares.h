/* journal_shares: which rows go so that another one fits. Rows stand in shares, one for each owner
 * in each workspace. Over its limit an owner gives up its own rows; a full workspace those of the
 * owner who has most in it; a full log those of the owner who has most of all; of equals who is
 * writing. Of an owner always the oldest of its largest share go, so nobody's flood takes the place
 * of others. The same for every engine, which tells what it keeps by these functions. The store
 * room's own. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "store/journal.h"

enum journal_part { JOURNAL_ALL, JOURNAL_OWNER, JOURNAL_WORKSPACE };

struct journal_sums {
    uint64_t n_rows, n_bytes; /* bytes as journal_cost() has them */
};

enum { JOURNAL_NAME_MAX = 512 };
struct journal_share {
    char workspace[JOURNAL_NAME_MAX], owner[JOURNAL_NAME_MAX];
    size_t workspace_len, owner_len;
    uint64_t n_bytes;
};

/* Each false: it is not there, or the engine has failed. name: of the owner or the workspace; empty
 * for JOURNAL_ALL. */
struct journal_shares_ops {
    bool (*sums)(void *engine, enum journal_part part, struct slice name, struct journal_sums *ret);
    /* Its largest share; of all rows that of the largest owner. */
    bool (*largest)(void *engine, enum journal_part part, struct slice name,
                    struct journal_share *ret);
    bool (*share)(void *engine, struct slice workspace, struct slice owner,
                  struct journal_share *ret);
    bool (*drop_oldest)(void *engine, const struct journal_share *share, uint64_t *ret_n_bytes);
};

/* what a row is counted for: its data, and its texts and indexes at a flat rate */
uint64_t journal_cost(size_t data_len);
/* names are short enough */
void journal_share_set(struct journal_share *s, struct slice workspace, struct slice owner);
/* Before a row is written. Frees what it needs, and a little more where a limit was lowered; how
 * many rows that were. */
uint64_t journal_shares_make_room(const struct journal_shares_ops *ops, void *engine,
                                  const struct journal_row *row,
                                  const struct journal_limits *limits);
/* Of all together, at most so many. */
uint64_t journal_shares_trim(const struct journal_shares_ops *ops, void *engine,
                             const struct journal_limits *limits, uint64_t n_at_most);
