/* key_case: case_conversion of get_service: map keys, and the schema names of functions, in
 * camelCase or snake_case or both. Pure. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

enum { KEY_CASE_CAMEL = 1, KEY_CASE_SNAKE = 2 }; /* flags; 0 = leave as it is */

/* "camel", "snake", "camel+snake"; empty = 0. False for anything else. */
bool key_case_read(struct slice text, unsigned *ret_kinds);
/* one of the two flags */
void key_case_add_name(struct buf *out, struct slice name, unsigned kind);

struct mp_open;
/* One pair into an open map: with both kinds a key that differs in them is written twice. Since
 * that doubles with every level, `out` must have a cap: a failed buffer ends the walk. */
void key_case_add_pair(struct mp_open *map, struct slice key, struct slice value, unsigned kinds);
