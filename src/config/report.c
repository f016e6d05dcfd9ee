/* report: see report.h. Every error is printed as it is found, so an operator repairs all of
 * them in one round. */
#include "config/report.h"

#include <stdarg.h>

#include "base/memory.h"
#include "config/config.h"

static void print(struct report *r, const char *fmt, va_list args)
{
    char *line = NULL;
    int n = vasprintf(&line, fmt, args);

    ASSERT(n >= 0);
    fputs("hyphad: ", r->err);
    for (const char *c = line; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            fprintf(r->err, "\\x%02x", (unsigned char)*c);
        else
            fputc(*c, r->err);
    }
    fputc('\n', r->err);
    mem_free(line);
}

void report_usage(struct report *r, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    print(r, fmt, args);
    va_end(args);
    r->n_usage++;
}

void report_wrong(struct report *r, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    print(r, fmt, args);
    va_end(args);
    r->n_wrong++;
}

void report_as(struct report *r, int exit_code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    print(r, fmt, args);
    va_end(args);
    if (exit_code == CONFIG_EXIT_USAGE)
        r->n_usage++;
    else
        r->n_wrong++;
}

int report_exit(const struct report *r)
{
    if (r->n_usage > 0)
        return CONFIG_EXIT_USAGE;
    return r->n_wrong > 0 ? CONFIG_EXIT_WRONG : CONFIG_EXIT_OK;
}
