/* pressure: a peer's account says how many of its bytes are not delivered, whoever holds them, and
 * the router whether what it has broadcast still takes turns. The loop looks at the held ones at
 * the end of each turn, since what it delivers itself frees them there, and every few milliseconds
 * for what other loops deliver.
 *
 * An account draws from its parents in grants. Who has drawn is looked at every second, so that a
 * peer that has gone quiet does not hold what others of its user and workspace could use; and of
 * who is held it is noted whether they have more to say, for those who do not take what they have
 * sent (ws/slow.h). */
#include "peer/pressure.h"

#include "base/account.h"
#include "config/config.h"
#include "peer/peer.h"

enum { LOOK_AGAIN_MS = 2, SETTLE_MS = 1000 };

static void pressure_apply(struct peer *p)
{
    p->via->hold(p, p->is_held || p->is_rate_held);
}

/* What it has sent and nobody has taken. Room for a message that has only begun does not count:
 * held back, its sender could never complete it. */
static size_t pressure_undelivered(const struct peer *p)
{
    size_t used = account_used(p->account),
           arriving = p->conn && p->via->arriving ? p->via->arriving(p) : 0;

    return used > arriving ? used - arriving : 0;
}

static bool is_behind(const struct peer *p, size_t bytes)
{
    struct slice address = {p->full_id, p->workspace.len + 1 + p->client_id.len};

    return pressure_undelivered(p) > bytes ||
           router_is_behind(p->pl->router, &p->endpoint, address);
}

static void pressure_look(struct peer_loop *pl)
{
    size_t low = loop_config(pl->loop)->pressure_low_bytes;

    LIST_FOREACH (it, &pl->held) {
        struct peer *p = LIST_ENTRY(it, struct peer, held);
        if (is_behind(p, low))
            continue;
        list_unlink(it);
        p->is_held = false;
        account_mark_waiting(p->account, false);
        pressure_apply(p);
    }
    if (!list_is_empty(&pl->held) && !timer_is_running(&pl->look_again))
        timer_start(pl->loop, &pl->look_again, LOOK_AGAIN_MS);
}

static void on_turn_end(struct deferred *d)
{
    pressure_look(CONTAINER_OF(d, struct peer_loop, look));
}

static void on_look_again(struct timer *t)
{
    pressure_look(CONTAINER_OF(t, struct peer_loop, look_again));
}

static void on_settle(struct timer *t)
{
    struct peer_loop *pl = CONTAINER_OF(t, struct peer_loop, settle);

    LIST_FOREACH (it, &pl->drawing) {
        struct peer *p = LIST_ENTRY(it, struct peer, drawing);
        account_settle(p->account);
        account_mark_waiting(p->account, p->is_held && p->conn && p->via->has_more(p));
        if (!account_used(p->account))
            list_unlink(it);
    }
    if (!list_is_empty(&pl->drawing))
        timer_start(pl->loop, &pl->settle, SETTLE_MS);
}

void pressure_draw(struct peer *p)
{
    struct peer_loop *pl = p->pl;

    if (!list_is_empty(&p->drawing))
        return;
    list_link(&pl->drawing, &p->drawing);
    if (!timer_is_running(&pl->settle))
        timer_start(pl->loop, &pl->settle, SETTLE_MS);
}

void pressure_init(struct peer_loop *pl)
{
    list_init(&pl->drawing);
    timer_init(&pl->settle, on_settle);
    list_init(&pl->held);
    list_init(&pl->look.link);
    pl->look.run = on_turn_end;
    timer_init(&pl->look_again, on_look_again);
}

void pressure_check(struct peer *p)
{
    struct peer_loop *pl = p->pl;

    pressure_draw(p);
    if (!p->is_held && is_behind(p, loop_config(pl->loop)->pressure_high_bytes)) {
        p->is_held = true;
        list_link(&pl->held, &p->held);
        loop_count(pl->loop, METRIC_PRESSURE_STOPS, 1);
        pressure_apply(p);
    }
    if (p->is_held)
        loop_defer(pl->loop, &pl->look);
}

static void pressure_refill(struct peer *p)
{
    const struct config *config = loop_config(p->pl->loop);
    uint64_t now = loop_now_ms(p->pl->loop);

    if (now == p->tokens_ms)
        return;
    p->tokens += (double)(now - p->tokens_ms) * config->ws_msg_rate_limit / 1000.0;
    p->tokens_ms = now;
    if (p->tokens > config->ws_msg_burst_limit)
        p->tokens = config->ws_msg_burst_limit;
}

static void hold_for_rate(struct peer *p, bool is_held)
{
    if (p->is_rate_held == is_held)
        return;
    p->is_rate_held = is_held;
    loop_count(p->pl->loop, METRIC_RATE_HELD, is_held ? 1 : -1);
    if (is_held)
        loop_count(p->pl->loop, METRIC_RATE_SLOWED, 1);
}

static void on_rate_due(struct timer *t)
{
    struct peer *p = CONTAINER_OF(t, struct peer, rate_timer);

    pressure_refill(p);
    hold_for_rate(p, false);
    pressure_apply(p);
}

void pressure_start(struct peer *p)
{
    list_init(&p->held);
    timer_init(&p->rate_timer, on_rate_due);
    p->tokens = loop_config(p->pl->loop)->ws_msg_burst_limit;
    p->tokens_ms = loop_now_ms(p->pl->loop);
}

static uint64_t ms_until_whole(const struct peer *p)
{
    double rate = loop_config(p->pl->loop)->ws_msg_rate_limit;

    return (uint64_t)((1.0 - p->tokens) * 1000.0 / rate) + 1;
}

bool pressure_take(struct peer *p)
{
    const struct config *config = loop_config(p->pl->loop);

    if (config->ws_msg_rate_limit <= 0 || !config->ws_msg_burst_limit)
        return true;
    pressure_refill(p);
    p->tokens -= 1;
    if (p->tokens >= 0)
        return true;
    if (config->ws_rate_action == CONFIG_RATE_CLOSE)
        return false;
    if (!p->is_rate_held) {
        hold_for_rate(p, true);
        pressure_apply(p);
    }
    timer_start(p->pl->loop, &p->rate_timer, ms_until_whole(p));
    return true;
}

void pressure_forget(struct peer *p)
{
    struct peer_loop *pl = p->pl;

    list_unlink(&p->held);
    list_unlink(&p->drawing);
    account_mark_waiting(p->account, false);
    timer_stop(pl->loop, &p->rate_timer);
    /* A loop that ends has no timers left. */
    if (list_is_empty(&pl->held))
        timer_stop(pl->loop, &pl->look_again);
    if (list_is_empty(&pl->drawing))
        timer_stop(pl->loop, &pl->settle);
    hold_for_rate(p, false);
}
