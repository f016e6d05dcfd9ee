/* subscriptions: the hub's table of sets. What a client hears is decided here and applied at its peer by mail (subscription.h), so a
 * connection that takes over from another one is given the set as it stands, whatever was under way. */
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
#include "wire/mp.h"

enum { SWEEP_MS = 60 * 1000, SWEEP_MOST = 1024 };

static const char BY_THEMSELVES[] = "client_disconnected";

static const struct config *config_of(const struct subscriptions *s)
{
    return loop_config(s->hub->loop);
}

/* ---- records ---- */

static struct slice key_of(struct buf *b, const struct client *c)
{
    buf_init(b, 0);
    buf_add_text(b, c->full_id);
    buf_add_byte(b, ' '); /* is in no client id */
    buf_add_text(b, c->user->id);
    return buf_slice(b);
}

struct subscriber *subscriber_find(const struct subscriptions *s, struct slice key)
{
    return map_find(&s->subscribers, key);
}

static struct subscriber *find(const struct subscriptions *s, const struct client *c)
{
    struct buf b;
    struct subscriber *r = subscriber_find(s, key_of(&b, c));

    buf_deinit(&b);
    return r;
}

static struct subscriber_holder *take_holder(struct subscriptions *s, struct slice key)
{
    struct subscriber_holder *holder = map_find(&s->holders, key);

    if (!holder) {
        holder = mem_new(sizeof(*holder) + key.len);
        holder->key_len = key.len;
        memcpy(holder->key, key.ptr, key.len);
        list_init(&holder->away);
        map_put(&s->holders, slice_make(holder->key, key.len), holder);
        account_keep_always(s->hub->process, mem_taken(holder));
    }
    holder->n_subscribers++;
    return holder;
}

static void leave_holder(struct subscriptions *s, struct subscriber_holder *holder)
{
    if (--holder->n_subscribers)
        return;
    map_take(&s->holders, slice_make(holder->key, holder->key_len));
    account_drop(s->hub->process, mem_taken(holder));
    mem_free(holder);
}

struct subscriber *subscriber_new(struct subscriptions *s, struct slice key, struct slice holder,
                                  struct account *account)
{
    struct subscriber *r = mem_new(sizeof(*r) + key.len);
    struct slice workspace = key, rest;

    r->key_len = key.len;
    memcpy(r->key, key.ptr, key.len);
    (void)slice_cut(key, '/', &workspace, &rest);
    r->workspace_len = workspace.len;
    list_init(&r->of_all);
    list_init(&r->of_holder);
    list_init(&r->dirty);
    r->holder = take_holder(s, holder);
    r->is_anonymous = sharer_is_anonymous(holder);
    r->account = account_ref(account);
    r->n_kept = mem_taken(r);
    account_keep_always(account, r->n_kept);
    map_put(&s->subscribers, slice_make(r->key, r->key_len), r);
    return r;
}

bool subscriber_set(struct subscriber *r, struct slice types, size_t n_types)
{
    struct held_buf fresh;

    held_buf_init(&fresh, 0, r->account);
    held_buf_set(&fresh, types);
    if (fresh.b.is_failed) {
        held_buf_deinit(&fresh);
        return false;
    }
    held_buf_deinit(&r->types);
    held_buf_keep(&fresh);
    r->types = fresh;
    r->n_types = n_types;
    return true;
}

/* Its memory is charged to another account from here on. False: that refuses; nothing has changed. */
MUST_CHECK static bool move_to(struct subscriber *r, struct account *account)
{
    struct account *before = r->account;

    r->account = account_ref(account);
    if (!subscriber_set(r, buf_slice(&r->types.b), r->n_types)) {
        r->account = before;
        account_unref(account);
        return false;
    }
    account_keep_always(account, r->n_kept);
    account_drop(before, r->n_kept);
    account_unref(before);
    return true;
}

size_t subscriber_bytes(const struct subscriber *r)
{
    return r->types.b.len + r->key_len + SUBSCRIBER_AROUND_BYTES;
}

/* ---- away ---- */

static void stop_waiting(struct subscriptions *s, struct subscriber *r)
{
    if (list_is_empty(&r->of_all))
        return;
    list_unlink(&r->of_all);
    list_unlink(&r->of_holder);
    r->holder->n_away--;
    r->holder->away_bytes -= subscriber_bytes(r);
    s->n_away--;
    s->n_anonymous_away -= r->is_anonymous;
    s->away_bytes -= subscriber_bytes(r);
    loop_count(s->hub->loop, METRIC_SUBSCRIPTIONS_KEPT, -1);
}

void subscriber_wait(struct subscriptions *s, struct subscriber *r)
{
    list_link(&s->away[r->is_anonymous], &r->of_all);
    list_link(&r->holder->away, &r->of_holder);
    r->holder->n_away++;
    r->holder->away_bytes += subscriber_bytes(r);
    s->n_away++;
    s->n_anonymous_away += r->is_anonymous;
    s->away_bytes += subscriber_bytes(r);
    loop_count(s->hub->loop, METRIC_SUBSCRIPTIONS_KEPT, 1);
    subscriptions_start_sweep(s);
}

static void subscriber_free(struct subscriptions *s, struct subscriber *r)
{
    stop_waiting(s, r);
    list_unlink(&r->dirty);
    map_take(&s->subscribers, slice_make(r->key, r->key_len));
    leave_holder(s, r->holder);
    held_buf_deinit(&r->types);
    account_drop(r->account, r->n_kept);
    account_unref(r->account);
    lineage_deinit(&r->lineage);
    mem_free(r);
}

void subscriber_forget(struct subscriptions *s, struct subscriber *r)
{
    subscriber_unstore(s, r);
    subscriber_free(s, r);
}

static void drop(struct subscriptions *s, struct subscriber *r)
{
    loop_count(s->hub->loop, METRIC_SUBSCRIPTIONS_DROPPED, 1);
    subscriber_forget(s, r);
}

/* There is one: of the anonymous when they have more than a share, then of all. */
struct subscriber *subscriptions_first_to_leave(const struct subscriptions *s)
{
    size_t share = config_of(s)->max_kept_subscriptions / SUBSCRIBERS_SHARE + 1;
    bool is_anonymous = s->n_anonymous_away > share || list_is_empty(&s->away[false]);

    return LIST_ENTRY(s->away[is_anonymous].next, struct subscriber, of_all);
}

/* The first to leave makes room: of the holder who has more than a share, then as above. */
static struct subscriber *superfluous(const struct subscriptions *s,
                                      const struct subscriber_holder *holder)
{
    size_t max = config_of(s)->max_kept_subscriptions,
           max_bytes = config_of(s)->kept_subscription_bytes;
    size_t share = max / SUBSCRIBERS_SHARE + 1;

    if (holder->n_away > share || holder->away_bytes > max_bytes / SUBSCRIBERS_SHARE)
        return LIST_ENTRY(holder->away.next, struct subscriber, of_holder);
    if (s->n_away <= max && s->away_bytes <= max_bytes)
        return NULL;
    return subscriptions_first_to_leave(s);
}

void subscriptions_make_room(struct subscriptions *s, struct subscriber_holder *holder)
{
    struct subscriber *r;

    holder->n_subscribers++; /* it is looked at until the end */
    while (s->n_away && (r = superfluous(s, holder)))
        drop(s, r);
    leave_holder(s, holder);
}

/* ---- coming and going ---- */

struct slice subscriptions_enter(struct subscriptions *s, const struct client *c,
                                 bool is_reconnection)
{
    struct subscriber *r = find(s, c);

    if (!r)
        return SLICE_LIT("");
    ASSERT(!r->is_here);
    if (!is_reconnection || r->until <= clock_wall_ms() / 1000) {
        subscriber_forget(s, r);
        return SLICE_LIT("");
    }
    stop_waiting(s, r);
    if (!move_to(r, c->account)) {
        drop(s, r);
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
    struct subscriber *r = find(s, c);

    if (!r || !r->is_here)
        return;
    r->is_here = false;
    if (!r->n_types || c->workspace->has_gone || revocation_covers(s->hub->revocations, c->user)) {
        subscriber_forget(s, r);
        return;
    }
    /* It may have been given a token a moment ago. */
    r->until = (clock_wall_ms() + (int64_t)config_of(s)->reconnection_token_life_time_ms) / 1000;
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
static size_t add_types(struct buf *out, size_t n, const struct slice *types, size_t n_types, size_t n_most)
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

static struct subscriber *make(struct subscriptions *s, const struct client *c)
{
    struct buf key;
    char holder[SHARER_MAX];
    struct subscriber *r = subscriber_new(s, key_of(&key, c), sharer_of(c->user, c, holder), c->account);

    buf_deinit(&key);
    r->is_here = true;
    r->incarnation = c->workspace->incarnation;
    r->is_stored_kind = c->workspace->is_persistent;
    lineage_copy(&c->user->lineage, &r->lineage);
    return r;
}

bool subscriptions_change(struct subscriptions *s, const struct client *c,
                          const struct slice *types, size_t n_types, bool is_add)
{
    struct subscriber *r = find(s, c);
    struct slice before = r ? buf_slice(&r->types.b) : SLICE_LIT("");
    size_t n_before = r ? r->n_types : 0, n;
    SCRATCH_BUF(b, 0);

    if (is_add) {
        buf_add_slice(&b, before);
        n = add_types(&b, n_before, types, n_types, config_of(s)->max_subscriptions);
    } else {
        n = remove_types(&b, before, types, n_types);
    }
    bool ok = !b.is_failed && (!is_add || (n <= config_of(s)->max_subscriptions &&
                                           b.len <= config_of(s)->max_subscription_bytes));
    if (ok && n != n_before) {
        if (!r)
            r = make(s, c);
        ok = subscriber_set(r, buf_slice(&b), n);
        if (ok && n)
            subscriber_touch(s, r);
        if (!r->n_types)
            subscriber_forget(s, r);
    }
    return ok;
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

/* An anonymous person's workspace is made again when they come back; any other that goes is gone. */
static void on_workspace_going(struct registry_watch *w, const struct workspace *ws)
{
    if (!ws->is_anonymous)
        subscriptions_forget_workspace(CONTAINER_OF(w, struct subscriptions, watch),
                                       slice_of(ws->id));
}

/* Those who left first end first, as long as nobody changes the life of tokens; who is loaded at the start is put in that order. */
static void sweep_away(struct subscriptions *s, struct list *away, int64_t now)
{
    for (unsigned n = 0; n < SWEEP_MOST && !list_is_empty(away); n++) {
        struct subscriber *r = LIST_ENTRY(away->next, struct subscriber, of_all);
        if (r->until > now)
            return;
        subscriber_forget(s, r);
    }
}

/* What the store has of a client that stays is good for the life of a token from when it was written. */
static void sweep_here(struct subscriptions *s, int64_t now)
{
    int64_t half = (int64_t)config_of(s)->reconnection_token_life_time_ms / 2000;
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

static void on_sweep(struct timer *t)
{
    struct subscriptions *s = CONTAINER_OF(t, struct subscriptions, sweep);
    int64_t now = clock_wall_ms() / 1000;

    for (unsigned i = 0; i < ARRAY_LEN(s->away); i++)
        sweep_away(s, &s->away[i], now);
    sweep_here(s, now);
    subscriptions_start_sweep(s);
}

void subscriptions_start_sweep(struct subscriptions *s)
{
    if (s->subscribers.n_entries && !s->is_closed && !timer_is_running(&s->sweep))
        timer_start(s->hub->loop, &s->sweep, SWEEP_MS);
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
    timer_init(&s->sweep, on_sweep);
    timer_init(&s->write, subscription_on_write_due);
    s->watch.on_workspace_going = on_workspace_going;
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
