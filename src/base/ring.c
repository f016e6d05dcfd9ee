/* ring: doubles when full; gives all memory back when trimmed empty, because most connections are
 * idle. */
#include "base/ring.h"

#include <string.h>

#include "base/memory.h"

enum { RING_FIRST_SLOTS = 8 };

void ring_init(struct ring *r)
{
    *r = (struct ring){0};
}

void ring_deinit(struct ring *r)
{
    mem_free(r->slots);
    *r = (struct ring){0};
}

static void ring_grow(struct ring *r)
{
    uint32_t n_slots = r->n_slots ? r->n_slots * 2 : RING_FIRST_SLOTS;
    void **slots = mem_new(n_slots * sizeof(*slots));

    for (uint32_t i = 0; i < r->n_items; i++)
        slots[i] = r->slots[(r->head + i) & (r->n_slots - 1)];
    mem_free(r->slots);
    r->slots = slots;
    r->n_slots = n_slots;
    r->head = 0;
}

void ring_push(struct ring *r, void *item)
{
    if (r->n_items == r->n_slots)
        ring_grow(r);
    r->slots[(r->head + r->n_items++) & (r->n_slots - 1)] = item;
}

void *ring_take(struct ring *r)
{
    if (!r->n_items)
        return NULL;
    void *item = r->slots[r->head];
    r->head = (r->head + 1) & (r->n_slots - 1);
    r->n_items--;
    return item;
}

void *ring_at(const struct ring *r, size_t index)
{
    return index < r->n_items ? r->slots[(r->head + (uint32_t)index) & (r->n_slots - 1)] : NULL;
}

void ring_trim(struct ring *r)
{
    if (!r->n_items)
        ring_deinit(r);
}
