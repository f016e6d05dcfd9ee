/* time_text: points in time as people and the original write them: ISO-8601. Pure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* 2026-11-21, 2026-11-21T09:33, 2026-11-21 09:33:54.673970+01:00, ...Z: what has no zone is UTC;
 * years 1 to 9999. Unix time in microseconds; false for anything else, *ret untouched. */
bool time_text_read(struct slice text, int64_t *ret_us);
/* 2026-11-21T09:33:54.673970: UTC without zone. Outside the years 1 to 9999: the nearest that is
 * inside. */
void time_text_add(struct buf *b, int64_t at_us);
/* Unix seconds as microseconds; false when it is no number or not within the years 1 to 9999. */
bool time_from_seconds(double seconds, int64_t *ret_us);
