/* directory: each shard is an open-addressed table of pointers to immutable entries.
 *
 *   find:  enter epoch - load table - probe: load place, compare hash and key - copy the route -
 *          leave
 *   put:   lock - probe - store a new entry over the old one (or into a free place) - retire the
 *          old - unlock
 *   size:  build the new table aside, store it over the old one, retire the old table; it grows
 *          when half of its places are used and shrinks when an eighth is, so that what a crowd
 *          needed goes when it leaves
 *
 * A removed place holds REMOVED, so that probes of other keys go on past it; a new table drops
 * those places. All loads and stores of published pointers are seq_cst, which is what the argument
 * in epoch.c needs and costs nothing on x86-64 loads. */
#include "router/directory.h"

#include "base/account.h"
#include "base/map.h"
#include "base/memory.h"

enum { FIRST_PLACES = 16 };

struct entry {
    struct epoch_item item;
    uint64_t hash;
    struct route route;
    size_t key_len;
    char key[];
};

struct table {
    struct epoch_item item;
    size_t n_places; /* power of two */
    _Atomic(struct entry *) places[];
};

static struct entry removed_entry; /* only its address matters: it is never read */
#define REMOVED (&removed_entry)

static void free_entry(struct epoch_item *item)
{
    mem_free(CONTAINER_OF(item, struct entry, item));
}

static void free_table(struct epoch_item *item)
{
    mem_free(CONTAINER_OF(item, struct table, item));
}

static struct table *table_new(size_t n_places)
{
    struct table *t = mem_new(sizeof(*t) + n_places * sizeof(t->places[0]));

    t->item.free_item = free_table;
    t->n_places = n_places;
    return t;
}

static struct entry *entry_new(struct slice key, uint64_t hash, struct route route)
{
    struct entry *e = mem_new(sizeof(*e) + key.len);

    e->item.free_item = free_entry;
    e->hash = hash;
    e->route = route;
    e->key_len = key.len;
    memcpy(e->key, key.ptr, key.len);
    return e;
}

static struct entry *directory_load(struct table *t, size_t at)
{
    return atomic_load_explicit(&t->places[at], memory_order_seq_cst);
}

static void directory_store(struct table *t, size_t at, struct entry *e)
{
    atomic_store_explicit(&t->places[at], e, memory_order_seq_cst);
}

static bool directory_matches(const struct entry *e, struct slice key, uint64_t hash)
{
    return e != REMOVED && e->hash == hash && e->key_len == key.len &&
           memcmp(e->key, key.ptr, key.len) == 0;
}

static struct shard *shard_of(struct directory *d, uint64_t hash)
{
    return &d->shards[hash >> 60];
}

/* The place of the key, or the first free one (and *ret_reusable the first removed one on the way,
 * or SIZE_MAX). */
static size_t directory_probe(struct table *t, struct slice key, uint64_t hash,
                              size_t *ret_reusable)
{
    size_t mask = t->n_places - 1, at = hash & mask;

    *ret_reusable = SIZE_MAX;
    for (;; at = (at + 1) & mask) {
        struct entry *e = directory_load(t, at);
        if (!e || directory_matches(e, key, hash))
            return at;
        if (e == REMOVED && *ret_reusable == SIZE_MAX)
            *ret_reusable = at;
    }
}

void directory_init(struct directory *d, unsigned n_readers)
{
    d->payer = NULL;
    epoch_init(&d->epoch, n_readers);
    for (size_t i = 0; i < DIRECTORY_SHARDS; i++) {
        atomic_init(&d->shards[i].table, table_new(FIRST_PLACES));
        pthread_mutex_init(&d->shards[i].lock, NULL);
        d->shards[i].n_live = d->shards[i].n_used = 0;
    }
}

void directory_pay(struct directory *d, struct account *payer)
{
    d->payer = payer;
    for (size_t i = 0; i < DIRECTORY_SHARDS; i++)
        account_keep_always(
            payer, mem_taken(atomic_load_explicit(&d->shards[i].table, memory_order_relaxed)));
}

void directory_deinit(struct directory *d)
{
    for (size_t i = 0; i < DIRECTORY_SHARDS; i++) {
        struct table *t = atomic_load_explicit(&d->shards[i].table, memory_order_relaxed);
        for (size_t at = 0; at < t->n_places; at++) {
            struct entry *e = directory_load(t, at);
            if (e && e != REMOVED) {
                account_drop(d->payer, mem_taken(e));
                mem_free(e);
            }
        }
        account_drop(d->payer, mem_taken(t));
        mem_free(t);
        pthread_mutex_destroy(&d->shards[i].lock);
    }
    epoch_deinit(&d->epoch);
}

bool directory_find(struct directory *d, unsigned reader, struct slice key, struct route *ret)
{
    uint64_t hash = map_hash(key);
    struct shard *shard = shard_of(d, hash);
    bool found = false;

    epoch_enter(&d->epoch, reader);
    struct table *t = atomic_load_explicit(&shard->table, memory_order_seq_cst);
    size_t mask = t->n_places - 1;
    for (size_t at = hash & mask;; at = (at + 1) & mask) {
        struct entry *e = directory_load(t, at);
        if (!e)
            break;
        if (directory_matches(e, key, hash)) {
            *ret = e->route;
            found = true;
            break;
        }
    }
    epoch_leave(&d->epoch, reader);
    return found;
}

/* Unpublished things are on their way out: they are not kept any more. */
static void directory_retire(struct directory *d, struct epoch_item *item, const void *block)
{
    account_drop(d->payer, mem_taken(block));
    epoch_retire(&d->epoch, item);
}

/* Under the lock: a table with four places for each live entry. Returns the one to retire: retiring
 * takes another lock, so it happens outside this one. */
static struct table *directory_rebuild(struct directory *d, struct shard *shard, size_t n_live)
{
    struct table *old = atomic_load_explicit(&shard->table, memory_order_relaxed);
    size_t n_places = FIRST_PLACES;

    while (n_places < n_live * 4)
        n_places *= 2;
    struct table *built = table_new(n_places);
    account_keep_always(d->payer, mem_taken(built));
    for (size_t i = 0; i < old->n_places; i++) {
        struct entry *e = directory_load(old, i);
        if (!e || e == REMOVED)
            continue;
        size_t at = e->hash & (n_places - 1);
        while (directory_load(built, at))
            at = (at + 1) & (n_places - 1);
        directory_store(built, at, e);
    }
    shard->n_used = shard->n_live;
    atomic_store_explicit(&shard->table, built, memory_order_seq_cst);
    return old;
}

/* Under the lock. At most half of the places are ever used, so a probe ends. NULL: nothing to
 * retire. */
static struct table *directory_make_room(struct directory *d, struct shard *shard)
{
    struct table *t = atomic_load_explicit(&shard->table, memory_order_relaxed);

    return (shard->n_used + 1) * 2 > t->n_places ? directory_rebuild(d, shard, shard->n_live + 1)
                                                 : NULL;
}

static struct table *give_room_back(struct directory *d, struct shard *shard)
{
    struct table *t = atomic_load_explicit(&shard->table, memory_order_relaxed);

    return t->n_places > FIRST_PLACES && shard->n_live * 8 <= t->n_places
               ? directory_rebuild(d, shard, shard->n_live)
               : NULL;
}

bool directory_put(struct directory *d, struct slice key, struct route route,
                   struct route *ret_replaced)
{
    uint64_t hash = map_hash(key);
    struct shard *shard = shard_of(d, hash);
    struct entry *e = entry_new(key, hash, route), *old;
    size_t reusable;

    account_keep_always(d->payer, mem_taken(e));
    pthread_mutex_lock(&shard->lock);
    struct table *outgrown = directory_make_room(d, shard);
    struct table *t = atomic_load_explicit(&shard->table, memory_order_relaxed);
    size_t at = directory_probe(t, key, hash, &reusable);
    old = directory_load(t, at);
    if (!old) {
        shard->n_live++;
        shard->n_used += reusable == SIZE_MAX;
        at = reusable == SIZE_MAX ? at : reusable;
    }
    directory_store(t, at, e);
    pthread_mutex_unlock(&shard->lock);
    if (outgrown)
        directory_retire(d, &outgrown->item, outgrown);
    if (!old)
        return false;
    *ret_replaced = old->route;
    directory_retire(d, &old->item, old);
    return true;
}

bool directory_remove(struct directory *d, struct slice key, struct route route)
{
    uint64_t hash = map_hash(key);
    struct shard *shard = shard_of(d, hash);
    size_t reusable;

    pthread_mutex_lock(&shard->lock);
    struct table *t = atomic_load_explicit(&shard->table, memory_order_relaxed);
    size_t at = directory_probe(t, key, hash, &reusable);
    struct entry *e = directory_load(t, at);
    bool is_held = e && route_eq(&e->route, &route);
    struct table *outgrown = NULL;
    if (is_held) {
        directory_store(t, at, REMOVED);
        shard->n_live--;
        outgrown = give_room_back(d, shard);
    }
    pthread_mutex_unlock(&shard->lock);
    if (outgrown)
        directory_retire(d, &outgrown->item, outgrown);
    if (is_held)
        directory_retire(d, &e->item, e);
    return is_held;
}

size_t directory_shard_places(const struct shard *shard)
{
    return atomic_load_explicit(&shard->table, memory_order_relaxed)->n_places;
}

void directory_collect(struct directory *d)
{
    epoch_collect(&d->epoch);
}
