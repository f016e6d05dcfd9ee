/* interface: a service object as plain data: functions become their schemas. Pure. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

/* Walks `a.b.c` through maps. False: absent, or a step into something that is no map. */
bool interface_find(struct slice object, struct slice path, struct slice *ret_value);
bool interface_is_function(struct slice value);
/* Copies a value with every function replaced by {"type":"function","function":<schema>}. */
void interface_describe(struct slice value, struct buf *out);
