/* pairs: a map copied with some of its pairs left out. Pure. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"
#include "wire/mp.h"

/* Copies the pairs of a map (absent: none) into an open one, but for the named keys
 * (NULL-terminated list). */
void pairs_add_but(struct mp_open *out, struct slice map, const char *const *but);
/* The same with one key, which may hold any bytes. */
void pairs_add_others(struct mp_open *out, struct slice map, struct slice but);
