/* memory_journal: one list in the order of writing, walked from the end to be read. Made for tests
 * and small servers, so it has no index; it keeps the contract to the letter, limits included.
 * Loop's thread. */
#include "store/memory_journal.h"

#include <stdlib.h>

#include "base/held.h"
#include "base/memory.h"
#include "store/journal_shares.h"

/* The rows of one owner in one workspace. */
struct memory_share {
    struct list link;
    struct list rows; /* struct memory_row.of_share, oldest first */
    struct journal_sums sums;
    struct journal_share names;
};

struct memory_row {
    struct list link, of_share;
    struct memory_share *share;
    struct journal_row row; /* slices into bytes */
    char bytes[];
};

void memory_journal_init(struct memory_journal *j, struct account *own)
{
    *j = (struct memory_journal){.next_id = 1, .own = own};
    list_init(&j->rows);
    list_init(&j->shares);
}

static void memory_journal_drop(struct memory_row *r)
{
    struct memory_share *s = r->share;

    list_unlink(&r->link);
    list_unlink(&r->of_share);
    s->sums.n_rows--;
    s->sums.n_bytes -= journal_cost(r->row.data.len);
    held_free(r);
    if (s->sums.n_rows)
        return;
    list_unlink(&s->link);
    held_free(s);
}

static struct memory_row *memory_journal_oldest(const struct list *rows)
{
    return list_is_empty(rows) ? NULL : LIST_ENTRY(rows->next, struct memory_row, link);
}

void memory_journal_deinit(struct memory_journal *j)
{
    for (struct memory_row *r; (r = memory_journal_oldest(&j->rows));)
        memory_journal_drop(r);
}

/* ---- what is kept of whom ---- */

static bool memory_journal_is_named(const struct memory_share *s, enum journal_part part,
                                    struct slice name)
{
    if (part == JOURNAL_ALL)
        return true;
    return slice_eq(name, part == JOURNAL_OWNER
                              ? slice_make(s->names.owner, s->names.owner_len)
                              : slice_make(s->names.workspace, s->names.workspace_len));
}

static bool memory_journal_read_sums(void *engine, enum journal_part part, struct slice name,
                                     struct journal_sums *ret)
{
    const struct memory_journal *j = engine;

    *ret = (struct journal_sums){0};
    LIST_FOREACH (it, &j->shares) {
        const struct memory_share *s = LIST_ENTRY(it, struct memory_share, link);
        if (memory_journal_is_named(s, part, name)) {
            ret->n_rows += s->sums.n_rows;
            ret->n_bytes += s->sums.n_bytes;
        }
    }
    return ret->n_rows > 0;
}

static struct slice largest_owner(struct memory_journal *j)
{
    struct journal_sums largest = {0}, sums;
    struct slice found = {0};

    LIST_FOREACH (it, &j->shares) {
        const struct memory_share *s = LIST_ENTRY(it, struct memory_share, link);
        struct slice owner = slice_make(s->names.owner, s->names.owner_len);
        if (memory_journal_read_sums(j, JOURNAL_OWNER, owner, &sums) &&
            sums.n_bytes > largest.n_bytes) {
            largest = sums;
            found = owner;
        }
    }
    return found;
}

static bool memory_journal_tell(const struct memory_share *s, struct journal_share *ret)
{
    *ret = s->names;
    ret->n_bytes = s->sums.n_bytes;
    return true;
}

static bool memory_journal_find_largest(void *engine, enum journal_part part, struct slice name,
                                        struct journal_share *ret)
{
    struct memory_journal *j = engine;
    const struct memory_share *largest = NULL;

    if (part == JOURNAL_ALL) {
        name = largest_owner(j);
        part = JOURNAL_OWNER;
    }
    LIST_FOREACH (it, &j->shares) {
        const struct memory_share *s = LIST_ENTRY(it, struct memory_share, link);
        if (memory_journal_is_named(s, part, name) &&
            (!largest || s->sums.n_bytes > largest->sums.n_bytes))
            largest = s;
    }
    return largest && memory_journal_tell(largest, ret);
}

static struct memory_share *memory_journal_find_share(const struct memory_journal *j,
                                                      struct slice workspace, struct slice owner)
{
    LIST_FOREACH (it, &j->shares) {
        struct memory_share *s = LIST_ENTRY(it, struct memory_share, link);
        if (memory_journal_is_named(s, JOURNAL_WORKSPACE, workspace) &&
            memory_journal_is_named(s, JOURNAL_OWNER, owner))
            return s;
    }
    return NULL;
}

static bool tell_share(void *engine, struct slice workspace, struct slice owner,
                       struct journal_share *ret)
{
    const struct memory_share *s = memory_journal_find_share(engine, workspace, owner);

    return s && memory_journal_tell(s, ret);
}

static bool memory_journal_drop_oldest(void *engine, const struct journal_share *share,
                                       uint64_t *ret_n_bytes)
{
    const struct memory_share *s =
        memory_journal_find_share(engine, slice_make(share->workspace, share->workspace_len),
                                  slice_make(share->owner, share->owner_len));

    if (!s)
        return false;
    struct memory_row *r = LIST_ENTRY(s->rows.next, struct memory_row, of_share);
    *ret_n_bytes = journal_cost(r->row.data.len);
    memory_journal_drop(r);
    return true;
}

static const struct journal_shares_ops shares = {
    memory_journal_read_sums, memory_journal_find_largest, tell_share, memory_journal_drop_oldest};

/* ---- writing ---- */

/* This engine has no disk to put rows on. */
static struct journal_limits memory_journal_limits_of(const struct store_op *op)
{
    struct journal_limits limits = op->journal->limits;

    if (limits.bytes > MEMORY_JOURNAL_BYTES_MAX)
        limits.bytes = MEMORY_JOURNAL_BYTES_MAX;
    return limits;
}

static uint64_t memory_journal_drop_old(struct memory_journal *j, int64_t since_us)
{
    uint64_t n_dropped = 0;

    for (struct memory_row *r; (r = memory_journal_oldest(&j->rows)) && r->row.at_us < since_us;
         n_dropped++)
        memory_journal_drop(r);
    return n_dropped;
}

static struct slice memory_journal_keep(char **at, struct slice bytes)
{
    struct slice kept = slice_make(*at, bytes.len);

    if (bytes.len)
        memcpy(*at, bytes.ptr, bytes.len);
    *at += bytes.len;
    return kept;
}

static struct memory_share *memory_journal_make_share(struct memory_journal *j,
                                                      const struct journal_row *row)
{
    struct memory_share *s = memory_journal_find_share(j, row->workspace, row->owner);

    if (s)
        return s;
    s = held_new(sizeof(*s), j->own);
    if (!s)
        return NULL;
    list_init(&s->rows);
    list_init(&s->link);
    list_link(&j->shares, &s->link);
    journal_share_set(&s->names, row->workspace, row->owner);
    return s;
}

static int memory_journal_append(struct memory_journal *j, struct store_op *op)
{
    const struct journal_row *row = &op->journal->row;
    struct journal_limits limits = memory_journal_limits_of(op);
    struct memory_row *r =
        held_new(sizeof(struct memory_row) + op->key.len + op->bytes.len, j->own);

    if (!r)
        return STORE_FAILED;
    op->journal->n_dropped = memory_journal_drop_old(j, limits.since_us) +
                             journal_shares_make_room(&shares, j, row, &limits);
    r->share = memory_journal_make_share(j, row);
    if (!r->share) {
        held_free(r);
        return STORE_FAILED;
    }
    char *at = r->bytes;
    r->row = (struct journal_row){.id = j->next_id++, .at_us = row->at_us};
    r->row.workspace = memory_journal_keep(&at, row->workspace);
    r->row.user = memory_journal_keep(&at, row->user);
    r->row.type = memory_journal_keep(&at, row->type);
    r->row.data = memory_journal_keep(&at, row->data);
    list_init(&r->link);
    list_link(&j->rows, &r->link);
    list_init(&r->of_share);
    list_link(&r->share->rows, &r->of_share);
    r->share->sums.n_rows++;
    r->share->sums.n_bytes += journal_cost(row->data.len);
    return STORE_OK;
}

static bool memory_journal_fits(const struct journal_row *row, const struct journal_query *q)
{
    return slice_eq(row->workspace, q->workspace) && slice_eq(row->user, q->user) &&
           (!q->type.len || slice_eq(row->type, q->type)) && row->at_us >= q->from_us &&
           row->at_us <= q->to_us;
}

enum { ROWS_AT_ONCE = 4096 }; /* looked at */

/* A piece of it. Nothing else is run before the last one, so the row it goes on with is still
 * there. */
static int memory_journal_read_rows(const struct memory_journal *j, struct store_op *op)
{
    struct journal_op *jo = op->journal;
    struct list *it = jo->at ? jo->at : j->rows.prev;

    for (unsigned n = 0; it != &j->rows && jo->n_read < jo->query.max_rows; n++, it = it->prev) {
        const struct memory_row *r = LIST_ENTRY(it, struct memory_row, link);
        op->has_more = n == ROWS_AT_ONCE || op->result.b.len >= STORE_SCAN_BYTES;
        if (op->has_more)
            break;
        if (!memory_journal_fits(&r->row, &jo->query))
            continue;
        if (!journal_op_add_row(op, &r->row))
            break;
        jo->n_read++;
    }
    jo->at = it;
    return STORE_OK;
}

static int by_type(const void *a, const void *b)
{
    const struct journal_row *const *x = a, *const *y = b;

    return slice_order((*x)->type, (*y)->type);
}

static int memory_journal_count_rows(struct memory_journal *j, struct store_op *op)
{
    struct journal_sums all;
    size_t n_rows =
               memory_journal_read_sums(j, JOURNAL_ALL, (struct slice){0}, &all) ? all.n_rows : 0,
           n = 0;
    const struct journal_row **found = held_new((n_rows + 1) * sizeof(*found), j->own);

    if (!found)
        return STORE_FAILED;
    LIST_FOREACH (it, &j->rows) {
        const struct memory_row *r = LIST_ENTRY(it, struct memory_row, link);
        if (memory_journal_fits(&r->row, &op->journal->query))
            found[n++] = &r->row;
    }
    qsort(found, n, sizeof(*found), by_type);
    for (size_t i = 0, first = 0; i < n; i++) {
        if (i + 1 < n && slice_eq(found[i + 1]->type, found[i]->type))
            continue;
        if (!journal_op_add_count(op, found[i]->type, (int64_t)(i + 1 - first)))
            break;
        first = i + 1;
    }
    held_free(found);
    return STORE_OK;
}

static int memory_journal_trim(struct memory_journal *j, struct store_op *op)
{
    struct journal_limits limits = memory_journal_limits_of(op);

    op->journal->n_dropped = memory_journal_drop_old(j, limits.since_us) +
                             journal_shares_trim(&shares, j, &limits, UINT32_MAX);
    return STORE_OK;
}

int memory_journal_run(struct memory_journal *j, struct store_op *op)
{
    switch (op->kind) {
    case STORE_OP_APPEND:
        return memory_journal_append(j, op);
    case STORE_OP_READ:
        return memory_journal_read_rows(j, op);
    case STORE_OP_COUNT:
        return memory_journal_count_rows(j, op);
    case STORE_OP_TRIM:
        return memory_journal_trim(j, op);
    default:
        return STORE_FAILED;
    }
}
