/* uploads: records are found by their key and paid by the user who makes them. What waits is
 * copied, and charged to that user too: as long as it is charged to the sender's own leaf its
 * stream may not be read for it, and the chunk that is waited for is behind it. An upload that
 * nobody goes on with is dropped after --chunk-ttl. */
#include "peer/uploads.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/held.h"
#include "base/list.h"
#include "base/map.h"
#include "config/config.h"
#include "peer/peer.h"
#include "wire/ws_frame.h"
#include "wire/mp.h"
#include "wire/rpc_joined.h"

enum { EARLY_MAX = 64, KEY_MAX = 255, WHY_MAX = 512, AGED_MAX = 1000 };

#define PREFIX "services.built-in.message_cache."

/* Of one receiver, while there are some. */
struct uploads {
    struct peer *peer;
    struct map by_key;  /* struct upload, owned */
    struct list by_age; /* the same, the one touched last at the end */
    struct timer age;
};

struct upload {
    struct list link;
    struct uploads *all;
    /* of this block, and of what it keeps; borrowed from the block's own charge */
    struct account *payer;
    uint64_t touched_ms;
    int64_t next; /* index of the chunk that comes next */
    bool beats;
    struct rpc_joined joined;
    struct list early; /* struct early.link */
    unsigned n_early;
    struct slice key, from; /* in text */
    char text[];
};

struct early {
    struct list link;
    struct msg *m; /* holds a reference */
    int64_t index;
    struct slice data; /* inside m */
};

enum call_kind { CALL_CREATE, CALL_APPEND, CALL_SET, CALL_PROCESS, CALL_REMOVE, CALL_KINDS };

struct upload_call {
    struct peer *p;
    struct msg *m;
    struct rpc_header h;
    struct slice payload; /* its map */
    enum call_kind kind;
    struct slice key, data;
    int64_t index;
    bool beats, overwrites;
    bool is_sealed; /* encrypted end to end */
};

bool upload_is_call(struct slice method)
{
    return slice_starts(method, PREFIX);
}

/* ---- reading a call ---- */

static bool read_kind(struct slice method, enum call_kind *ret)
{
    static const char *const names[CALL_KINDS] = {"create", "append", "set", "process", "remove"};
    struct slice name = slice_from(method, sizeof(PREFIX) - 1);

    for (unsigned i = 0; i < CALL_KINDS; i++) {
        if (slice_is(name, names[i])) {
            *ret = (enum call_kind)i;
            return true;
        }
    }
    return false;
}

/* A trailing argument that may be left out. False: it is something else. */
static bool uploads_read_flag(struct slice args, uint32_t at, bool *ret)
{
    struct slice value;

    *ret = false;
    return !mp_at(args, at, &value) || mp_is(value, MP_NIL) || mp_get_bool(value, ret);
}

static bool read_args(struct upload_call *c, struct slice args)
{
    /* what stands before is needed */
    static const uint32_t flags_at[CALL_KINDS] = {1, 2, 3, 1, 1};
    static const uint32_t n_most[CALL_KINDS] = {3, 3, 4, 2, 1};
    uint32_t n = mp_count(args), flag = flags_at[c->kind];
    struct slice value;

    if (!mp_is(args, MP_ARRAY) || n < flag || n > n_most[c->kind] || !mp_at(args, 0, &value) ||
        !mp_get_str(value, &c->key) || !c->key.len || c->key.len > KEY_MAX)
        return false;
    if (c->kind == CALL_SET &&
        (!mp_at(args, 1, &value) || !mp_is(value, MP_INT) || !mp_get_int(value, &c->index)))
        return false;
    if ((c->kind == CALL_SET || c->kind == CALL_APPEND) &&
        (!mp_at(args, flag - 1, &value) || !mp_get_bin(value, &c->data)))
        return false;
    return uploads_read_flag(args, flag, &c->beats) &&
           (c->kind != CALL_CREATE || uploads_read_flag(args, 2, &c->overwrites));
}

/* Arguments by name are read by nobody who sends chunks, and would have to be read here as the
 * receiver does. */
static bool has_named_arguments(struct slice payload)
{
    struct slice value;
    bool is_named = true;

    return mp_find(payload, "with_kwargs", &value) && !mp_is(value, MP_NIL) &&
           !(mp_get_bool(value, &is_named) && !is_named);
}

static bool uploads_read_call(struct upload_call *c)
{
    static const struct rpc_header_caps ours = {
        .max_bytes = UINT32_MAX, .max_depth = 64, .max_pairs = UINT32_MAX};
    struct slice rest, args, sealed;

    if (rpc_header_peek(msg_head_slice(c->m), &ours, &c->h) != RPC_HEADER_OK ||
        !read_kind(c->h.method, &c->kind))
        return false;
    rest = c->m->blob ? c->m->tail : c->h.tail;
    if (mp_take(&rest, MP_MAX_DEPTH, &c->payload) != MP_OK)
        return false;
    bool has_args = mp_find(c->payload, "args", &args);
    c->is_sealed = mp_find(c->payload, "_enc", &sealed) && !has_args;
    return c->is_sealed || (has_args && !mp_find(c->payload, "_enc", &sealed) &&
                            !has_named_arguments(c->payload) && read_args(c, args));
}

/* ---- records ---- */

static void uploads_on_age(struct timer *t);

static struct uploads *uploads_get(struct peer *p)
{
    struct uploads *all = p->uploads;

    if (all)
        return all;
    all = held_new(sizeof(*all), account_shared(p->account));
    if (!all)
        return NULL;
    all->peer = p;
    map_init(&all->by_key);
    list_init(&all->by_age);
    timer_init(&all->age, uploads_on_age);
    timer_start(p->pl->loop, &all->age, loop_config(p->pl->loop)->chunk_ttl_ms);
    return p->uploads = all;
}

static void uploads_drop_empty(struct peer *p)
{
    struct uploads *all = p->uploads;

    if (!all || all->by_key.n_entries)
        return;
    timer_stop(p->pl->loop, &all->age);
    map_deinit(&all->by_key);
    p->uploads = held_free(all);
}

static void peer_upload_end(struct upload *u)
{
    struct peer *p = u->all->peer;
    struct peer_loop *pl = p->pl;

    (void)map_take(&u->all->by_key, u->key);
    list_unlink(&u->link);
    loop_count(pl->loop, METRIC_UPLOADS, -1);
    while (!list_is_empty(&u->early)) {
        struct early *e = LIST_ENTRY(u->early.next, struct early, link);
        list_unlink(&e->link);
        router_refuse(pl->router, pl->loop, e->m, SLICE_LIT("The message was given up"));
        held_free(e);
    }
    held_free(u);
    uploads_drop_empty(p);
}

static void upload_touch(struct upload *u)
{
    u->touched_ms = loop_now_ms(u->all->peer->pl->loop);
    list_unlink(&u->link);
    list_link(&u->all->by_age, &u->link);
}

static struct upload *upload_find(const struct upload_call *c)
{
    return c->p->uploads ? map_find(&c->p->uploads->by_key, c->key) : NULL;
}

/* NULL: *ret_full has no room for it. */
static struct upload *upload_new(const struct upload_call *c, struct account **ret_full)
{
    struct account *payer = account_shared(c->m->account);
    struct uploads *all = uploads_get(c->p);
    struct upload *u = all ? held_new(sizeof(*u) + c->key.len + c->h.from.len, payer) : NULL;

    if (!u) {
        *ret_full = all ? payer : account_shared(c->p->account);
        uploads_drop_empty(c->p);
        return NULL;
    }
    u->all = all;
    u->payer = payer;
    u->beats = c->beats;
    rpc_joined_init(&u->joined);
    list_init(&u->early);
    memcpy(u->text, c->key.ptr, c->key.len);
    memcpy(u->text + c->key.len, c->h.from.ptr, c->h.from.len);
    u->key = slice_make(u->text, c->key.len);
    u->from = slice_make(u->text + c->key.len, c->h.from.len);
    (void)map_put(&all->by_key, u->key, u);
    list_init(&u->link);
    upload_touch(u);
    loop_count(c->p->pl->loop, METRIC_UPLOADS, 1);
    return u;
}

static struct upload *upload_oldest(const struct peer *p)
{
    return p->uploads ? LIST_ENTRY(p->uploads->by_age.next, struct upload, link) : NULL;
}

static void uploads_on_age(struct timer *t)
{
    struct peer *p = CONTAINER_OF(t, struct uploads, age)->peer;
    struct loop *loop = p->pl->loop;
    uint64_t ttl_ms = loop_config(loop)->chunk_ttl_ms;
    struct upload *u;

    timer_start(loop, t, ttl_ms);
    for (int n = 0; (u = upload_oldest(p)) && loop_now_ms(loop) - u->touched_ms >= ttl_ms; n++) {
        if (n == AGED_MAX) {
            timer_start(loop, t, 0);
            return;
        }
        peer_upload_end(u);
    }
}

void uploads_forget(struct peer *p)
{
    for (struct upload *u; (u = upload_oldest(p));)
        peer_upload_end(u);
}

/* ---- answers ---- */

static void upload_refuse(const struct upload_call *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void upload_refuse(const struct upload_call *c, const char *fmt, ...)
{
    char text[WHY_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    loop_count(c->p->pl->loop, METRIC_FRAMES_REFUSED, 1);
    router_refuse(c->p->pl->router, c->p->pl->loop, c->m,
                  slice_utf8_prefix(slice_of(text), sizeof(text)));
}

/* payer has been charged in vain. */
static void upload_refuse_room(const struct upload_call *c, const struct account *payer)
{
    struct account_refusal why = account_refusal(payer);
    char room[ACCOUNT_REFUSAL_MAX];

    upload_refuse(c, "%s", account_refusal_text(&why, "Too many bytes under way", room));
}

#define NO_SUCH_KEY "KeyError: Message with key " SLICE_FMT " does not exists."

/* ---- create ---- */

/* The call as it came, but that it overwrites. */
static struct msg *create_overwriting(const struct upload_call *c)
{
    struct slice map = c->h.map, key, value, text;
    struct mp_open payload;
    struct mp_iter it;
    struct msg *m = NULL;
    SCRATCH_BUF(b, 0);

    buf_add_slice(&b, map);
    mp_open_map(&payload, &b);
    mp_iter_init(&it, c->payload);
    while (mp_iter_pair(&it, &key, &value)) {
        if (mp_get_str(key, &text) && slice_is(text, "args"))
            continue;
        payload.n++;
        mp_add_raw(&b, key);
        mp_add_raw(&b, value);
    }
    mp_key(&payload, "args");
    mp_add_array(&b, 3);
    mp_add_str(&b, c->key);
    mp_add_bool(&b, c->beats);
    mp_add_bool(&b, true);
    mp_close(&payload);
    if (!b.is_failed)
        m = msg_try_new(b.len, account_shared(c->m->account));
    if (m) {
        memcpy(msg_head(m), b.ptr, b.len);
        ws_seal(m);
    }
    return m;
}

static void take_create(struct upload_call *c)
{
    struct upload *u = upload_find(c);

    if (u && !slice_eq(u->from, c->h.from)) {
        upload_refuse(c,
                      "PermissionError: Message with the same key (" SLICE_FMT
                      ") belongs to another client",
                      SLICE_ARG(c->key));
        return;
    }
    if (u && !c->overwrites) {
        upload_refuse(c,
                      "Message with the same key (" SLICE_FMT
                      ") already exists in the cache store, please use overwrite=True or remove "
                      "it first.",
                      SLICE_ARG(c->key));
        return;
    }
    if (u)
        peer_upload_end(u);
    struct account *full = account_shared(c->m->account);
    struct msg *m = create_overwriting(c);
    u = m ? upload_new(c, &full) : NULL;
    if (!u) {
        msg_unref(m);
        upload_refuse_room(c, full);
        return;
    }
    msg_unref(c->m);
    peer_hand_over(c->p, m);
}

/* ---- chunks ---- */

/* ret_data: where the call's data is in the copy. */
static struct msg *upload_copy(const struct upload_call *c, struct account *payer,
                               struct slice *ret_data)
{
    struct slice head = msg_head_slice(c->m), tail = c->m->tail;
    struct msg *m = msg_try_new(msg_len(c->m), payer);

    if (!m)
        return NULL;
    memcpy(msg_head(m), head.ptr, head.len);
    if (tail.len)
        memcpy(msg_head(m) + head.len, tail.ptr, tail.len);
    size_t at =
        c->m->blob ? head.len + (size_t)(c->data.ptr - tail.ptr) : (size_t)(c->data.ptr - head.ptr);
    *ret_data = slice_make(msg_head(m) + at, c->data.len);
    ws_seal(m);
    return m;
}

static void upload_keep_early(struct upload_call *c, struct upload *u)
{
    LIST_FOREACH (it, &u->early) {
        if (LIST_ENTRY(it, struct early, link)->index == c->index) {
            upload_refuse(c, "ValueError: Chunk %lld has come already", (long long)c->index);
            return;
        }
    }
    struct early *e = held_new(sizeof(*e), u->payer);
    if (!e || !(e->m = upload_copy(c, u->payer, &e->data))) {
        held_free(e);
        upload_refuse_room(c, u->payer);
        return;
    }
    e->index = c->index;
    msg_unref(c->m);
    list_init(&e->link);
    list_link(&u->early, &e->link);
    u->n_early++;
}

/* False: the upload has ended. */
static bool upload_pass_chunk(struct upload_call *c, struct upload *u)
{
    int r = rpc_joined_feed(&u->joined, c->data);

    if (r != RPC_JOINED_OK) {
        peer_upload_end(u);
        upload_refuse(c, r == RPC_JOINED_FORBIDDEN
                             ? "Invalid message: the payload has a key that only the hub may set"
                             : "Invalid message: the chunks are no call");
        return false;
    }
    u->next++;
    peer_hand_over(c->p, c->m);
    return true;
}

static struct early *upload_next_early(const struct upload *u)
{
    LIST_FOREACH (it, &u->early) {
        struct early *e = LIST_ENTRY(it, struct early, link);
        if (e->index == u->next)
            return e;
    }
    return NULL;
}

static void take_chunk(struct upload_call *c, struct upload *u)
{
    struct upload_call waited = {.p = c->p};
    struct early *e;

    if (c->kind == CALL_APPEND)
        c->index = u->next;
    if (c->index < u->next || c->index >= u->next + EARLY_MAX) {
        upload_refuse(c, "ValueError: Chunk %lld is not one of the next %d", (long long)c->index,
                      EARLY_MAX);
        return;
    }
    if (c->index > u->next) {
        upload_keep_early(c, u);
        return;
    }
    bool is_open = upload_pass_chunk(c, u);
    while (is_open && (e = upload_next_early(u))) {
        waited.m = e->m;
        waited.data = e->data;
        list_unlink(&e->link);
        u->n_early--;
        held_free(e);
        is_open = upload_pass_chunk(&waited, u);
    }
}

static void take_process(struct upload_call *c, struct upload *u)
{
    bool is_whole = rpc_joined_is_whole(&u->joined) && list_is_empty(&u->early);

    peer_upload_end(u);
    if (is_whole)
        peer_hand_over(c->p, c->m);
    else
        upload_refuse(c, "Invalid message: the chunks are no whole call");
}

static void take_known(struct upload_call *c)
{
    struct upload *u = upload_find(c);

    if (!u || !slice_eq(u->from, c->h.from)) {
        upload_refuse(c, NO_SUCH_KEY, SLICE_ARG(c->key));
        return;
    }
    upload_touch(u);
    if (c->kind == CALL_REMOVE) {
        peer_upload_end(u);
        peer_hand_over(c->p, c->m);
    } else if (c->beats != u->beats) {
        upload_refuse(c, "ValueError: All calls for a key must agree on heartbeat");
    } else if (c->kind == CALL_PROCESS) {
        take_process(c, u);
    } else {
        take_chunk(c, u);
    }
}

void upload_take(struct peer *p, struct msg *m)
{
    struct upload_call c = {.p = p, .m = m};

    if (!uploads_read_call(&c))
        upload_refuse(&c, "TypeError: Invalid arguments for message_cache");
    else if (c.is_sealed)
        peer_hand_over(p, m);
    else if (c.kind == CALL_CREATE)
        take_create(&c);
    else
        take_known(&c);
}
