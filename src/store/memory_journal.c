/* memory_journal: one list in the order of writing, walked from the end to be read. Made for tests
 * and small servers, so it has no index; it keeps the contract to the letter, limits included.
 * Loop's thread. */
#include "store/memory_journal.h"

#include <stdlib.h>

#include "base/held.h"
#include "base/memory.h"

struct memory_row {
    struct list link;
    struct journal_row row; /* slices into bytes */
    size_t n_bytes;
    char bytes[];
};

void memory_journal_init(struct memory_journal *j, struct account *own)
{
    *j = (struct memory_journal){.next_id = 1, .own = own};
    list_init(&j->rows);
}

static void drop(struct memory_journal *j, struct memory_row *r)
{
    list_unlink(&r->link);
    j->n_rows--;
    j->n_bytes -= r->n_bytes;
    held_free(r);
}

static struct memory_row *oldest(struct memory_journal *j)
{
    return list_is_empty(&j->rows) ? NULL : LIST_ENTRY(j->rows.next, struct memory_row, link);
}

void memory_journal_deinit(struct memory_journal *j)
{
    for (struct memory_row *r; (r = oldest(j));)
        drop(j, r);
}

static uint64_t trim(struct memory_journal *j, const struct journal_limits *limits)
{
    uint64_t n_dropped = 0;

    for (struct memory_row *r; (r = oldest(j)); n_dropped++) {
        if (j->n_rows <= limits->rows && j->n_bytes <= MEMORY_JOURNAL_BYTES_MAX &&
            r->row.at_us >= limits->since_us)
            break;
        drop(j, r);
    }
    return n_dropped;
}

static uint64_t trim_workspace(struct memory_journal *j, struct slice workspace, uint64_t max_rows)
{
    uint64_t n = 0, n_dropped = 0;

    for (struct list *it = j->rows.prev; it != &j->rows;) {
        struct memory_row *r = LIST_ENTRY(it, struct memory_row, link);
        it = it->prev;
        if (!slice_eq(r->row.workspace, workspace) || ++n <= max_rows)
            continue;
        drop(j, r);
        n_dropped++;
    }
    return n_dropped;
}

static struct slice keep(char **at, struct slice bytes)
{
    struct slice kept = slice_make(*at, bytes.len);

    if (bytes.len)
        memcpy(*at, bytes.ptr, bytes.len);
    *at += bytes.len;
    return kept;
}

static int append(struct memory_journal *j, struct store_op *op)
{
    const struct journal_row *row = &op->journal->row;
    size_t n_bytes = sizeof(struct memory_row) + op->key.len + op->bytes.len;
    struct memory_row *r = held_new(n_bytes, j->own);

    if (!r)
        return STORE_FAILED;
    char *at = r->bytes;
    r->row = (struct journal_row){.id = j->next_id++, .at_us = row->at_us};
    r->row.workspace = keep(&at, row->workspace);
    r->row.user = keep(&at, row->user);
    r->row.type = keep(&at, row->type);
    r->row.data = keep(&at, row->data);
    r->n_bytes = n_bytes;
    list_init(&r->link);
    list_link(&j->rows, &r->link);
    j->n_rows++;
    j->n_bytes += n_bytes;
    op->journal->n_dropped =
        trim(j, &op->journal->limits) +
        trim_workspace(j, row->workspace, op->journal->limits.rows_per_workspace);
    return STORE_OK;
}

static bool fits(const struct journal_row *row, const struct journal_query *q)
{
    return slice_eq(row->workspace, q->workspace) && slice_eq(row->user, q->user) &&
           (!q->type.len || slice_eq(row->type, q->type)) && row->at_us >= q->from_us &&
           row->at_us <= q->to_us;
}

static int read_rows(const struct memory_journal *j, struct store_op *op)
{
    const struct journal_query *q = &op->journal->query;
    uint32_t n = 0;

    for (struct list *it = j->rows.prev; it != &j->rows && n < q->max_rows; it = it->prev) {
        const struct memory_row *r = LIST_ENTRY(it, struct memory_row, link);
        if (!fits(&r->row, q))
            continue;
        if (!journal_op_add_row(op, &r->row))
            break;
        n++;
    }
    return STORE_OK;
}

static int by_type(const void *a, const void *b)
{
    const struct journal_row *const *x = a, *const *y = b;

    return slice_order((*x)->type, (*y)->type);
}

static int count_rows(const struct memory_journal *j, struct store_op *op)
{
    const struct journal_row **found = held_new((j->n_rows + 1) * sizeof(*found), j->own);
    size_t n = 0;

    if (!found)
        return STORE_FAILED;
    LIST_FOREACH(it, &j->rows)
    {
        const struct memory_row *r = LIST_ENTRY(it, struct memory_row, link);
        if (fits(&r->row, &op->journal->query))
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

int memory_journal_run(struct memory_journal *j, struct store_op *op)
{
    switch (op->kind) {
    case STORE_OP_APPEND:
        return append(j, op);
    case STORE_OP_READ:
        return read_rows(j, op);
    case STORE_OP_COUNT:
        return count_rows(j, op);
    case STORE_OP_TRIM:
        op->journal->n_dropped = trim(j, &op->journal->limits);
        return STORE_OK;
    default:
        return STORE_FAILED;
    }
}
