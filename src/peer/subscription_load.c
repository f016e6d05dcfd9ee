/* subscription_load: a set whose workspace is no longer there, or that does not parse, is dropped;
 * neither keeps the server from starting. */
#include "peer/subscription_load.h"

#include <stdlib.h>

#include "base/account.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "peer/hub.h"
#include "peer/subscriber.h"
#include "peer/subscription_store.h"
#include "store/store.h"
#include "wire/mp.h"

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

/* The workspace the set was of: not one that was made again under the id. A map without one is of a
 * workspace that has none. */
static const struct workspace *find_workspace(struct subscriptions *s, struct slice id,
                                              struct slice map)
{
    const struct workspace *w = workspace_find(&s->hub->registry, id);
    int64_t incarnation = 0;
    struct slice value;

    if (mp_find(map, "incarnation", &value) && !mp_get_int(value, &incarnation))
        return NULL;
    return w && w->incarnation == (uint64_t)incarnation ? w : NULL;
}

/* A set whose workspace is no longer there, or that does not parse, is dropped; neither keeps the
 * server from starting. */
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
    subscriber_count_stored(s, r, subscriber_bytes(r));
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

    LIST_FOREACH (it, away) {
        n++;
    }
    all = mem_new((n + 1) * sizeof(struct subscriber *));
    LIST_FOREACH (it, away) {
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

static void subscription_load_on_row(int outcome, struct slice key, struct slice bytes, void *arg)
{
    struct loading *l = arg;
    struct subscriptions *s = l->subscriptions;

    if (s->is_closed && outcome == STORE_OK)
        return; /* told to stop during the start */
    if (outcome == STORE_OK) {
        if (!load_one(s, key, bytes))
            store_remove(s->hub->store, SUBSCRIPTION_BUCKET, key, NULL, NULL);
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
    store_scan(s->hub->store, SUBSCRIPTION_BUCKET, subscription_load_on_row, l);
}
