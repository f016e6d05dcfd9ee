/* subscription_store: a record is a map {until, holder, lineage, types, incarnation} under "workspace/client user". A change of a set is
 * acknowledged when it is in force, not when it is stored: every client makes some as it connects, and a disk would be what they
 * wait for. */
#include "peer/subscription_store.h"

#include <stdlib.h>

#include "auth/user.h"
#include "base/account.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "peer/hub.h"
#include "peer/subscriber.h"
#include "store/store.h"
#include "wire/mp.h"

enum { WRITE_MS = 1000, WRITE_MOST = 256 };

static const char BUCKET[] = "subscriptions";

static struct slice key_of(const struct subscriber *r)
{
    return slice_make(r->key, r->key_len);
}

/* ---- writing ---- */

void subscriber_touch(struct subscriptions *s, struct subscriber *r)
{
    if (!r->is_stored_kind || !s->hub->store || s->is_closed || !list_is_empty(&r->dirty))
        return;
    list_link(&s->dirty, &r->dirty);
    if (!timer_is_running(&s->write))
        timer_start(s->hub->loop, &s->write, WRITE_MS);
    subscriptions_start_sweep(s);
}

/* So many bytes of it are in the store from here on. */
static void count_stored(struct subscriptions *s, struct subscriber *r, size_t n_bytes)
{
    loop_count(s->hub->loop, METRIC_SUBSCRIPTIONS_STORED, (n_bytes > 0) - (r->n_stored > 0));
    r->holder->stored_bytes += n_bytes - r->n_stored;
    s->stored_bytes += n_bytes - r->n_stored;
    r->n_stored = n_bytes;
}

void subscriber_unstore(struct subscriptions *s, struct subscriber *r)
{
    if (r->n_stored && s->hub->store && !s->is_closed)
        store_remove(s->hub->store, BUCKET, key_of(r), NULL, NULL);
    count_stored(s, r, 0);
}

static void encode(const struct subscriber *r, struct buf *b)
{
    mp_add_map(b, 4 + (r->incarnation != 0));
    if (r->incarnation) {
        mp_add_text(b, "incarnation");
        mp_add_int(b, (int64_t)r->incarnation);
    }
    mp_add_text(b, "until");
    mp_add_int(b, r->stored_until);
    mp_add_text(b, "holder");
    mp_add_str(b, slice_make(r->holder->key, r->holder->key_len));
    mp_add_text(b, "lineage");
    lineage_add_mp(b, &r->lineage);
    mp_add_text(b, "types");
    mp_add_array(b, (uint32_t)r->n_types);
    buf_add_slice(b, buf_slice(&r->types.b));
}

static bool fits(const struct subscriptions *s, const struct subscriber *r, size_t n_bytes)
{
    size_t max = loop_config(s->hub->loop)->kept_subscription_bytes;

    return s->stored_bytes - r->n_stored + n_bytes <= max &&
           r->holder->stored_bytes - r->n_stored + n_bytes <= max / SUBSCRIBERS_SHARE;
}

static void write_one(struct subscriptions *s, struct subscriber *r)
{
    int64_t now = clock_wall_ms() / 1000;
    size_t n_bytes = subscriber_bytes(r);
    SCRATCH_BUF(b, 0);

    list_unlink(&r->dirty);
    if (!fits(s, r, n_bytes)) {
        loop_count(s->hub->loop, METRIC_SUBSCRIPTIONS_UNSTORED, 1);
        subscriber_unstore(s, r);
        return;
    }
    r->stored_until =
        r->is_here ? now + (int64_t)loop_config(s->hub->loop)->reconnection_token_life_time_ms / 1000
                   : r->until;
    encode(r, &b);
    if (!b.is_failed) {
        count_stored(s, r, n_bytes);
        store_put(s->hub->store, BUCKET, key_of(r), buf_slice(&b), r->stored_until, NULL, NULL);
    }
}

static void write_some(struct subscriptions *s, size_t most)
{
    for (size_t n = 0; n < most && !list_is_empty(&s->dirty); n++)
        write_one(s, LIST_ENTRY(s->dirty.next, struct subscriber, dirty));
}

void subscription_on_write_due(struct timer *t)
{
    struct subscriptions *s = CONTAINER_OF(t, struct subscriptions, write);

    write_some(s, WRITE_MOST);
    if (!list_is_empty(&s->dirty))
        timer_start(s->hub->loop, &s->write, 0);
}

void subscriptions_close(struct subscriptions *s)
{
    timer_stop(s->hub->loop, &s->sweep);
    timer_stop(s->hub->loop, &s->write);
    if (s->hub->store)
        write_some(s, SIZE_MAX);
    s->is_closed = true;
}

/* ---- reading ---- */

struct loading {
    struct subscriptions *subscriptions;
    void (*done)(bool ok, void *arg);
    void *arg;
};

static bool load_types(struct subscriber *r, struct slice types)
{
    struct slice item;
    struct mp_iter it;
    size_t n = 0;
    SCRATCH_BUF(b, 0);

    mp_iter_init(&it, types);
    for (; mp_iter_next(&it, &item); n++)
        mp_add_raw(&b, item);
    return n && !b.is_failed && subscriber_set(r, buf_slice(&b), n);
}

/* The workspace the set was of: not one that was made again under the id. A map without one is of a workspace that has none. */
static const struct workspace *find_workspace(struct subscriptions *s, struct slice id, struct slice map)
{
    const struct workspace *w = workspace_find(&s->hub->registry, id);
    int64_t incarnation = 0;
    struct slice value;

    if (mp_find(map, "incarnation", &value) && !mp_get_int(value, &incarnation))
        return NULL;
    return w && w->incarnation == (uint64_t)incarnation ? w : NULL;
}

/* A set whose workspace is no longer there, or that does not parse, is dropped; neither keeps the server from starting. */
static bool load_one(struct subscriptions *s, struct slice key, struct slice bytes)
{
    struct slice rest = bytes, map, value, types, holder, workspace, client;
    struct lineage lineage;
    int64_t until;

    if (!slice_cut(key, '/', &workspace, &client) || mp_take(&rest, MP_MAX_DEPTH, &map) != MP_OK ||
        !mp_find(map, "until", &value) || !mp_get_int(value, &until) ||
        !mp_find_str(map, "holder", &holder) || !mp_find(map, "types", &types) ||
        !mp_is(types, MP_ARRAY) || subscriber_find(s, key))
        return false;
    const struct workspace *w = find_workspace(s, workspace, map);
    if (!w || !mp_find(map, "lineage", &value) || !lineage_read_mp(value, &lineage))
        return false;
    struct subscriber *r = subscriber_new(s, key, holder, w->account);
    r->lineage = lineage;
    r->incarnation = w->incarnation;
    r->until = r->stored_until = until;
    r->is_stored_kind = true;
    bool ok = load_types(r, types);
    count_stored(s, r, subscriber_bytes(r));
    if (ok)
        subscriber_wait(s, r);
    else
        subscriber_forget(s, r);
    return true;
}

static int by_until(const void *a, const void *b)
{
    const struct subscriber *const *x = a, *const *y = b;

    return ((*x)->until > (*y)->until) - ((*x)->until < (*y)->until);
}

/* Rows come by key; who makes room for whom goes by age. */
static void order_by_age(struct list *away)
{
    struct subscriber **all;
    size_t n = 0, i = 0;

    LIST_FOREACH(it, away)
    {
        n++;
    }
    all = mem_new((n + 1) * sizeof(struct subscriber *));
    LIST_FOREACH(it, away)
    {
        all[i++] = LIST_ENTRY(it, struct subscriber, of_all);
    }
    qsort(all, n, sizeof(struct subscriber *), by_until);
    for (i = 0; i < n; i++) {
        list_unlink(&all[i]->of_all);
        list_link(away, &all[i]->of_all);
        list_unlink(&all[i]->of_holder);
        list_link(&all[i]->holder->away, &all[i]->of_holder);
    }
    mem_free(all);
}

static void on_row(int outcome, struct slice key, struct slice bytes, void *arg)
{
    struct loading *l = arg;
    struct subscriptions *s = l->subscriptions;

    if (s->is_closed && outcome == STORE_OK)
        return; /* told to stop during the start */
    if (outcome == STORE_OK) {
        if (!load_one(s, key, bytes))
            store_remove(s->hub->store, BUCKET, key, NULL, NULL);
        return;
    }
    order_by_age(&s->away[false]);
    order_by_age(&s->away[true]);
    while (s->n_away > loop_config(s->hub->loop)->max_kept_subscriptions)
        subscriber_forget(s, subscriptions_first_to_leave(s));
    if (s->n_away)
        LOG(LOG_INFO, "peer", "subscriptions wait for their clients",
            log_int("clients", (int64_t)s->n_away));
    l->done(outcome == STORE_ABSENT, l->arg);
    mem_free(l);
}

void subscriptions_load(struct subscriptions *s, void (*done)(bool ok, void *arg), void *arg)
{
    struct loading *l = MEM_NEW(struct loading);

    *l = (struct loading){s, done, arg};
    store_scan(s->hub->store, BUCKET, on_row, l);
}
