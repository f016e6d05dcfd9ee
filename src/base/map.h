/* map: byte strings to pointers. Keys are borrowed: each must live as long as its entry (usually
 * inside the value). Hashing is keyed per process, so a client cannot choose collisions. Owner's
 * thread only. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct map_slot {
    struct slice key;
    void *value; /* NULL = free slot */
    uint64_t hash;
};

struct account;

struct map {
    struct map_slot *slots;
    size_t n_slots; /* power of two, or 0 */
    size_t n_entries;
    struct account *payer; /* borrowed: keeps the slots; NULL = nobody */
};

void map_init(struct map *m);
/* from here on; the account outlives the map */
void map_pay(struct map *m, struct account *payer);
/* the values are the caller's */
void map_deinit(struct map *m);
void *map_find(const struct map *m, struct slice key); /* NULL when absent */
/* value not NULL; returns the one it replaced, or NULL */
void *map_put(struct map *m, struct slice key, void *value);
/* removes; returns the value, or NULL */
void *map_take(struct map *m, struct slice key);
/* Walks all entries in no order; start with *cursor = 0. The map must not change during a walk. */
bool map_next(const struct map *m, size_t *cursor, struct slice *ret_key, void **ret_value);
/* SipHash-1-3 under the process key */
uint64_t map_hash(struct slice key);
