/* trim: after a crowd has left, its memory goes back to the system. */
#pragma once
#include "loop/offload.h"
#include "loop/timer.h"

struct server;

struct trim {
    struct timer timer;         /* hub loop */
    struct server *server;
    int64_t most_open;         /* since the last trim */
    bool is_running, is_stopped;
};

void trim_start(struct trim *t, struct server *s);      /* hub loop */
void trim_stop(struct trim *t);
