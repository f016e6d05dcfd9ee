/* ring: a growing first-in-first-out queue of pointers. Owner's thread only. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
    void **slots;     /* owned; NULL while empty */
    uint32_t n_slots; /* power of two, or 0 */
    uint32_t head;    /* index of the oldest */
    uint32_t n_items;
};

void ring_init(struct ring *r);
void ring_deinit(struct ring *r); /* the items are the caller's */
void ring_push(struct ring *r, void *item);
void *ring_take(struct ring *r);                   /* the oldest, or NULL */
void *ring_at(const struct ring *r, size_t index); /* 0 = the oldest; NULL past the end */
void ring_trim(struct ring *r);                    /* gives memory back when empty */
