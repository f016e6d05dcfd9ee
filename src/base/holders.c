/* holders: a binary heap of those who hold something, by how much; a change moves one of them up
 * or down. */
#include "base/holders.h"

#include <string.h>

#include "base/account.h"
#include "base/memory.h"

struct holder {
    struct list holdings;
    size_t n;
    size_t at; /* in the heap */
    size_t name_len;
    char name[];
};

void holders_init(struct holders *h)
{
    *h = (struct holders){0};
    map_init(&h->by_name);
}

void holders_pay(struct holders *h, struct account *payer)
{
    ASSERT(!h->by_name.n_entries && !h->heap);
    map_pay(&h->by_name, payer);
    h->payer = payer;
}

void holders_deinit(struct holders *h)
{
    ASSERT(!h->by_name.n_entries);
    account_drop(h->payer, mem_taken(h->heap));
    mem_free(h->heap);
    map_deinit(&h->by_name);
}

/* ---- the heap ---- */

static void put_at(struct holders *h, struct holder *o, size_t at)
{
    h->heap[at] = o;
    o->at = at;
}

static void holders_sift_up(struct holders *h, struct holder *o)
{
    while (o->at && h->heap[(o->at - 1) / 2]->n < o->n) {
        size_t parent = (o->at - 1) / 2, at = o->at;
        put_at(h, h->heap[parent], at);
        put_at(h, o, parent);
    }
}

static void holders_sift_down(struct holders *h, struct holder *o, size_t n_heap)
{
    for (;;) {
        size_t child = 2 * o->at + 1, at = o->at;

        if (child + 1 < n_heap && h->heap[child + 1]->n > h->heap[child]->n)
            child++;
        if (child >= n_heap || h->heap[child]->n <= o->n)
            return;
        put_at(h, h->heap[child], at);
        put_at(h, o, child);
    }
}

static void holders_grow(struct holders *h)
{
    size_t room = h->n_room ? h->n_room * 2 : 16;
    struct holder **larger = mem_new(room * sizeof(struct holder *));

    if (h->heap)
        memcpy(larger, h->heap, h->n_room * sizeof(struct holder *));
    account_drop(h->payer, mem_taken(h->heap));
    account_keep_always(h->payer, mem_taken(larger));
    mem_free(h->heap);
    h->heap = larger;
    h->n_room = room;
}

/* ---- holders ---- */

static struct slice holders_name_of(const struct holder *o)
{
    return slice_make(o->name, o->name_len);
}

static struct holder *holders_get(struct holders *h, struct slice name)
{
    struct holder *o = map_find(&h->by_name, name);

    if (o)
        return o;
    o = mem_new(sizeof(*o) + name.len);
    list_init(&o->holdings);
    o->name_len = name.len;
    if (name.len)
        memcpy(o->name, name.ptr, name.len);
    account_keep_always(h->payer, mem_taken(o));
    if (h->by_name.n_entries == h->n_room)
        holders_grow(h);
    put_at(h, o, h->by_name.n_entries);
    map_put(&h->by_name, holders_name_of(o), o);
    return o;
}

static void holders_drop(struct holders *h, struct holder *o)
{
    size_t last = h->by_name.n_entries - 1, at = o->at;
    struct holder *moved = h->heap[last];

    map_take(&h->by_name, holders_name_of(o));
    if (moved != o) {
        put_at(h, moved, at);
        holders_sift_up(h, moved);
        holders_sift_down(h, moved, last);
    }
    account_drop(h->payer, mem_taken(o));
    mem_free(o);
}

void holding_take(struct holders *h, struct holding *g, struct slice name, size_t n)
{
    struct holder *o = holders_get(h, name);

    ASSERT(!g->holder);
    *g = (struct holding){.holder = o, .n = n};
    list_init(&g->link);
    list_link(&o->holdings, &g->link);
    o->n += n;
    h->n += n;
    holders_sift_up(h, o);
}

void holding_leave(struct holders *h, struct holding *g)
{
    struct holder *o = g->holder;

    if (!o)
        return;
    list_unlink(&g->link);
    o->n -= g->n;
    h->n -= g->n;
    *g = (struct holding){0};
    holders_sift_down(h, o, h->by_name.n_entries);
    if (list_is_empty(&o->holdings))
        holders_drop(h, o);
}

struct slice holding_name(const struct holding *g)
{
    return g->holder ? holders_name_of(g->holder) : (struct slice){NULL, 0};
}

size_t holders_of(const struct holders *h, struct slice name)
{
    const struct holder *o = map_find(&h->by_name, name);

    return o ? o->n : 0;
}

static struct holding *holders_first(const struct holder *o)
{
    return o ? LIST_ENTRY(o->holdings.next, struct holding, link) : NULL;
}

struct holding *holders_oldest(const struct holders *h, struct slice name)
{
    return holders_first(map_find(&h->by_name, name));
}

struct holding *holders_give_way(const struct holders *h, struct slice name, size_t n)
{
    const struct holder *own = map_find(&h->by_name, name),
                        *largest = h->by_name.n_entries ? h->heap[0] : NULL;

    if (!largest || own == largest || largest->n < (own ? own->n : 0) + n)
        return holders_first(own);
    return holders_first(largest);
}
