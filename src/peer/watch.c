/* watch: one entry per peer and foreign client it has sent to, made by the first frame and found
 * again by the next ones, so a frame costs a look-up and no memory. Whoever sends first waits for
 * something: a caller for the answer, a provider for what its callback returns, the maker of a
 * generator (its answer) for the next pull. So the sender watches, and the receiver does not.
 *
 *   watched: address -> target <--- watch ---> peer   (a list of each target's, one of each peer's)
 *   watches: (peer, target) -> watch
 *
 * When the hub says that an address has gone for good, its target is taken out of the map and its
 * watchers are told, a few in each turn. A connection that is replaced by its own reconnection
 * token has not gone: what its callers wait for may still come.
 *
 * A watcher is told in two ways. Clients from 0.21.21 on end all that concerns the peer on one
 * `peer_not_found`. Older ones know only the rejection of a session, so the last sessions are
 * remembered, some tens of bytes each. Answers are not looked at, which would cost every one of
 * them a look-up: most sessions remembered have long been answered, and clients ignore a rejection
 * of those.
 *
 * `client_disconnected` is not what is sent: programs take the bare id in it for one of their own
 * workspace, and a stranger chooses its id freely. */
#include "peer/watch.h"

#include <stdint.h>
#include <string.h>

#include "base/account.h"
#include "base/buf.h"
#include "base/memory.h"
#include "config/config.h"
#include "peer/hub.h"
#include "peer/peer.h"
#include "wire/ws_frame.h"
#include "wire/mp.h"

enum {
    SESSIONS_BYTES = 510, /* the last 10 to 20 sessions of published clients */
    TELL_AT_ONCE = 16,    /* watchers told in one turn */
};

/* Texts of at most 255 bytes, each behind its length, the oldest first. */
struct sessions {
    uint16_t used;
    uint8_t bytes[SESSIONS_BYTES];
};

struct target {
    struct mail mail; /* under way while its watchers are told */
    struct peer_loop *pl;
    struct list watches; /* struct watch.same */
    bool is_gone;        /* out of the map; the mail frees it */
    size_t len;
    char address[];
};

/* What a peer has of it; most peers have none. */
struct watcher {
    struct list watches; /* struct watch.mine: the one sent to last at the tail */
    size_t n_watches;
    size_t n_kept; /* what its account keeps for this */
};

struct watch_key {
    const struct peer *peer;
    const struct target *target;
};

struct watch {
    struct list mine; /* in watcher.watches */
    struct list same; /* in target.watches */
    struct watch_key key;
    struct peer *peer;
    struct target *target;
    struct sessions *sessions; /* owned; NULL: no call so far */
    size_t n_kept;             /* what the peer's account keeps for it */
};

static struct slice key_slice(const struct watch_key *key)
{
    return slice_make((const char *)key, sizeof(*key));
}

static struct slice watch_address_of(const struct target *t)
{
    return slice_make(t->address, t->len);
}

/* ---- targets ---- */

static struct target *target_get(struct peer_loop *pl, struct slice address)
{
    struct target *t = map_find(&pl->watched, address);

    if (t)
        return t;
    t = mem_new(sizeof(*t) + address.len);
    t->pl = pl;
    list_init(&t->watches);
    t->len = address.len;
    memcpy(t->address, address.ptr, address.len);
    map_put(&pl->watched, watch_address_of(t), t);
    account_keep_always(pl->hub->process, mem_taken(t));
    return t;
}

static void target_free(struct target *t)
{
    account_drop(t->pl->hub->process, mem_taken(t));
    mem_free(t);
}

static void target_drop(struct target *t)
{
    if (t->is_gone || !list_is_empty(&t->watches))
        return;
    map_take(&t->pl->watched, watch_address_of(t));
    target_free(t);
}

/* ---- watches ---- */

static void watch_pay(struct watch *w)
{
    account_keep_now_always(w->peer->account, &w->n_kept, mem_taken(w) + mem_taken(w->sessions));
}

static struct watch *watch_make(struct peer *p, struct target *t)
{
    struct watch *w = MEM_NEW(struct watch);

    w->peer = p;
    w->target = t;
    w->key = (struct watch_key){p, t};
    list_init(&w->mine);
    list_init(&w->same);
    list_link(&p->watcher->watches, &w->mine);
    list_link(&t->watches, &w->same);
    map_put(&p->pl->watches, key_slice(&w->key), w);
    p->watcher->n_watches++;
    loop_count(p->pl->loop, METRIC_WATCHES, 1);
    watch_pay(w);
    return w;
}

/* Leaves the target to the caller, who may be walking its list. */
static void watch_free(struct watch *w)
{
    struct peer *p = w->peer;

    map_take(&p->pl->watches, key_slice(&w->key));
    list_unlink(&w->mine);
    list_unlink(&w->same);
    p->watcher->n_watches--;
    loop_count(p->pl->loop, METRIC_WATCHES, -1);
    account_keep_now_always(p->account, &w->n_kept, 0);
    mem_free(w->sessions);
    mem_free(w);
}

static void watch_drop(struct watch *w)
{
    struct target *t = w->target;

    watch_free(w);
    target_drop(t);
}

/* The newer half stays, so that a call in a steady stream of them moves few bytes. */
static void sessions_halve(struct sessions *s)
{
    uint16_t at = 0;

    while (at < SESSIONS_BYTES / 2)
        at = (uint16_t)(at + 1 + s->bytes[at]);
    s->used = (uint16_t)(s->used - at);
    memmove(s->bytes, s->bytes + at, s->used);
}

static void watch_remember(struct watch *w, struct slice session)
{
    struct sessions *s = w->sessions;

    if (!session.len || session.len > UINT8_MAX)
        return;
    if (!s) {
        s = w->sessions = MEM_NEW(struct sessions);
        watch_pay(w);
    }
    if (s->used + 1 + session.len > SESSIONS_BYTES)
        sessions_halve(s);
    s->bytes[s->used++] = (uint8_t)session.len;
    memcpy(s->bytes + s->used, session.ptr, session.len);
    s->used = (uint16_t)(s->used + session.len);
}

static struct watcher *watcher_get(struct peer *p)
{
    if (!p->watcher) {
        p->watcher = MEM_NEW(struct watcher);
        list_init(&p->watcher->watches);
        account_keep_now_always(p->account, &p->watcher->n_kept, mem_taken(p->watcher));
    }
    return p->watcher;
}

/* The watch of this peer over this address; NULL: there is none. */
static struct watch *watch_find(const struct peer *p, struct slice address)
{
    if (!p->watcher || list_is_empty(&p->watcher->watches))
        return NULL;
    struct watch *last = LIST_ENTRY(p->watcher->watches.prev, struct watch, mine);
    if (slice_eq(watch_address_of(last->target), address) && !last->target->is_gone)
        return last;
    struct target *t = map_find(&p->pl->watched, address);
    return t ? map_find(&p->pl->watches, key_slice(&(struct watch_key){p, t})) : NULL;
}

/* The same, made if there is none; now the last of its list. */
static struct watch *watch_get(struct peer *p, struct slice address)
{
    struct peer_loop *pl = p->pl;
    struct watcher *mine = watcher_get(p);
    struct watch *w = watch_find(p, address);

    if (w) {
        list_unlink(&w->mine);
        list_link(&mine->watches, &w->mine);
        return w;
    }
    if (mine->n_watches >= (size_t)loop_config(pl->loop)->max_watched_clients) {
        loop_count(pl->loop, METRIC_WATCHES_EVICTED, 1);
        watch_drop(LIST_ENTRY(mine->watches.next, struct watch, mine));
    }
    return watch_make(p, target_get(pl, address));
}

void watch_target(struct peer *p, struct slice address, struct slice session)
{
    LOOP_ASSERT(p->pl->loop);
    watch_remember(watch_get(p, address), session);
}

void watch_answered(struct peer *p, struct slice address)
{
    struct route at;

    LOOP_ASSERT(p->pl->loop);
    if (!router_find(p->pl->router, p->pl->loop, address, &at) || !at.seat.is_brief) {
        watch_target(p, address, (struct slice){NULL, 0});
        return;
    }
    struct watch *w = watch_find(p, address);
    if (w)
        watch_drop(w);
}

void watch_forget_all(struct peer *p)
{
    struct watcher *mine = p->watcher;

    if (!mine)
        return;
    while (!list_is_empty(&mine->watches))
        watch_drop(LIST_ENTRY(mine->watches.next, struct watch, mine));
    account_keep_now_always(p->account, &mine->n_kept, 0);
    p->watcher = mem_free(mine);
}

/* ---- telling ---- */

/* NULL: no memory. */
static struct msg *notice_new(const struct target *t)
{
    SCRATCH_BUF(b, 0);
    SCRATCH_BUF(text, 0);

    buf_add_fmt(&text, "Client disconnected: " SLICE_FMT, SLICE_ARG(watch_address_of(t)));
    mp_add_map(&b, 4);
    mp_add_text(&b, "type");
    mp_add_text(&b, "peer_not_found");
    mp_add_text(&b, "to");
    mp_add_text(&b, "*");
    mp_add_text(&b, "peer_id");
    mp_add_str(&b, watch_address_of(t));
    mp_add_text(&b, "error");
    mp_add_str(&b, buf_slice(&text));
    struct msg *m = b.is_failed || text.is_failed ? NULL : msg_try_new(b.len, t->pl->loop->own);
    if (m) {
        memcpy(msg_head(m), b.ptr, b.len);
        ws_seal(m);
    }
    return m;
}

static void reject_sessions(const struct watch *w)
{
    const struct sessions *s = w->sessions;
    struct target *t = w->target;
    struct peer *p = w->peer;
    SCRATCH_BUF(text, 0);

    buf_add_fmt(&text, "Target peer " SLICE_FMT " is not connected",
                SLICE_ARG(watch_address_of(t)));
    for (uint16_t at = 0; at < s->used; at = (uint16_t)(at + 1 + s->bytes[at])) {
        struct slice session = slice_make((const char *)s->bytes + at + 1, s->bytes[at]);
        struct msg *m = router_reject_frame(watch_address_of(t), slice_of(p->full_id), session,
                                            buf_slice(&text), p->account);
        if (!m)
            continue;
        loop_count(t->pl->loop, METRIC_WATCH_REJECTS, 1);
        p->via->send(p, m);
    }
}

static void watch_tell(struct watch *w, struct msg *notice)
{
    if (w->sessions)
        reject_sessions(w);
    if (notice) {
        loop_count(w->target->pl->loop, METRIC_WATCH_NOTICES, 1);
        w->peer->via->send(w->peer, msg_ref(notice));
    }
    watch_free(w);
}

static void run_tell(struct loop *loop, struct mail *mail)
{
    struct target *t = CONTAINER_OF(mail, struct target, mail);
    struct msg *notice = list_is_empty(&t->watches) ? NULL : notice_new(t);

    for (unsigned n = 0; n < TELL_AT_ONCE && !list_is_empty(&t->watches); n++)
        watch_tell(LIST_ENTRY(t->watches.next, struct watch, same), notice);
    msg_unref(notice);
    if (list_is_empty(&t->watches))
        target_free(t);
    else
        loop_post(loop, loop, &t->mail);
}

static void watch_on_gone(struct router_watcher *w, struct slice address)
{
    struct peer_loop *pl = CONTAINER_OF(w, struct peer_loop, on_gone);
    struct target *t = map_take(&pl->watched, address);

    if (!t)
        return;
    t->is_gone = true;
    t->mail.run = run_tell;
    run_tell(pl->loop, &t->mail);
}

/* ---- life ---- */

void watch_loop_init(struct peer_loop *pl)
{
    map_init(&pl->watched);
    map_init(&pl->watches);
    map_pay(&pl->watched, pl->hub->process);
    map_pay(&pl->watches, pl->hub->process);
    list_init(&pl->on_gone.link);
    pl->on_gone.on_gone = watch_on_gone;
    router_watch(pl->router, pl->loop, &pl->on_gone);
}

void watch_loop_deinit(struct peer_loop *pl)
{
    ASSERT(pl->watched.n_entries == 0 && pl->watches.n_entries == 0);
    map_deinit(&pl->watched);
    map_deinit(&pl->watches);
}
