/* serializable: can a record that a client made be shown by everybody who shows records? It must be
 * JSON, and not so deep that wrapped into an answer it passes a reader's bound. Pure. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"

enum { SERIALIZABLE_DEPTH = 48 };
bool is_serializable(struct slice record, unsigned max_depth);
