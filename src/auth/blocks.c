/* blocks: one table for both kinds, its keys the store's: "user:ID" and "ip:ADDRESS". A block is in
 * the table before the store is asked, so nobody slips in between; the caller is told only after
 * the store has it. */
#include "auth/blocks.h"

#include <stdio.h>
#include <string.h>

#include "auth/user.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "store/store.h"
#include "wire/ip.h"
#include "wire/mp.h"

enum { SWEEP_MS = 60 * 1000, SWEEP_MAX = 4096, KEY_MAX = BLOCK_SUBJECT_MAX + 8 };

static const char bucket[] = "blocks";
static const char *const prefixes[] = {[BLOCK_USER] = "user:", [BLOCK_ADDRESS] = "ip:"};

struct entry {
    struct block block; /* its texts lie in `text` */
    size_t key_len;
    char text[]; /* the key, then the reason */
};

struct blocks {
    struct loop *loop;
    struct store *store;
    struct map entries; /* key -> struct entry, owned */
    struct timer sweep;
    block_watch *watch;
    void *watch_arg;
};

static struct slice blocks_key_of(const struct entry *e)
{
    return slice_make(e->text, e->key_len);
}

/* Of a subject that is too long for any user there is no key, and so no block: the empty slice. */
static struct slice make_key(enum block_kind kind, struct slice subject, char room[KEY_MAX])
{
    if (!subject.len || subject.len > BLOCK_SUBJECT_MAX)
        return (struct slice){NULL, 0};
    size_t n = strlen(prefixes[kind]);
    memcpy(room, prefixes[kind], n);
    memcpy(room + n, subject.ptr, subject.len);
    return slice_make(room, n + subject.len);
}

static bool blocks_has_expired(const struct entry *e)
{
    return e->block.until_ms <= clock_mono_ms();
}

static uint64_t end_of(const struct block *block, int64_t now_s)
{
    uint64_t left_s = block->expires_at > now_s ? (uint64_t)(block->expires_at - now_s) : 0;

    return block->expires_at ? clock_mono_ms() + left_s * 1000 : UINT64_MAX;
}

static void blocks_tell(const struct blocks *b, const struct block *block, bool holds)
{
    if (b->watch)
        b->watch(block, holds, b->watch_arg);
}

static void blocks_drop(struct blocks *b, struct slice key)
{
    struct entry *e = map_take(&b->entries, key);

    if (!e)
        return;
    loop_count(b->loop, METRIC_BLOCKS, -1);
    blocks_tell(b, &e->block, false);
    mem_free(e);
}

/* now_s: by the clock that says when it ends. */
static void blocks_keep(struct blocks *b, struct slice key, const struct block *block,
                        int64_t now_s)
{
    struct entry *e = mem_new(sizeof(*e) + key.len + block->reason.len);
    size_t prefix = strlen(prefixes[block->kind]);

    e->key_len = key.len;
    memcpy(e->text, key.ptr, key.len);
    if (block->reason.len)
        memcpy(e->text + key.len, block->reason.ptr, block->reason.len);
    e->block = (struct block){block->kind, block->expires_at, end_of(block, now_s),
                              slice_make(e->text + prefix, key.len - prefix),
                              slice_make(e->text + key.len, block->reason.len)};
    blocks_drop(b, key);
    map_put(&b->entries, blocks_key_of(e), e);
    loop_count(b->loop, METRIC_BLOCKS, 1);
    blocks_tell(b, &e->block, true);
}

/* The map must not change during a walk, so the expired are collected first; what is over the count
 * waits for the next one. */
static void blocks_on_sweep(struct timer *t)
{
    struct blocks *b = CONTAINER_OF(t, struct blocks, sweep);
    struct entry **expired = mem_new(SWEEP_MAX * sizeof(*expired));
    size_t cursor = 0, n = 0;
    void *value;

    while (n < SWEEP_MAX && map_next(&b->entries, &cursor, NULL, &value)) {
        if (blocks_has_expired(value))
            expired[n++] = value;
    }
    for (size_t i = 0; i < n; i++) {
        store_remove(b->store, bucket, blocks_key_of(expired[i]), NULL, NULL);
        blocks_drop(b, blocks_key_of(expired[i]));
    }
    mem_free(expired);
    timer_start(b->loop, &b->sweep, n == SWEEP_MAX ? 0 : SWEEP_MS);
}

struct blocks *blocks_new(struct loop *loop, struct store *store)
{
    struct blocks *b = MEM_NEW(struct blocks);

    b->loop = loop;
    b->store = store;
    map_init(&b->entries);
    timer_init(&b->sweep, blocks_on_sweep);
    return b;
}

void blocks_watch(struct blocks *b, block_watch *watch, void *arg)
{
    b->watch = watch;
    b->watch_arg = arg;
}

void blocks_stop(struct blocks *b)
{
    LOOP_ASSERT(b->loop);
    timer_stop(b->loop, &b->sweep);
}

void blocks_free(struct blocks *b)
{
    size_t cursor = 0;
    void *value;

    if (!b)
        return;
    while (map_next(&b->entries, &cursor, NULL, &value))
        mem_free(value);
    map_deinit(&b->entries);
    mem_free(b);
}

/* ---- from and to the store: [expires_at, reason] ---- */

static void store_block(struct blocks *b, struct slice key, const struct block *block,
                        store_done *done, void *arg)
{
    SCRATCH_BUF(bytes, 0);

    mp_add_array(&bytes, 2);
    mp_add_int(&bytes, block->expires_at);
    mp_add_str(&bytes, block->reason);
    store_put(b->store, bucket, key, buf_slice(&bytes), 0, done, arg);
}

struct loading {
    struct blocks *blocks;
    int64_t now_s;
    block_done *done;
    void *arg;
};

/* Of IPv6 a record may name one address, as they did at first: it becomes one of the network. */
static bool keep_network(struct blocks *b, struct slice stored, const struct block *block,
                         int64_t now_s)
{
    struct slice subject = slice_from(stored, strlen(prefixes[BLOCK_ADDRESS]));
    char text[IP_TEXT_MAX] = "", room[KEY_MAX];
    struct in6_addr network;

    if (subject.len >= sizeof(text) || slice_has_byte(subject, '\0'))
        return false;
    memcpy(text, subject.ptr, subject.len);
    if (!ip_network_parse(text, &network))
        return false;
    ip_network_print(&network, text);
    struct slice key = make_key(BLOCK_ADDRESS, slice_of(text), room);
    blocks_keep(b, key, block, now_s);
    if (!slice_eq(key, stored)) {
        store_block(b, key, block, NULL, NULL);
        store_remove(b->store, bucket, stored, NULL, NULL);
    }
    return true;
}

static bool blocks_restore(struct blocks *b, struct slice key, struct slice bytes, int64_t now_s)
{
    struct slice rest = bytes, row, expires_at, reason;
    struct block block = {0};

    if (slice_starts(key, prefixes[BLOCK_ADDRESS]))
        block.kind = BLOCK_ADDRESS;
    else if (!slice_starts(key, prefixes[BLOCK_USER]))
        return false;
    if (mp_take(&rest, 1, &row) != MP_OK || !mp_at(row, 0, &expires_at) ||
        !mp_at(row, 1, &reason) || !mp_get_int(expires_at, &block.expires_at) ||
        !mp_get_str(reason, &block.reason))
        return false;
    if (block.kind == BLOCK_ADDRESS)
        return keep_network(b, key, &block, now_s);
    blocks_keep(b, key, &block, now_s);
    return true;
}

static void blocks_on_row(int outcome, struct slice key, struct slice bytes, void *arg)
{
    struct loading *l = arg;

    if (outcome == STORE_OK) {
        if (!blocks_restore(l->blocks, key, bytes, l->now_s))
            LOG(LOG_WARN, "auth", "block record does not parse", log_slice("key", key));
        return;
    }
    timer_start(l->blocks->loop, &l->blocks->sweep, SWEEP_MS);
    l->done(outcome == STORE_ABSENT ? BLOCK_OK : BLOCK_FAILED, l->arg);
    mem_free(l);
}

void blocks_load(struct blocks *b, int64_t now_s, block_done *done, void *arg)
{
    struct loading *l = MEM_NEW(struct loading);

    *l = (struct loading){b, now_s, done, arg};
    store_scan(b->store, bucket, blocks_on_row, l);
}

/* A change under way. */
struct change {
    block_done *done;
    void *arg;
};

static void blocks_on_changed(int outcome, void *arg)
{
    struct change *c = arg;

    c->done(outcome == STORE_FAILED ? BLOCK_FAILED : BLOCK_OK, c->arg);
    mem_free(c);
}

static struct change *blocks_change_new(block_done *done, void *arg)
{
    struct change *c = MEM_NEW(struct change);

    *c = (struct change){done, arg};
    return c;
}

bool block_add(struct blocks *b, const struct block *block, size_t max_blocks, block_done *done,
               void *arg)
{
    char room[KEY_MAX];
    struct slice key = make_key(block->kind, block->subject, room);

    LOOP_ASSERT(b->loop);
    ASSERT(key.len && block->reason.len <= BLOCK_REASON_MAX);
    if (b->entries.n_entries >= max_blocks && !map_find(&b->entries, key))
        return false;
    blocks_keep(b, key, block, clock_wall_ms() / 1000);
    store_block(b, key, block, blocks_on_changed, blocks_change_new(done, arg));
    return true;
}

void block_remove(struct blocks *b, enum block_kind kind, struct slice subject, block_done *done,
                  void *arg)
{
    char room[KEY_MAX];
    struct slice key = make_key(kind, subject, room);

    LOOP_ASSERT(b->loop);
    if (!key.len) {
        done(BLOCK_OK, arg);
        return;
    }
    blocks_drop(b, key);
    store_remove(b->store, bucket, key, blocks_on_changed, blocks_change_new(done, arg));
}

/* ---- asking ---- */

static const struct block *blocks_find(const struct blocks *b, enum block_kind kind,
                                       struct slice subject)
{
    char room[KEY_MAX];

    LOOP_ASSERT(b->loop);
    if (!b->entries.n_entries)
        return NULL;
    const struct entry *e = map_find(&b->entries, make_key(kind, subject, room));
    return e && !blocks_has_expired(e) ? &e->block : NULL;
}

const struct block *block_of_user(const struct blocks *b, const struct user *u)
{
    const struct block *block = blocks_find(b, BLOCK_USER, slice_of(u->id));

    return block || !u->parent ? block : blocks_find(b, BLOCK_USER, slice_of(u->parent));
}

const struct block *block_of_address(const struct blocks *b, const struct in6_addr *ip)
{
    char text[IP_TEXT_MAX];

    if (!b->entries.n_entries || !ip_is_known(ip))
        return NULL;
    ip_network_print(ip, text);
    return blocks_find(b, BLOCK_ADDRESS, slice_of(text));
}

const struct block *blocks_next(const struct blocks *b, size_t *cursor)
{
    void *value;

    while (map_next(&b->entries, cursor, NULL, &value)) {
        if (!blocks_has_expired(value))
            return &((struct entry *)value)->block;
    }
    return NULL;
}
