/* own_clock: the clocks of a test that moves them. They are defined here, so base/clock.c is not
 * linked: one test file includes this. */
#pragma once
#include <stdio.h>
#include <time.h>

#include "base/clock.h"

static int64_t wall_shift_s;
static uint64_t mono_shift_ms;

uint64_t clock_mono_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec + mono_shift_ms * 1000000u;
}

uint64_t clock_mono_ms(void)
{
    return clock_mono_ns() / 1000000u;
}

uint64_t clock_thread_cpu_ns(void)
{
    return clock_mono_ns();
}

int64_t clock_wall_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return ((int64_t)t.tv_sec + wall_shift_s) * 1000 + t.tv_nsec / 1000000;
}

void clock_iso(int64_t wall_ms, char out[CLOCK_ISO_LEN + 1])
{
    (void)wall_ms;
    (void)snprintf(out, CLOCK_ISO_LEN + 1, "whenever");
}
