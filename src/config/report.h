/* report: errors found while reading the configuration. They are kept until all is read, since what
 * is read says how they are printed. The config room's own. Before threads start. */
#pragma once
#include <stdio.h>

#include "base/assert.h"
#include "base/log.h"

struct report {
    FILE *lines; /* owned: a memory stream; NULL = nothing was wrong */
    char *text;  /* its bytes, each line with its newline; owned */
    size_t n_text;
    unsigned n_usage; /* command line or variable wrong: exit 2 */
    unsigned n_wrong; /* configuration wrong: exit 78 */
};

/* One line; control characters in it are escaped, so that a hostile value stays on its line. */
void report_usage(struct report *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void report_wrong(struct report *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void report_as(struct report *r, int exit_code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* 0 when nothing was wrong; one usage error decides the code */
int report_exit(const struct report *r);
/* Prints the lines and empties the report: as lines of the log in this format, or as "hyphad: ..."
 * for people. */
void report_print(struct report *r, FILE *err, bool is_log, enum log_format format);
