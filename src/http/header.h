/* header: header lines of answers. Pure; any thread. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

/* Appends `name: value\r\n`; control characters of the value are left out, so a value cannot
 * start another header. */
void http_header_add(struct buf *extra, const char *name, struct slice value);
/* Whether these lines have one of that name (any case). */
bool http_header_has(struct slice lines, const char *name);
