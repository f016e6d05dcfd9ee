/* slots: the objects of one loop that other threads may name. The world holds a handle, never a
 * pointer: a handle whose generation is old names nobody. Loop-owned. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct handle {
    uint16_t loop; /* index in the loop set */
    /* of what is gone with its last answer, so that nobody need be told; set before it is made
     * known */
    bool is_brief;
    uint32_t slot;
    uint32_t generation; /* 0 = no handle */
};

static inline bool handle_eq(struct handle a, struct handle b)
{
    return a.loop == b.loop && a.slot == b.slot && a.generation == b.generation;
}

struct slot {
    void *object; /* NULL = free */
    uint32_t generation;
    uint32_t next_free;
};

struct account;

struct slots {
    struct slot *slots;
    struct account *payer; /* borrowed: keeps the array; NULL = nobody */
    uint32_t n_slots, n_used, first_free;
    uint16_t loop;
    /* the used slot that keeps the array long: none above it is used; 0 = nobody has looked */
    uint32_t in_the_way;
    /* of slots that the array grows by: above that of any slot it ever gave back */
    uint32_t first_generation;
};

void slots_init(struct slots *s, uint32_t loop_index);
/* before the first is put; the account outlives the slots */
void slots_pay(struct slots *s, struct account *payer);
void slots_deinit(struct slots *s);
struct handle slots_put(struct slots *s, void *object);
void *slots_find(const struct slots *s, struct handle h); /* NULL when gone */
void slots_remove(struct slots *s, struct handle h);
