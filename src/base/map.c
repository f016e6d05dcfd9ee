/* map: open addressing with linear probing and backward-shift deletion, at most 3/4 full. No
 * tombstones, so a table that clients fill and empty for weeks stays as fast as a new one. */
#include "base/map.h"

#include <pthread.h>

#include "base/account.h"
#include "base/memory.h"
#include "base/random.h"

enum { MAP_FIRST_SLOTS = 8 };

static struct {
    pthread_once_t once;
    uint64_t k0, k1;
} hash_key = {.once = PTHREAD_ONCE_INIT}; /* written once, before any reader */

static void make_hash_key(void)
{
    random_bytes(&hash_key.k0, sizeof(hash_key.k0));
    random_bytes(&hash_key.k1, sizeof(hash_key.k1));
}

static inline uint64_t map_rotl(uint64_t x, int b)
{
    return (x << b) | (x >> (64 - b));
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = map_rotl(v[1], 13) ^ v[0];
    v[0] = map_rotl(v[0], 32);
    v[2] += v[3];
    v[3] = map_rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = map_rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = map_rotl(v[1], 17) ^ v[2];
    v[2] = map_rotl(v[2], 32);
}

uint64_t map_hash(struct slice key)
{
    pthread_once(&hash_key.once, make_hash_key);
    uint64_t v[4] = {hash_key.k0 ^ 0x736f6d6570736575u, hash_key.k1 ^ 0x646f72616e646f6du,
                     hash_key.k0 ^ 0x6c7967656e657261u, hash_key.k1 ^ 0x7465646279746573u};
    size_t whole = key.len & ~(size_t)7;
    uint64_t word = 0;

    for (size_t i = 0; i < whole; i += 8) {
        memcpy(&word, key.ptr + i, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = 0;
    if (key.len > whole)
        memcpy(&word, key.ptr + whole, key.len - whole);
    word |= (uint64_t)key.len << 56;
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *m)
{
    *m = (struct map){0};
}

void map_pay(struct map *m, struct account *payer)
{
    account_drop(m->payer, mem_taken(m->slots));
    m->payer = payer;
    account_keep_always(m->payer, mem_taken(m->slots));
}

void map_deinit(struct map *m)
{
    account_drop(m->payer, mem_taken(m->slots));
    mem_free(m->slots);
    *m = (struct map){0};
}

static size_t map_probe(const struct map *m, struct slice key, uint64_t hash)
{
    size_t at = hash & (m->n_slots - 1);

    while (m->slots[at].value && !(m->slots[at].hash == hash && slice_eq(m->slots[at].key, key)))
        at = (at + 1) & (m->n_slots - 1);
    return at;
}

void *map_find(const struct map *m, struct slice key)
{
    return m->n_entries ? m->slots[map_probe(m, key, map_hash(key))].value : NULL;
}

static void map_resize(struct map *m, size_t n_slots)
{
    struct map grown = {.slots = mem_new(n_slots * sizeof(struct map_slot)),
                        .n_slots = n_slots,
                        .n_entries = m->n_entries,
                        .payer = m->payer};

    for (size_t i = 0; i < m->n_slots; i++) {
        if (m->slots[i].value)
            grown.slots[map_probe(&grown, m->slots[i].key, m->slots[i].hash)] = m->slots[i];
    }
    account_keep_always(m->payer, mem_taken(grown.slots));
    account_drop(m->payer, mem_taken(m->slots));
    mem_free(m->slots);
    *m = grown;
}

void *map_put(struct map *m, struct slice key, void *value)
{
    ASSERT(value != NULL);
    if ((m->n_entries + 1) * 4 > m->n_slots * 3)
        map_resize(m, m->n_slots ? m->n_slots * 2 : MAP_FIRST_SLOTS);
    uint64_t hash = map_hash(key);
    struct map_slot *slot = &m->slots[map_probe(m, key, hash)];
    void *replaced = slot->value;

    if (!replaced)
        m->n_entries++;
    *slot = (struct map_slot){key, value, hash};
    return replaced;
}

void *map_take(struct map *m, struct slice key)
{
    if (!m->n_entries)
        return NULL;
    size_t mask = m->n_slots - 1;
    size_t hole = map_probe(m, key, map_hash(key));
    void *value = m->slots[hole].value;

    if (!value)
        return NULL;
    m->n_entries--;
    for (size_t at = (hole + 1) & mask; m->slots[at].value; at = (at + 1) & mask) {
        size_t home = m->slots[at].hash & mask;
        /* An entry may move back into the hole only if its home is not cyclically in (hole, at]. */
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            m->slots[hole] = m->slots[at];
            hole = at;
        }
    }
    m->slots[hole] = (struct map_slot){0};
    if (m->n_slots > MAP_FIRST_SLOTS && m->n_entries * 8 < m->n_slots)
        map_resize(m, m->n_slots / 2);
    return value;
}

bool map_next(const struct map *m, size_t *cursor, struct slice *ret_key, void **ret_value)
{
    while (*cursor < m->n_slots) {
        const struct map_slot *slot = &m->slots[(*cursor)++];
        if (slot->value) {
            if (ret_key)
                *ret_key = slot->key;
            *ret_value = slot->value;
            return true;
        }
    }
    return false;
}
