/* subscriber: what is away is bounded three times, by number and bytes for each holder, for the
 * anonymous together and for all. */
#include "peer/subscriber.h"

#include <string.h>

#include "base/account.h"
#include "base/memory.h"
#include "config/config.h"
#include "peer/hub.h"
#include "peer/sharer.h"
#include "peer/subscription_store.h"

enum { SWEEP_MS = 60 * 1000 };

static const struct config *subscriber_config_of(const struct subscriptions *s)
{
    return loop_config(s->hub->loop);
}

/* ---- records ---- */

void subscriptions_start_sweep(struct subscriptions *s)
{
    if (s->subscribers.n_entries && !s->is_closed && !timer_is_running(&s->sweep))
        timer_start(s->hub->loop, &s->sweep, SWEEP_MS);
}

struct subscriber *subscriber_find(const struct subscriptions *s, struct slice key)
{
    return map_find(&s->subscribers, key);
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
    subscriptions_start_sweep(s);
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

bool subscriber_move(struct subscriber *r, struct account *account)
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

/* ---- away ---- */

void subscriber_return(struct subscriptions *s, struct subscriber *r)
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
}

void subscriber_free(struct subscriptions *s, struct subscriber *r)
{
    subscriber_return(s, r);
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

void subscriber_drop(struct subscriptions *s, struct subscriber *r)
{
    loop_count(s->hub->loop, METRIC_SUBSCRIPTIONS_DROPPED, 1);
    subscriber_forget(s, r);
}

/* There is one: of the anonymous when they have more than a share, then of all. */
struct subscriber *subscriptions_first_to_leave(const struct subscriptions *s)
{
    size_t share = subscriber_config_of(s)->max_kept_subscriptions / SUBSCRIBERS_SHARE + 1;
    bool is_anonymous = s->n_anonymous_away > share || list_is_empty(&s->away[false]);

    return LIST_ENTRY(s->away[is_anonymous].next, struct subscriber, of_all);
}

/* The first to leave makes room: of the holder who has more than a share, then as above. */
static struct subscriber *subscriber_superfluous(const struct subscriptions *s,
                                                 const struct subscriber_holder *holder)
{
    size_t max = subscriber_config_of(s)->max_kept_subscriptions,
           max_bytes = subscriber_config_of(s)->kept_subscription_bytes;
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
    while (s->n_away && (r = subscriber_superfluous(s, holder)))
        subscriber_drop(s, r);
    leave_holder(s, holder);
}
