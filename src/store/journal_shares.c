/* journal_shares: one row at a time, asking anew who has most, since that changes with every row. A
 * step frees about twice what comes in, so no write waits long for a limit that was lowered by
 * much, and what is kept shrinks all the same. */
#include "store/journal_shares.h"

#include <string.h>

enum { OVERHEAD = 512 };

uint64_t journal_cost(size_t data_len)
{
    return (uint64_t)data_len + OVERHEAD;
}

static size_t copy_name(char out[JOURNAL_NAME_MAX], struct slice name)
{
    ASSERT(name.len <= JOURNAL_NAME_MAX);
    if (name.len)
        memcpy(out, name.ptr, name.len);
    return name.len;
}

void journal_share_set(struct journal_share *s, struct slice workspace, struct slice owner)
{
    s->workspace_len = copy_name(s->workspace, workspace);
    s->owner_len = copy_name(s->owner, owner);
}

/* What is to fit where, and at what price. */
struct room {
    const struct journal_row *row; /* that is to be written; NULL: none */
    enum journal_part part;
    struct slice name;
    struct journal_sums max;
    struct journal_sums coming; /* the row that is to be written */
    struct journal_sums enough; /* more need not be freed at once */
};

static bool journal_shares_is_over(const struct room *r, const struct journal_sums *kept,
                                   const struct journal_sums *freed)
{
    bool is_long = kept->n_rows + r->coming.n_rows > r->max.n_rows,
         is_large = kept->n_bytes + r->coming.n_bytes > r->max.n_bytes;

    return (is_long && freed->n_rows < r->enough.n_rows) ||
           (is_large && freed->n_bytes < r->enough.n_bytes);
}

/* Whether who is writing would have as much as whoever has most. */
static bool is_writers_turn(const struct journal_shares_ops *ops, void *engine,
                            const struct room *r, struct journal_share *share)
{
    struct journal_sums mine, theirs;
    struct journal_share own;

    if (!r->row || r->part == JOURNAL_OWNER)
        return false;
    if (r->part == JOURNAL_WORKSPACE) {
        bool is_mine = ops->share(engine, r->row->workspace, r->row->owner, &own) &&
                       own.n_bytes + r->coming.n_bytes >= share->n_bytes;
        if (is_mine)
            *share = own;
        return is_mine;
    }
    return ops->sums(engine, JOURNAL_OWNER, r->row->owner, &mine) &&
           ops->sums(engine, JOURNAL_OWNER, slice_make(share->owner, share->owner_len), &theirs) &&
           mine.n_bytes + r->coming.n_bytes >= theirs.n_bytes &&
           ops->largest(engine, JOURNAL_OWNER, r->row->owner, share);
}

static bool drop_one(const struct journal_shares_ops *ops, void *engine, const struct room *r,
                     uint64_t *ret_n_bytes)
{
    struct journal_share share;

    if (!ops->largest(engine, r->part, r->name, &share))
        return false;
    (void)is_writers_turn(ops, engine, r, &share);
    return ops->drop_oldest(engine, &share, ret_n_bytes);
}

static uint64_t free_room(const struct journal_shares_ops *ops, void *engine, const struct room *r)
{
    struct journal_sums kept, freed = {0};
    uint64_t n_bytes;

    while (ops->sums(engine, r->part, r->name, &kept) && journal_shares_is_over(r, &kept, &freed) &&
           drop_one(ops, engine, r, &n_bytes)) {
        freed.n_rows++;
        freed.n_bytes += n_bytes;
    }
    return freed.n_rows;
}

uint64_t journal_shares_make_room(const struct journal_shares_ops *ops, void *engine,
                                  const struct journal_row *row,
                                  const struct journal_limits *limits)
{
    struct journal_sums coming = {1, journal_cost(row->data.len)}, enough = {2, 2 * coming.n_bytes};
    const struct room rooms[] = {
        {row,
         JOURNAL_OWNER,
         row->owner,
         {limits->rows_per_owner, limits->bytes_per_owner},
         coming,
         enough},
        {row,
         JOURNAL_WORKSPACE,
         row->workspace,
         {limits->rows_per_workspace, limits->bytes_per_workspace},
         coming,
         enough},
        {row, JOURNAL_ALL, {0}, {limits->rows, limits->bytes}, coming, enough},
    };
    uint64_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(rooms); i++)
        n += free_room(ops, engine, &rooms[i]);
    return n;
}

uint64_t journal_shares_trim(const struct journal_shares_ops *ops, void *engine,
                             const struct journal_limits *limits, uint64_t n_at_most)
{
    return free_room(ops, engine,
                     &(struct room){.part = JOURNAL_ALL,
                                    .max = {limits->rows, limits->bytes},
                                    .enough = {n_at_most, n_at_most * OVERHEAD}});
}
