/* revocation: the map's keys are the beginnings of the digests inside the entries. An entry is in
 * the map before the store is asked, so there is no moment in which a revoked token passes; the
 * caller is told only after the store has it.
 *
 * The store is given no expiry: its own clock is the wall's. Entries are removed there when they
 * are dropped here, by the steady time: what it was when it was last written down, and the time
 * this process has run since. It never runs ahead of the true time, unless the wall clock was ahead
 * when the server first started; while a server is down it stands still, which keeps entries a
 * little longer. */
#include "auth/revocation.h"

#include "auth/user.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "store/store.h"
#include "wire/mp.h"

enum { SWEEP_MS = 60 * 1000, SWEEP_MAX = 4096, NOTE_EVERY_S = 600 };
enum { ANONYMOUS_PART = 10 }; /* of all entries, for the shares of addresses together */

static const char bucket[] = "revoked";
static const char own_bucket[] = "hyphad", steady_key[] = "steady-time";

/* The entries of one owner. */
struct share {
    struct list entries;
    size_t n_entries;
    bool is_anonymous;
    size_t key_len;
    char key[];
};

struct entry {
    struct list link; /* in its share */
    struct share *share;
    int64_t expires_at, until;
    uint8_t digest[32];
};

struct revocations {
    struct loop *loop;
    struct store *store;
    struct map entries; /* digest -> struct entry, owned */
    struct map shares;  /* owner -> struct share, owned */
    size_t n_anonymous;
    struct timer sweep;
    bool is_shared; /* others go by the steady time too */
    /* the steady time at since_ms; what the store has of it */
    int64_t steady_s, noted_s;
    uint64_t since_ms;
};

/* An acknowledgement under way. */
struct keeping {
    revocation_done *done;
    void *arg;
};

static struct slice revocation_key_of(const uint8_t *digest)
{
    return slice_make(digest, LINEAGE_DIGEST_BYTES);
}

/* ---- time ---- */

static int64_t steady_now(const struct revocations *r)
{
    return r->steady_s + (int64_t)((clock_mono_ms() - r->since_ms) / 1000);
}

/* By both clocks: a wall clock that was ahead at the first start is still right when it says "not
 * yet". */
static int64_t certain_now(const struct revocations *r)
{
    int64_t steady = steady_now(r), wall = clock_wall_ms() / 1000;

    return steady < wall ? steady : wall;
}

static void set_steady(struct revocations *r, int64_t now_s)
{
    r->steady_s = r->noted_s = now_s;
    r->since_ms = clock_mono_ms();
}

static void note_steady(struct revocations *r)
{
    SCRATCH_BUF(bytes, 0);

    r->noted_s = steady_now(r);
    mp_add_int(&bytes, r->noted_s);
    store_put(r->store, own_bucket, slice_of(steady_key), buf_slice(&bytes), 0, NULL, NULL);
}

int64_t revocations_now(const struct revocations *r)
{
    LOOP_ASSERT(r->loop);
    return certain_now(r);
}

void revocations_note_time(struct revocations *r)
{
    LOOP_ASSERT(r->loop);
    if (!r->is_shared)
        note_steady(r);
    r->is_shared = true;
}

/* ---- entries and their shares ---- */

static struct share *revocation_find_share(const struct revocations *r, struct slice owner)
{
    return map_find(&r->shares, owner);
}

static struct share *revocation_make_share(struct revocations *r, struct slice owner)
{
    struct share *s = revocation_find_share(r, owner);

    if (s)
        return s;
    s = mem_new(sizeof(*s) + owner.len);
    list_init(&s->entries);
    s->is_anonymous = !slice_starts(owner, "user:");
    s->key_len = owner.len;
    memcpy(s->key, owner.ptr, owner.len);
    map_put(&r->shares, slice_make(s->key, s->key_len), s);
    return s;
}

static void add_entry(struct revocations *r, const struct revocation *v)
{
    struct entry *e = MEM_NEW(struct entry);

    e->share = revocation_make_share(r, v->owner);
    e->expires_at = v->expires_at;
    e->until = v->until;
    memcpy(e->digest, v->digest, sizeof(e->digest));
    list_init(&e->link);
    list_link(&e->share->entries, &e->link);
    e->share->n_entries++;
    r->n_anonymous += e->share->is_anonymous;
    map_put(&r->entries, revocation_key_of(e->digest), e);
    loop_count(r->loop, METRIC_REVOCATIONS, 1);
}

static void drop_entry(struct revocations *r, struct entry *e)
{
    struct share *s = e->share;

    store_remove(r->store, bucket, slice_make(e->digest, sizeof(e->digest)), NULL, NULL);
    map_take(&r->entries, revocation_key_of(e->digest));
    list_unlink(&e->link);
    r->n_anonymous -= s->is_anonymous;
    mem_free(e);
    loop_count(r->loop, METRIC_REVOCATIONS, -1);
    if (--s->n_entries)
        return;
    map_take(&r->shares, slice_make(s->key, s->key_len));
    mem_free(s);
}

/* Of a share's entries whose token has expired, the one of which all descends ends first: that of a
 * login, whose workers may live for long, goes last. NULL: all are good still. */
static struct entry *find_spent(const struct revocations *r, const struct share *s)
{
    struct entry *spent = NULL;
    int64_t now = certain_now(r);

    LIST_FOREACH (it, &s->entries) {
        struct entry *e = LIST_ENTRY(it, struct entry, link);
        if (e->expires_at <= now && (!spent || e->until < spent->until))
            spent = e;
    }
    return spent;
}

static bool revocation_is_full(const struct revocations *r, const struct share *s,
                               bool is_anonymous, const struct revocation_limits *limits)
{
    size_t n = s ? s->n_entries : 0;

    if (r->entries.n_entries >= limits->all ||
        n >= (is_anonymous ? limits->of_address : limits->of_user))
        return true;
    return is_anonymous && r->n_anonymous >= (limits->all + ANONYMOUS_PART - 1) / ANONYMOUS_PART;
}

/* Makes a place at the owner's own cost. False: there is none. */
static bool revocation_make_room(struct revocations *r, struct slice owner,
                                 const struct revocation_limits *limits)
{
    const struct share *s = revocation_find_share(r, owner);

    if (!revocation_is_full(r, s, !slice_starts(owner, "user:"), limits))
        return true;
    struct entry *spent = s ? find_spent(r, s) : NULL;
    if (!spent)
        return false;
    drop_entry(r, spent);
    return !revocation_is_full(r, revocation_find_share(r, owner), !slice_starts(owner, "user:"),
                               limits);
}

/* The map must not change during a walk, so what goes is collected first; what is over the count
 * waits for the next one. */
static bool revocation_sweep(struct revocations *r)
{
    struct entry **past = mem_new(SWEEP_MAX * sizeof(struct entry *));
    int64_t now = certain_now(r);
    size_t cursor = 0, n = 0;
    void *value;

    while (n < SWEEP_MAX && map_next(&r->entries, &cursor, NULL, &value)) {
        struct entry *e = value;
        if (e->until <= now)
            past[n++] = e;
    }
    for (size_t i = 0; i < n; i++)
        drop_entry(r, past[i]);
    mem_free(past);
    if ((r->entries.n_entries || r->is_shared) && steady_now(r) - r->noted_s >= NOTE_EVERY_S)
        note_steady(r);
    return n == SWEEP_MAX;
}

void revocations_sweep(struct revocations *r)
{
    LOOP_ASSERT(r->loop);
    (void)revocation_sweep(r);
}

static void revocation_on_sweep(struct timer *t)
{
    struct revocations *r = CONTAINER_OF(t, struct revocations, sweep);

    timer_start(r->loop, &r->sweep, revocation_sweep(r) ? 0 : SWEEP_MS);
}

/* ---- life ---- */

struct revocations *revocations_new(struct loop *loop, struct store *store)
{
    struct revocations *r = MEM_NEW(struct revocations);

    r->loop = loop;
    r->store = store;
    map_init(&r->entries);
    map_init(&r->shares);
    timer_init(&r->sweep, revocation_on_sweep);
    set_steady(r, clock_wall_ms() / 1000);
    return r;
}

void revocations_stop(struct revocations *r)
{
    LOOP_ASSERT(r->loop);
    timer_stop(r->loop, &r->sweep);
}

static void revocation_free_all(struct map *m)
{
    size_t cursor = 0;
    void *value;

    while (map_next(m, &cursor, NULL, &value))
        mem_free(value);
    map_deinit(m);
}

void revocations_free(struct revocations *r)
{
    if (!r)
        return;
    revocation_free_all(&r->entries);
    revocation_free_all(&r->shares);
    mem_free(r);
}

/* ---- from the store: [expires_at, until, owner], and the steady time ---- */

struct loading {
    struct revocations *revocations;
    revocation_done *done;
    void *arg;
};

static bool revocation_load(struct revocations *r, struct slice key, struct slice bytes)
{
    struct revocation v = {.digest = (const uint8_t *)key.ptr};
    struct slice rest = bytes, row, expires_at, until, owner;

    if (key.len != 32 || mp_take(&rest, 1, &row) != MP_OK || !mp_at(row, 0, &expires_at) ||
        !mp_at(row, 1, &until) || !mp_at(row, 2, &owner) ||
        !mp_get_int(expires_at, &v.expires_at) || !mp_get_int(until, &v.until) ||
        !mp_get_str(owner, &v.owner))
        return false;
    if (!map_find(&r->entries, revocation_key_of(v.digest)))
        add_entry(r, &v);
    return true;
}

static void revocation_on_row(int outcome, struct slice key, struct slice bytes, void *arg)
{
    struct loading *l = arg;

    if (outcome == STORE_OK) {
        if (!revocation_load(l->revocations, key, bytes))
            LOG(LOG_WARN, "auth", "a record of a revoked token does not parse");
        return;
    }
    timer_start(l->revocations->loop, &l->revocations->sweep, SWEEP_MS);
    if (l->done)
        l->done(outcome == STORE_ABSENT ? REVOCATION_OK : REVOCATION_FAILED, l->arg);
    mem_free(l);
}

/* Without one there is no entry either that it could be wrong for. */
static void on_steady(int outcome, struct slice bytes, void *arg)
{
    struct loading *l = arg;
    struct slice rest = bytes, value;
    int64_t steady_s;

    if (outcome == STORE_OK && mp_take(&rest, 0, &value) == MP_OK && mp_get_int(value, &steady_s))
        set_steady(l->revocations, steady_s);
    store_scan(l->revocations->store, bucket, revocation_on_row, l);
}

void revocations_load(struct revocations *r, revocation_done *done, void *arg)
{
    struct loading *l = MEM_NEW(struct loading);

    *l = (struct loading){r, done, arg};
    store_get(r->store, own_bucket, slice_of(steady_key), on_steady, l);
}

/* ---- adding and asking ---- */

static void revocation_on_kept(int outcome, void *arg)
{
    struct keeping *k = arg;

    if (k->done)
        k->done(outcome == STORE_OK ? REVOCATION_OK : REVOCATION_FAILED, k->arg);
    mem_free(k);
}

static void revocation_put(struct revocations *r, const struct revocation *v, struct keeping *k)
{
    SCRATCH_BUF(bytes, 0);

    mp_add_array(&bytes, 3);
    mp_add_int(&bytes, v->expires_at);
    mp_add_int(&bytes, v->until);
    mp_add_str(&bytes, v->owner);
    store_put(r->store, bucket, slice_make(v->digest, 32), buf_slice(&bytes), 0, revocation_on_kept,
              k);
}

void revocation_add(struct revocations *r, const struct revocation *v,
                    const struct revocation_limits *limits, revocation_done *done, void *arg)
{
    const struct entry *known = map_find(&r->entries, revocation_key_of(v->digest));
    struct keeping *k;

    LOOP_ASSERT(r->loop);
    ASSERT(v->owner.len <= REVOCATION_OWNER_MAX);
    if (!known && !revocation_make_room(r, v->owner, limits)) {
        loop_count(r->loop, METRIC_QUOTA_REFUSED, 1);
        if (done)
            done(REVOCATION_FULL, arg);
        return;
    }
    if (!known) {
        if (!r->entries.n_entries && !r->is_shared)
            note_steady(r);
        add_entry(r, v);
    }
    k = MEM_NEW(struct keeping);
    *k = (struct keeping){done, arg};
    if (known) /* the same record again: its answer says that it is kept */
        revocation_put(r,
                       &(struct revocation){known->digest, known->expires_at, known->until,
                                            slice_make(known->share->key, known->share->key_len)},
                       k);
    else
        revocation_put(r, v, k);
}

bool revocation_has(const struct revocations *r, const uint8_t *digest)
{
    LOOP_ASSERT(r->loop);
    return map_find(&r->entries, revocation_key_of(digest)) != NULL;
}

bool revocation_covers(const struct revocations *r, const struct user *u)
{
    for (unsigned i = 0; i < u->lineage.n + u->lineage.has_session; i++) {
        if (revocation_has(r, u->lineage.digests[i]))
            return true;
    }
    return false;
}
