/* subscriptions: the hub's table of sets. What a client hears is decided here and applied at its
 * peer by mail (subscription.h), so a connection that takes over from another one is given the set
 * as it stands, whatever was under way. */
#include "peer/subscriptions.h"

#include "auth/revocation.h"
#include "auth/user.h"
#include "base/account.h"
#include "base/clock.h"
#include "base/memory.h"
#include "config/config.h"
#include "peer/hub.h"
#include "peer/sharer.h"
#include "peer/subscriber.h"
#include "peer/subscription_store.h"
#include "wire/mp.h"

enum { SWEEP_MOST = 1024 };

static const char BY_THEMSELVES[] = "client_disconnected";

static const struct config *subscriptions_config_of(const struct subscriptions *s)
{
    return loop_config(s->hub->loop);
}

/* ---- records ---- */

static struct slice subscriptions_key_of(struct buf *b, const struct client *c)
{
    buf_init(b, 0);
    buf_add_text(b, c->full_id);
    buf_add_byte(b, ' '); /* is in no client id */
    buf_add_text(b, c->user->id);
    return buf_slice(b);
}

static struct subscriber *subscriptions_find(const struct subscriptions *s, const struct client *c)
{
    struct buf b;
    struct subscriber *r = subscriber_find(s, subscriptions_key_of(&b, c));

    buf_deinit(&b);
    return r;
}

/* ---- coming and going ---- */

struct slice subscriptions_enter(struct subscriptions *s, const struct client *c,
                                 bool is_reconnection)
{
    struct subscriber *r = subscriptions_find(s, c);

    if (!r)
        return SLICE_LIT("");
    ASSERT(!r->is_here);
    if (!is_reconnection || r->until <= clock_wall_ms() / 1000) {
        subscriber_forget(s, r);
        return SLICE_LIT("");
    }
    subscriber_return(s, r);
    if (!subscriber_move(r, c->account)) {
        subscriber_drop(s, r);
        return SLICE_LIT("");
    }
    r->is_here = true;
    lineage_deinit(&r->lineage);
    lineage_copy(&c->user->lineage, &r->lineage);
    subscriber_touch(s, r);
    loop_count(s->hub->loop, METRIC_SUBSCRIPTIONS_RESTORED, 1);
    return buf_slice(&r->types.b);
}

void subscriptions_leave(struct subscriptions *s, const struct client *c)
{
    struct subscriber *r = subscriptions_find(s, c);

    if (!r || !r->is_here)
        return;
    r->is_here = false;
    if (!r->n_types || c->workspace->has_gone || revocation_covers(s->hub->revocations, c->user)) {
        subscriber_forget(s, r);
        return;
    }
    /* It may have been given a token a moment ago. */
    r->until =
        (clock_wall_ms() + (int64_t)subscriptions_config_of(s)->reconnection_token_life_time_ms) /
        1000;
    subscriber_touch(s, r);
    subscriber_wait(s, r);
    subscriptions_make_room(s, r->holder);
}

/* ---- changes ---- */

static bool has_type(struct slice types, struct slice type)
{
    struct slice item, text;

    while (types.len && mp_take(&types, 0, &item) == MP_OK) {
        if (mp_get_str(item, &text) && slice_eq(text, type))
            return true;
    }
    return false;
}

/* Of more than n_most none is looked at: each is compared with all that are there. */
static size_t subscriptions_add_types(struct buf *out, size_t n, const struct slice *types,
                                      size_t n_types, size_t n_most)
{
    for (size_t i = 0; i < n_types && n <= n_most; i++) {
        if (slice_is(types[i], BY_THEMSELVES) || has_type(buf_slice(out), types[i]))
            continue;
        mp_add_str(out, types[i]);
        n++;
    }
    return n;
}

static size_t remove_types(struct buf *out, struct slice from, const struct slice *types,
                           size_t n_types)
{
    struct slice item, text;
    size_t n = 0;

    while (from.len && mp_take(&from, 0, &item) == MP_OK) {
        bool is_removed = !mp_get_str(item, &text);
        for (size_t i = 0; i < n_types && !is_removed; i++)
            is_removed = slice_eq(types[i], text);
        if (is_removed)
            continue;
        mp_add_raw(out, item);
        n++;
    }
    return n;
}

static struct subscriber *subscriptions_make(struct subscriptions *s, const struct client *c)
{
    struct buf key;
    char holder[SHARER_MAX];
    struct subscriber *r =
        subscriber_new(s, subscriptions_key_of(&key, c), sharer_of(c->user, c, holder), c->account);

    buf_deinit(&key);
    r->is_here = true;
    r->incarnation = c->workspace->incarnation;
    r->is_stored_kind = c->workspace->is_persistent;
    lineage_copy(&c->user->lineage, &r->lineage);
    return r;
}

int subscriptions_change(struct subscriptions *s, const struct client *c, const struct slice *types,
                         size_t n_types, bool is_add)
{
    struct subscriber *r = subscriptions_find(s, c);
    struct slice before = r ? buf_slice(&r->types.b) : SLICE_LIT("");
    size_t n_before = r ? r->n_types : 0, n;
    SCRATCH_BUF(b, 0);

    if (is_add) {
        buf_add_slice(&b, before);
        n = subscriptions_add_types(&b, n_before, types, n_types,
                                    subscriptions_config_of(s)->max_subscriptions);
    } else {
        n = remove_types(&b, before, types, n_types);
    }
    bool ok =
        !b.is_failed && (!is_add || (n <= subscriptions_config_of(s)->max_subscriptions &&
                                     b.len <= subscriptions_config_of(s)->max_subscription_bytes));
    if (!ok || n == n_before)
        return ok ? SUBSCRIPTION_OK : SUBSCRIPTION_FULL;
    if (!r)
        r = subscriptions_make(s, c);
    ok = subscriber_set(r, buf_slice(&b), n);
    if (ok && n)
        subscriber_touch(s, r);
    if (!r->n_types)
        subscriber_forget(s, r);
    return ok ? SUBSCRIPTION_OK : SUBSCRIPTION_NO_ROOM;
}

/* ---- the end of what is away ---- */

void subscriptions_forget_line(struct subscriptions *s, const uint8_t *digest)
{
    for (unsigned i = 0; i < ARRAY_LEN(s->away); i++) {
        for (struct list *it = s->away[i].next, *next = it->next; it != &s->away[i];
             it = next, next = it->next) {
            struct subscriber *r = LIST_ENTRY(it, struct subscriber, of_all);
            if (lineage_has(&r->lineage, digest))
                subscriber_forget(s, r);
        }
    }
}

void subscriptions_forget_workspace(struct subscriptions *s, struct slice id)
{
    for (unsigned i = 0; i < ARRAY_LEN(s->away); i++) {
        for (struct list *it = s->away[i].next, *next = it->next; it != &s->away[i];
             it = next, next = it->next) {
            struct subscriber *r = LIST_ENTRY(it, struct subscriber, of_all);
            if (slice_eq(slice_make(r->key, r->workspace_len), id))
                subscriber_forget(s, r);
        }
    }
}

/* An anonymous person's workspace is made again when they come back; any other that goes is
 * gone. */
static void subscriptions_on_workspace_going(struct registry_watch *w, const struct workspace *ws)
{
    if (!ws->is_anonymous)
        subscriptions_forget_workspace(CONTAINER_OF(w, struct subscriptions, watch),
                                       slice_of(ws->id));
}

/* Those who left first end first, as long as nobody changes the life of tokens; who is loaded at
 * the start is put in that order. */
static void sweep_away(struct subscriptions *s, struct list *away, int64_t now)
{
    for (unsigned n = 0; n < SWEEP_MOST && !list_is_empty(away); n++) {
        struct subscriber *r = LIST_ENTRY(away->next, struct subscriber, of_all);
        if (r->until > now)
            return;
        subscriber_forget(s, r);
    }
}

/* What the store has of a client that stays is good for the life of a token from when it was
 * written. */
static void sweep_here(struct subscriptions *s, int64_t now)
{
    int64_t half = (int64_t)subscriptions_config_of(s)->reconnection_token_life_time_ms / 2000;
    void *value;

    for (unsigned n = 0; n < SWEEP_MOST; n++) {
        if (!map_next(&s->subscribers, &s->cursor, NULL, &value)) {
            s->cursor = 0;
            return;
        }
        struct subscriber *r = value;
        if (r->is_here && r->n_stored && r->stored_until < now + half)
            subscriber_touch(s, r);
    }
}

static void subscriptions_on_sweep(struct timer *t)
{
    struct subscriptions *s = CONTAINER_OF(t, struct subscriptions, sweep);
    int64_t now = clock_wall_ms() / 1000;

    for (unsigned i = 0; i < ARRAY_LEN(s->away); i++)
        sweep_away(s, &s->away[i], now);
    sweep_here(s, now);
    subscriptions_start_sweep(s);
}

/* ---- life ---- */

struct subscriptions *subscriptions_new(struct hub *h)
{
    struct subscriptions *s = MEM_NEW(struct subscriptions);

    s->hub = h;
    map_init(&s->subscribers);
    map_init(&s->holders);
    map_pay(&s->subscribers, h->process);
    map_pay(&s->holders, h->process);
    list_init(&s->away[false]);
    list_init(&s->away[true]);
    list_init(&s->dirty);
    list_init(&s->watch.link);
    timer_init(&s->sweep, subscriptions_on_sweep);
    timer_init(&s->write, subscription_on_write_due);
    s->watch.on_workspace_going = subscriptions_on_workspace_going;
    list_link(&h->registry.watches, &s->watch.link);
    return s;
}

struct subscriptions *subscriptions_free(struct subscriptions *s)
{
    void *value;

    if (!s)
        return NULL;
    if (timer_is_running(&s->sweep))
        timer_stop(s->hub->loop, &s->sweep);
    if (timer_is_running(&s->write))
        timer_stop(s->hub->loop, &s->write);
    list_unlink(&s->watch.link);
    for (size_t at = 0; map_next(&s->subscribers, &at, NULL, &value); at = 0)
        subscriber_free(s, value);
    map_deinit(&s->subscribers);
    map_deinit(&s->holders);
    mem_free(s);
    return NULL;
}
