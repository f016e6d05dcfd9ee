/* chunks_in: chunks are copied as they arrive: the frames that bring them are charged to the
 * sender's own leaf, whose stream stops being read when too much of it is under way, and an upload
 * that held those frames would wait for itself. The copies are charged to the sender's user.
 *
 * Found by walking what the sender has open, which is capped; a key of another client is simply not
 * there (W-047). */
#include "rpc/chunks_in.h"

#include "base/held.h"
#include "rpc/rpc_call.h"

/* Chunks of one upload; bytes a chunk costs beside its own; bytes of one (clients send 256 KiB). */
enum { CHUNKS_MAX = 65536, CHUNK_COST = 64, CHUNK_MOST = 2 * 1024 * 1024 };
enum { LOOK_EVERY = 256 }; /* chunks freed between two looks at the clock */
enum { SHORT_BYTES = 512 * 1024, SHORT_CHUNKS = 256 }; /* copied and freed in one turn */

struct chunk {
    char *bytes; /* owned; NULL = not there */
    size_t len;
};

struct upload_in {
    struct list link;      /* among remote->uploads */
    struct list host_link; /* among host->uploads */
    struct rpc_host *host;
    struct remote *remote;
    struct account *payer; /* this block's, and of everything in it */
    struct timer age;
    struct chunk *chunks;    /* owned */
    size_t n_chunks, n_room; /* highest index + 1; allocated */
    size_t n_bytes;          /* of the chunks */
    size_t n_charged;        /* of them and their costs */
    struct slice key;
    char text[];
};

/* Nobody finds it any more, and its sender's meter no longer counts it. */
static void upload_unlink(struct upload_in *u)
{
    timer_stop(host_loop(u->host), &u->age);
    list_unlink(&u->link);
    list_unlink(&u->host_link);
    u->remote->n_uploads--;
    u->remote = NULL;
}

static void chunks_in_upload_end(struct upload_in *u)
{
    held_free(u->chunks);
    held_free(u);
}

/* Millions of small chunks take long to free: some now, the others in later turns. */
void chunks_free_ended(struct deferred *d)
{
    struct rpc_loop *rl = CONTAINER_OF(d, struct rpc_loop, ended);

    while (!list_is_empty(&rl->dead_uploads)) {
        struct upload_in *u = LIST_ENTRY(rl->dead_uploads.next, struct upload_in, link);
        while (u->n_chunks) {
            held_free(u->chunks[--u->n_chunks].bytes);
            if (u->n_chunks % LOOK_EVERY == 0 && loop_is_late(rl->loop)) {
                loop_again(rl->loop, &rl->ended);
                return;
            }
        }
        list_unlink(&u->link);
        chunks_in_upload_end(u);
    }
}

void chunks_drop_later(struct upload_in *u)
{
    struct rpc_loop *rl = u->host->rl;

    list_link(&rl->dead_uploads, &u->link);
    loop_defer(rl->loop, &rl->ended);
}

void chunks_free_all_ended(struct rpc_loop *rl)
{
    while (!list_is_empty(&rl->dead_uploads)) {
        struct upload_in *u = LIST_ENTRY(rl->dead_uploads.next, struct upload_in, link);
        list_unlink(&u->link);
        chunks_drop(u);
    }
    list_unlink(&rl->ended.link);
}

static void chunks_in_upload_free(struct upload_in *u)
{
    u->remote->n_bytes -= u->n_charged;
    upload_unlink(u);
    chunks_drop_later(u);
}

static void chunks_in_on_age(struct timer *t)
{
    struct upload_in *u = CONTAINER_OF(t, struct upload_in, age);
    struct remote *r = u->remote;

    chunks_in_upload_free(u);
    remote_drop(r);
}

static struct upload_in *chunks_in_find(struct rpc_host *h, struct slice from, struct slice key)
{
    struct remote *r = remote_find(h->rl, from);

    if (!r)
        return NULL;
    LIST_FOREACH (it, &r->uploads) {
        struct upload_in *u = LIST_ENTRY(it, struct upload_in, link);
        if (u->host == h && slice_eq(u->key, key))
            return u;
    }
    return NULL;
}

static enum chunks_outcome chunks_in_refuse(struct rpc_host *h, enum chunks_outcome outcome)
{
    loop_count(host_loop(h), METRIC_CHUNKS_REFUSED, 1);
    return outcome;
}

static bool chunks_in_fits(const struct rpc_host *h, const struct remote *r, size_t n_bytes)
{
    size_t cap = h->rl->settings->max_chunk_bytes;

    return n_bytes <= cap && r->n_bytes <= cap - n_bytes;
}

/* A call may still wait in the host's inbox when its sender's end is told (rpc_loop_peer_gone), and
 * nobody would drop what it makes then. The router has forgotten the address before that. */
static bool has_left(struct rpc_host *h, struct slice address)
{
    struct route ignored;

    return !router_find(h->rl->router, host_loop(h), address, &ignored);
}

enum chunks_outcome chunks_create(const struct rpc_call *call, struct slice key, bool overwrite)
{
    struct rpc_host *h = call->host;
    struct slice from = call->from_text;
    struct upload_in *u = chunks_in_find(h, from, key);

    if (has_left(h, from))
        return chunks_in_refuse(h, CHUNKS_NO_CALLER);
    if (u && !overwrite)
        return chunks_in_refuse(h, CHUNKS_KEY_EXISTS);
    struct remote *r = remote_get(h->rl, from);
    if (u)
        chunks_in_upload_free(u);
    size_t cost = sizeof(*u) + key.len;
    if (r->n_uploads >= h->rl->settings->max_chunk_keys || !chunks_in_fits(h, r, cost)) {
        remote_drop(r);
        return chunks_in_refuse(h, CHUNKS_FULL);
    }
    u = held_new(cost, rpc_call_payer(call));
    if (!u) {
        remote_drop(r);
        return chunks_in_refuse(h, CHUNKS_NO_ROOM);
    }
    if (key.len)
        memcpy(u->text, key.ptr, key.len);
    u->key = slice_make(u->text, key.len);
    u->host = h;
    u->payer = rpc_call_payer(call);
    u->remote = r;
    u->n_charged = cost;
    r->n_uploads++;
    r->n_bytes += cost;
    list_init(&u->link);
    list_init(&u->host_link);
    list_link(&r->uploads, &u->link);
    list_link(&h->uploads, &u->host_link);
    timer_init(&u->age, chunks_in_on_age);
    timer_start(host_loop(h), &u->age, h->rl->settings->chunk_ttl_ms);
    return CHUNKS_OK;
}

static bool chunks_in_make_room(struct upload_in *u, size_t n)
{
    size_t room = u->n_room ? u->n_room : 16;

    if (n <= u->n_room)
        return true;
    while (room < n)
        room *= 2;
    struct chunk *grown = held_resize(u->chunks, room * sizeof(*grown), u->payer);
    if (!grown)
        return false;
    memset(grown + u->n_room, 0, (room - u->n_room) * sizeof(*grown));
    u->chunks = grown;
    u->n_room = room;
    return true;
}

/* Places pay from the first to the last, so that a far index is not cheap. */
static enum chunks_outcome chunks_in_put(struct upload_in *u, size_t index, struct slice data)
{
    struct rpc_host *h = u->host;
    size_t n_new = index >= u->n_chunks ? index + 1 - u->n_chunks : 0;
    size_t had = index < u->n_chunks ? u->chunks[index].len : 0;
    size_t cost = n_new * CHUNK_COST + data.len;

    if (data.len > CHUNK_MOST || !chunks_in_fits(h, u->remote, cost > had ? cost - had : 0))
        return chunks_in_refuse(h, CHUNKS_FULL);
    if (!chunks_in_make_room(u, index + 1))
        return chunks_in_refuse(h, CHUNKS_NO_ROOM);
    char *bytes = held_copy(data.ptr, data.len, u->payer);
    if (!bytes)
        return chunks_in_refuse(h, CHUNKS_NO_ROOM);
    held_free(u->chunks[index].bytes);
    u->chunks[index] = (struct chunk){bytes, data.len};
    u->n_chunks += n_new;
    u->n_bytes += data.len - had;
    u->n_charged += cost - had;
    u->remote->n_bytes += cost - had;
    timer_start(host_loop(h), &u->age, h->rl->settings->chunk_ttl_ms);
    return CHUNKS_OK;
}

enum chunks_outcome chunks_append(const struct rpc_call *call, struct slice key, struct slice data)
{
    struct upload_in *u = chunks_in_find(call->host, call->from_text, key);

    if (!u)
        return chunks_in_refuse(call->host, CHUNKS_NO_KEY);
    return u->n_chunks < CHUNKS_MAX ? chunks_in_put(u, u->n_chunks, data)
                                    : chunks_in_refuse(call->host, CHUNKS_BAD_INDEX);
}

enum chunks_outcome chunks_set(const struct rpc_call *call, struct slice key, int64_t index,
                               struct slice data)
{
    struct upload_in *u = chunks_in_find(call->host, call->from_text, key);

    if (!u)
        return chunks_in_refuse(call->host, CHUNKS_NO_KEY);
    return index >= 0 && index < CHUNKS_MAX ? chunks_in_put(u, (size_t)index, data)
                                            : chunks_in_refuse(call->host, CHUNKS_BAD_INDEX);
}

enum chunks_outcome chunks_remove(const struct rpc_call *call, struct slice key)
{
    struct upload_in *u = chunks_in_find(call->host, call->from_text, key);

    if (!u)
        return CHUNKS_NO_KEY;
    struct remote *r = u->remote;
    chunks_in_upload_free(u);
    remote_drop(r);
    return CHUNKS_OK;
}

static enum chunks_outcome check_whole(const struct upload_in *u)
{
    for (size_t i = 0; i < u->n_chunks; i++) {
        if (!u->chunks[i].bytes)
            return CHUNKS_HOLES;
    }
    return u->n_bytes ? CHUNKS_OK : CHUNKS_HOLES;
}

enum chunks_outcome chunks_take(struct rpc_call *call, struct slice key, struct upload_in **ret)
{
    struct call *c = CONTAINER_OF(call, struct call, pub);
    struct upload_in *u = chunks_in_find(call->host, call->from_text, key);
    enum chunks_outcome r = u ? check_whole(u) : CHUNKS_NO_KEY;

    if (r != CHUNKS_OK)
        return chunks_in_refuse(call->host, r);
    c->n_held += u->n_charged; /* the meter counts it as this call's */
    upload_unlink(u);
    *ret = u;
    return CHUNKS_OK;
}

size_t chunks_bytes(const struct upload_in *u)
{
    return u->n_bytes;
}

struct account *chunks_payer(const struct upload_in *u)
{
    return u->payer;
}

bool chunks_are_short(const struct upload_in *u)
{
    return u->n_bytes <= SHORT_BYTES && u->n_chunks <= SHORT_CHUNKS;
}

void chunks_copy(const struct upload_in *u, char *to)
{
    for (size_t i = 0; i < u->n_chunks; i++) {
        memcpy(to, u->chunks[i].bytes, u->chunks[i].len);
        to += u->chunks[i].len;
    }
}

void chunks_drop(struct upload_in *u)
{
    while (u->n_chunks)
        held_free(u->chunks[--u->n_chunks].bytes);
    chunks_in_upload_end(u);
}

void chunks_gone(struct remote *r)
{
    while (!list_is_empty(&r->uploads))
        chunks_in_upload_free(LIST_ENTRY(r->uploads.next, struct upload_in, link));
}

void chunks_close(struct rpc_host *h)
{
    while (!list_is_empty(&h->uploads)) {
        struct upload_in *u = LIST_ENTRY(h->uploads.next, struct upload_in, host_link);
        struct remote *r = u->remote;
        chunks_in_upload_free(u);
        remote_drop(r);
    }
}
