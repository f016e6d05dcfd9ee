/* rate: a set-associative table. A key's hash names a set of eight buckets; a new key takes a free
 * one or the one that is nearest to full. Keys are kept as 64-bit hashes under the process key, so
 * nobody can aim at another's bucket.
 *
 * A bucket that is full again may be forgotten without changing anything, so of a full set that one
 * goes which will be full first: eviction only matters while more than eight busy keys share a set.
 * Each set group has a lock, held for arithmetic only. */
#include "http/rate.h"

#include <math.h>
#include <pthread.h>

#include "base/map.h"
#include "base/memory.h"

enum { RATE_SETS = 2048, RATE_WAYS = 8, RATE_LOCKS = 16 };

struct bucket {
    uint64_t key; /* 0 = free */
    /* when it was last filled; when it will be full, at the latest */
    uint64_t filled_ms, full_ms;
    double tokens;
};

struct http_rate {
    pthread_mutex_t locks[RATE_LOCKS]; /* class http_rate_sets */
    struct bucket sets[RATE_SETS][RATE_WAYS];
};

struct http_rate *http_rate_new(void)
{
    struct http_rate *r = MEM_NEW(struct http_rate);

    for (unsigned i = 0; i < RATE_LOCKS; i++)
        pthread_mutex_init(&r->locks[i], NULL);
    return r;
}

struct http_rate *http_rate_free(struct http_rate *r)
{
    if (r)
        for (unsigned i = 0; i < RATE_LOCKS; i++)
            pthread_mutex_destroy(&r->locks[i]);
    return mem_free(r);
}

static struct bucket *bucket_of(struct bucket *set, uint64_t key, double burst, uint64_t now_ms)
{
    struct bucket *least = &set[0];

    for (unsigned i = 0; i < RATE_WAYS; i++) {
        if (set[i].key == key)
            return &set[i];
        if (!set[i].key || (least->key && set[i].full_ms < least->full_ms))
            least = &set[i];
    }
    *least = (struct bucket){key, now_ms, now_ms, burst};
    return least;
}

bool http_rate_take(struct http_rate *r, struct slice key, struct http_rate_tier tier,
                    uint64_t now_ms, unsigned *ret_retry_after_s)
{
    if (tier.per_s <= 0)
        return true;
    double burst = tier.burst < 1 ? 1 : tier.burst;
    uint64_t forget_ms = tier.forget_ms ? tier.forget_ms : HTTP_RATE_FORGET_MS;
    uint64_t hash = map_hash(key) | 1;
    unsigned set = (unsigned)(hash >> 32) % RATE_SETS;
    pthread_mutex_t *lock = &r->locks[set % RATE_LOCKS];

    pthread_mutex_lock(lock);
    struct bucket *b = bucket_of(r->sets[set], hash, burst, now_ms);
    uint64_t quiet_ms = now_ms > b->filled_ms ? now_ms - b->filled_ms : 0;
    double filled = quiet_ms < forget_ms ? (double)quiet_ms / 1000 * tier.per_s : burst;
    b->tokens = fmin(burst, b->tokens + filled);
    b->filled_ms = now_ms > b->filled_ms ? now_ms : b->filled_ms;
    bool is_taken = b->tokens >= 1;
    if (is_taken)
        b->tokens -= 1;
    double missing = 1 - b->tokens, rest_ms = (burst - b->tokens) / tier.per_s * 1000;
    b->full_ms = b->filled_ms + (uint64_t)fmin(rest_ms, (double)forget_ms);
    pthread_mutex_unlock(lock);
    if (!is_taken)
        *ret_retry_after_s = (unsigned)ceil(fmax(missing / tier.per_s, 1));
    return is_taken;
}
