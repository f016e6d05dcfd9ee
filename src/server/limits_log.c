/* limits_log: counters are compared with what they were. A flood that meets a limit a million times
 * is one line. */
#include "server/limits_log.h"

#include "auth/token.h"
#include "base/clock.h"
#include "base/log_event.h"
#include "server/wiring.h"

enum { LOOK_MS = 2000, CLOCK_BACK_MS = 60 * 1000 };

static void limits_log_look(struct limits_log *ll)
{
    const struct server *s = ll->server;

    for (unsigned id = 0; id < METRIC_COUNT; id++) {
        if (!metric_is_limit((enum metric)id))
            continue;
        int64_t now =
            loop_set_sum(&s->loops, (enum metric)id) + metric_get(&s->metrics, (enum metric)id);
        if (now != ll->told[id])
            LOG_EVENT(EVENT_LIMIT_MET, log_text("metric", metric_name((enum metric)id)),
                      log_int("times", now - ll->told[id]), log_int("total", now));
        ll->told[id] = now;
    }
}

/* A step is worth a line, and told again when it was taken back and came again. */
static void look_at_clock(struct limits_log *ll)
{
    int64_t behind_ms = token_now_ms(&ll->server->keys) - clock_wall_ms();

    if (behind_ms > CLOCK_BACK_MS && !ll->is_clock_back)
        LOG_EVENT(EVENT_CLOCK_BACK, log_int("seconds", behind_ms / 1000));
    ll->is_clock_back = behind_ms > CLOCK_BACK_MS;
}

static void limits_log_on_due(struct timer *timer)
{
    struct limits_log *ll = CONTAINER_OF(timer, struct limits_log, timer);

    limits_log_look(ll);
    look_at_clock(ll);
    timer_start(ll->server->hub.loop, &ll->timer, LOOK_MS);
}

void limits_log_start(struct limits_log *ll, struct server *s)
{
    ll->server = s;
    timer_init(&ll->timer, limits_log_on_due);
    timer_start(s->hub.loop, &ll->timer, LOOK_MS);
}

void limits_log_stop(struct limits_log *ll)
{
    if (!ll->server)
        return;
    timer_stop(ll->server->hub.loop, &ll->timer);
    limits_log_look(ll);
}
