/* trim: after a crowd has left, its memory goes back to the system. */
#pragma once
#include "loop/offload.h"
#include "loop/timer.h"

struct server;

struct trim {
    struct timer timer; /* hub loop */
    struct server *server;
    int64_t most_open;     /* since the last trim */
    size_t most_bytes;     /* charged, since the last time */
    unsigned n_looks_left; /* until the next one may be due */
    bool is_running, is_stopped;
};

void trim_start(struct trim *t, struct server *s); /* hub loop */
void trim_stop(struct trim *t);
