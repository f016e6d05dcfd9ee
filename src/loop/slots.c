/* slots: freed slots are reused most recent first; the generation makes reuse visible. It wraps
 * after 2^32 lives of one slot: at a thousand reconnects a second in the same slot that is seven
 * weeks of a handle held in flight.
 *
 * When most are free, the free end of the array goes back; where a survivor is in the way, its own
 * end is the next time to look. Handles of slots that are gone stay stale for ever: slots that come
 * again begin above every generation that was given back. */
#include "loop/slots.h"

#include <string.h>

#include "base/account.h"
#include "base/assert.h"
#include "base/memory.h"

enum { SLOTS_FIRST = 64 };
static const uint32_t NO_SLOT = UINT32_MAX;

void slots_init(struct slots *s, uint32_t loop_index)
{
    ASSERT(loop_index <= UINT16_MAX);
    *s = (struct slots){.first_free = NO_SLOT, .loop = (uint16_t)loop_index, .first_generation = 1};
}

void slots_pay(struct slots *s, struct account *payer)
{
    ASSERT(!s->slots);
    s->payer = payer;
}

void slots_deinit(struct slots *s)
{
    ASSERT(s->n_used == 0);
    account_drop(s->payer, mem_taken(s->slots));
    s->slots = mem_free(s->slots);
}

static uint32_t next_generation(uint32_t generation)
{
    return generation == UINT32_MAX ? 1 : generation + 1;
}

/* Makes the array n slots long and strings its free ones, lowest first. */
static void slots_resize(struct slots *s, uint32_t n)
{
    struct slot *sized = mem_new(n * sizeof(*sized));
    uint32_t n_kept = n < s->n_slots ? n : s->n_slots;

    if (n_kept)
        memcpy(sized, s->slots, n_kept * sizeof(*sized));
    for (uint32_t i = n_kept; i < n; i++)
        sized[i].generation = s->first_generation;
    for (uint32_t i = n_kept; i < s->n_slots; i++) {
        if (s->slots[i].generation >= s->first_generation)
            s->first_generation = next_generation(s->slots[i].generation);
    }
    s->first_free = NO_SLOT;
    for (uint32_t i = n; i-- > 0;) {
        if (sized[i].object)
            continue;
        sized[i].next_free = s->first_free;
        s->first_free = i;
    }
    account_keep_always(s->payer, mem_taken(sized));
    account_drop(s->payer, mem_taken(s->slots));
    mem_free(s->slots);
    s->slots = sized;
    s->n_slots = n;
    s->in_the_way = 0;
}

static void slots_grow(struct slots *s)
{
    slots_resize(s, s->n_slots ? s->n_slots * 2 : SLOTS_FIRST);
}

/* Called with most slots free. A look that passed over many slots in vain strings the free ones
 * anew, lowest first, so that the high ones are not used next and looked over again. */
static void slots_shrink(struct slots *s)
{
    uint32_t from = s->in_the_way ? s->in_the_way : s->n_slots - 1, highest = from, n = s->n_slots;

    while (highest && !s->slots[highest].object)
        highest--;
    while (n > SLOTS_FIRST && highest < n / 2 && s->n_used <= n / 8)
        n /= 2;
    if (n < s->n_slots || from - highest > SLOTS_FIRST)
        slots_resize(s, n);
    if (highest >= n / 2)
        s->in_the_way = highest;
}

struct handle slots_put(struct slots *s, void *object)
{
    ASSERT(object != NULL);
    if (s->first_free == NO_SLOT)
        slots_grow(s);
    uint32_t i = s->first_free;
    s->first_free = s->slots[i].next_free;
    s->slots[i].object = object;
    s->n_used++;
    if (s->in_the_way && i > s->in_the_way)
        s->in_the_way = i;
    return (struct handle){.loop = s->loop, .slot = i, .generation = s->slots[i].generation};
}

void *slots_find(const struct slots *s, struct handle h)
{
    if (h.slot >= s->n_slots || s->slots[h.slot].generation != h.generation)
        return NULL;
    return s->slots[h.slot].object;
}

void slots_remove(struct slots *s, struct handle h)
{
    ASSERT(slots_find(s, h) != NULL);
    struct slot *slot = &s->slots[h.slot];
    slot->object = NULL;
    slot->generation = next_generation(slot->generation);
    slot->next_free = s->first_free;
    s->first_free = h.slot;
    s->n_used--;
    if (h.slot < s->in_the_way || s->n_slots == SLOTS_FIRST)
        return;
    if (s->n_used <= s->n_slots / 8)
        slots_shrink(s);
    else
        s->in_the_way = 0;
}
