/* clock: the times there are. Monotonic for durations and deadlines, wall for what people and
 * tokens see, a thread's own for what its work costs. Any thread. */
#pragma once
#include <stdint.h>

uint64_t clock_mono_ms(void);
uint64_t clock_mono_ns(void);
/* CPU time of the calling thread: a system call, unlike the others */
uint64_t clock_thread_cpu_ns(void);
int64_t clock_wall_ms(void); /* since 1970-01-01T00:00:00Z */
enum { CLOCK_ISO_LEN = 24 };
void clock_iso(int64_t wall_ms, char out[CLOCK_ISO_LEN + 1]); /* 2026-01-31T12:00:00.123Z */
