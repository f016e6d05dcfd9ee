/* assert: the last words of a process whose state can no longer be trusted. Any thread. */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void assert_fail(const char *cond, const char *file, int line, const char *func)
{
    fprintf(stderr, "hyphad: assertion failed: %s (%s:%d, %s)\n", cond, file, line, func);
    abort();
}
