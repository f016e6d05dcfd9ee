/* expiry: a timer never waits longer than a minute, because the wall clock may be set forward
 * meanwhile. */
#include "peer/expiry.h"

#include "auth/token.h"
#include "base/slice.h"
#include "loop/loop.h"

enum { EXPIRY_LOOK_MS = 60 * 1000 };

static void on_expiry_due(struct timer *t)
{
    struct expiry *e = CONTAINER_OF(t, struct expiry, timer);
    int64_t left_ms = e->at * 1000 - token_now_ms(e->keys);

    if (left_ms > 0) {
        timer_start(e->loop, t, left_ms < EXPIRY_LOOK_MS ? (uint64_t)left_ms : EXPIRY_LOOK_MS);
        return;
    }
    e->loop = NULL;
    e->on_expired(e);
}

void expiry_start(struct expiry *e, const struct expiry_terms *terms)
{
    LOOP_ASSERT(terms->loop);
    *e = (struct expiry){.keys = terms->keys, .at = terms->at, .on_expired = terms->on_expired};
    if (!e->at)
        return;
    e->loop = terms->loop;
    timer_init(&e->timer, on_expiry_due);
    timer_start(e->loop, &e->timer, 0);
}

void expiry_stop(struct expiry *e)
{
    if (e->loop)
        timer_stop(e->loop, &e->timer);
    e->loop = NULL;
}
