/* slots: freed slots are reused most recent first; the generation makes reuse visible. It wraps after 2^32 lives of one
 * slot: at a thousand reconnects a second in the same slot that is seven weeks of a handle held in flight. */
#include "loop/slots.h"

#include "base/assert.h"
#include "base/memory.h"

enum { SLOTS_FIRST = 64 };
static const uint32_t NO_SLOT = UINT32_MAX;

void slots_init(struct slots *s, uint32_t loop_index)
{
    *s = (struct slots){.first_free = NO_SLOT, .loop = loop_index};
}

void slots_deinit(struct slots *s)
{
    ASSERT(s->n_used == 0);
    s->slots = mem_free(s->slots);
}

static void grow(struct slots *s)
{
    uint32_t n = s->n_slots ? s->n_slots * 2 : SLOTS_FIRST;
    struct slot *grown = mem_new(n * sizeof(*grown));

    for (uint32_t i = 0; i < s->n_slots; i++)
        grown[i] = s->slots[i];
    for (uint32_t i = n; i-- > s->n_slots;) {
        grown[i] = (struct slot){.generation = 1, .next_free = s->first_free};
        s->first_free = i;
    }
    mem_free(s->slots);
    s->slots = grown;
    s->n_slots = n;
}

struct handle slots_put(struct slots *s, void *object)
{
    ASSERT(object != NULL);
    if (s->first_free == NO_SLOT)
        grow(s);
    uint32_t i = s->first_free;
    s->first_free = s->slots[i].next_free;
    s->slots[i].object = object;
    s->n_used++;
    return (struct handle){s->loop, i, s->slots[i].generation};
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
    slot->generation = slot->generation == UINT32_MAX ? 1 : slot->generation + 1;
    slot->next_free = s->first_free;
    s->first_free = h.slot;
    s->n_used--;
}
