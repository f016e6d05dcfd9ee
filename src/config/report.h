/* report: errors found while reading the configuration, one line each on the error stream. */
#pragma once
#include <stdio.h>

#include "base/assert.h"

struct report {
    FILE *err;
    unsigned n_usage; /* command line or variable wrong: exit 2 */
    unsigned n_wrong; /* configuration wrong: exit 78 */
};

/* One line "hyphad: ..."; control characters in it are escaped, so that a hostile value stays on
 * its line. */
void report_usage(struct report *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void report_wrong(struct report *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void report_as(struct report *r, int exit_code, const char *fmt, ...) PRINTF_LIKE(3, 4);
int report_exit(
    const struct report *r); /* 0 when nothing was wrong; one usage error decides the code */
