/* limits_log: a line for each limit that refused or ended something lately. Every counter that a
 * metrics.def calls a limit is looked at, so a new one is told of too; and a line when the clock is
 * set back. Hub loop. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/metrics.h"
#include "loop/loop.h"

struct server;

struct limits_log {
    struct server *server;
    struct timer timer;
    bool is_clock_back;
    int64_t told[METRIC_COUNT]; /* what each counter was at the last look */
};

void limits_log_start(struct limits_log *ll, struct server *s);
/* tells what is left; harmless when not started */
void limits_log_stop(struct limits_log *ll);
