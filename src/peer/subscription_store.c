/* subscription_store: a record is a map {until, holder, lineage, types, incarnation} under
 * "workspace/client user". A change of a set is acknowledged when it is in force, not when it is
 * stored: every client makes some as it connects, and a disk would be what they wait for. */
#include "peer/subscription_store.h"

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

static struct slice subscription_store_key_of(const struct subscriber *r)
{
    return slice_make(r->key, r->key_len);
}

void subscriber_touch(struct subscriptions *s, struct subscriber *r)
{
    if (!r->is_stored_kind || !s->hub->store || s->is_closed || !list_is_empty(&r->dirty))
        return;
    list_link(&s->dirty, &r->dirty);
    if (!timer_is_running(&s->write))
        timer_start(s->hub->loop, &s->write, WRITE_MS);
}

void subscriber_count_stored(struct subscriptions *s, struct subscriber *r, size_t n_bytes)
{
    loop_count(s->hub->loop, METRIC_SUBSCRIPTIONS_STORED, (n_bytes > 0) - (r->n_stored > 0));
    r->holder->stored_bytes += n_bytes - r->n_stored;
    s->stored_bytes += n_bytes - r->n_stored;
    r->n_stored = n_bytes;
}

void subscriber_unstore(struct subscriptions *s, struct subscriber *r)
{
    if (r->n_stored && s->hub->store && !s->is_closed)
        store_remove(s->hub->store, SUBSCRIPTION_BUCKET, subscription_store_key_of(r), NULL, NULL);
    subscriber_count_stored(s, r, 0);
}

static void subscription_store_encode(const struct subscriber *r, struct buf *b)
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

static bool subscription_store_fits(const struct subscriptions *s, const struct subscriber *r,
                                    size_t n_bytes)
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
    if (!subscription_store_fits(s, r, n_bytes)) {
        loop_count(s->hub->loop, METRIC_SUBSCRIPTIONS_UNSTORED, 1);
        subscriber_unstore(s, r);
        return;
    }
    r->stored_until =
        r->is_here
            ? now + (int64_t)loop_config(s->hub->loop)->reconnection_token_life_time_ms / 1000
            : r->until;
    subscription_store_encode(r, &b);
    if (!b.is_failed) {
        subscriber_count_stored(s, r, n_bytes);
        store_put(s->hub->store, SUBSCRIPTION_BUCKET, subscription_store_key_of(r), buf_slice(&b),
                  r->stored_until, NULL, NULL);
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
