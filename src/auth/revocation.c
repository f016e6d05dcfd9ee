/* revocation: the set of revoked tokens. The map's keys are the digests inside the entries. An entry is in the map before the
 * store is asked, so there is no moment in which a revoked token passes; the caller is told only after the store has it. */
#include "auth/revocation.h"

#include "auth/user.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "store/store.h"
#include "wire/mp.h"

enum { SWEEP_MS = 60 * 1000, SWEEP_MAX = 4096 };

static const char bucket[] = "revoked";

struct entry {
    uint8_t digest[32];
    int64_t expires_at;
};

struct revocations {
    struct loop *loop;
    struct store *store;
    struct map entries;
    struct timer sweep;
};

/* An acknowledgement under way. */
struct keeping {
    revocation_done *done;
    void *arg;
};

static struct slice key_of(const uint8_t *digest)
{
    return slice_make(digest, LINEAGE_DIGEST_BYTES);
}

static void add_entry(struct revocations *r, const uint8_t digest[32], int64_t expires_at)
{
    struct entry *e = map_find(&r->entries, key_of(digest));

    if (e) {
        e->expires_at = expires_at;
        return;
    }
    e = MEM_NEW(struct entry);
    memcpy(e->digest, digest, sizeof(e->digest));
    e->expires_at = expires_at;
    map_put(&r->entries, key_of(e->digest), e);
}

/* The map must not change during a walk, so the expired are collected first; what is over the count waits for the next one. */
static void on_sweep(struct timer *t)
{
    struct revocations *r = CONTAINER_OF(t, struct revocations, sweep);
    struct entry **expired = mem_new(SWEEP_MAX * sizeof(struct entry *));
    int64_t now = clock_wall_ms() / 1000;
    size_t cursor = 0, n = 0;
    struct slice key;
    void *value;

    while (n < SWEEP_MAX && map_next(&r->entries, &cursor, &key, &value)) {
        struct entry *e = value;
        if (e->expires_at <= now)
            expired[n++] = e;
    }
    for (size_t i = 0; i < n; i++) {
        map_take(&r->entries, key_of(expired[i]->digest));
        mem_free(expired[i]);       /* the store prunes its own copy by the same time */
    }
    mem_free(expired);
    timer_start(r->loop, &r->sweep, n == SWEEP_MAX ? 0 : SWEEP_MS);
}

struct revocations *revocations_new(struct loop *loop, struct store *store)
{
    struct revocations *r = MEM_NEW(struct revocations);

    r->loop = loop;
    r->store = store;
    map_init(&r->entries);
    timer_init(&r->sweep, on_sweep);
    return r;
}

void revocations_stop(struct revocations *r)
{
    LOOP_ASSERT(r->loop);
    timer_stop(r->loop, &r->sweep);
}

void revocations_free(struct revocations *r)
{
    size_t cursor = 0;
    struct slice key;
    void *value;

    if (!r)
        return;
    while (map_next(&r->entries, &cursor, &key, &value))
        mem_free(value);
    map_deinit(&r->entries);
    mem_free(r);
}

/* ---- from and to the store ---- */

struct loading {
    struct revocations *revocations;
    revocation_done *done;
    void *arg;
};

static void on_row(int outcome, struct slice key, struct slice bytes, void *arg)
{
    struct loading *l = arg;
    struct slice rest = bytes, value;
    int64_t expires_at;

    if (outcome == STORE_OK) {
        if (key.len == 32 && mp_take(&rest, 0, &value) == MP_OK && mp_get_int(value, &expires_at))
            add_entry(l->revocations, (const uint8_t *)key.ptr, expires_at);
        return;
    }
    timer_start(l->revocations->loop, &l->revocations->sweep, SWEEP_MS);
    if (l->done)
        l->done(outcome == STORE_ABSENT ? REVOCATION_OK : REVOCATION_FAILED, l->arg);
    mem_free(l);
}

void revocations_load(struct revocations *r, revocation_done *done, void *arg)
{
    struct loading *l = MEM_NEW(struct loading);

    *l = (struct loading){r, done, arg};
    store_scan(r->store, bucket, on_row, l);
}

static void on_kept(int outcome, void *arg)
{
    struct keeping *k = arg;

    if (k->done)
        k->done(outcome == STORE_OK ? REVOCATION_OK : REVOCATION_FAILED, k->arg);
    mem_free(k);
}

void revocation_add(struct revocations *r, const uint8_t digest[32], int64_t expires_at, revocation_done *done, void *arg)
{
    struct keeping *k;
    struct buf bytes;

    LOOP_ASSERT(r->loop);
    if (r->entries.n_entries >= REVOCATIONS_MAX && !map_find(&r->entries, key_of(digest))) {
        if (done)
            done(REVOCATION_FULL, arg);
        return;
    }
    add_entry(r, digest, expires_at);
    k = MEM_NEW(struct keeping);
    *k = (struct keeping){done, arg};
    buf_init(&bytes, 0);
    mp_add_int(&bytes, expires_at);
    store_put(r->store, bucket, slice_make(digest, 32), buf_slice(&bytes), expires_at, on_kept, k);
    buf_deinit(&bytes);
}

bool revocation_has(const struct revocations *r, const uint8_t *digest)
{
    LOOP_ASSERT(r->loop);
    return map_find(&r->entries, key_of(digest)) != NULL;
}

bool revocation_covers(const struct revocations *r, const struct user *u)
{
    for (unsigned i = 0; i < u->lineage.n; i++) {
        if (revocation_has(r, u->lineage.digests[i]))
            return true;
    }
    return false;
}
