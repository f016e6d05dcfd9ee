/* report: every error is kept, not the first alone, so an operator repairs all of them in one
 * round. */
#include "config/report.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/log_line.h"
#include "base/memory.h"
#include "config/config.h"

static void report_add(struct report *r, const char *fmt, va_list args)
{
    char *line = NULL;
    int n = vasprintf(&line, fmt, args);

    ASSERT(n >= 0);
    if (!r->lines)
        r->lines = open_memstream(&r->text, &r->n_text);
    ASSERT(r->lines);
    for (const char *c = line; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            fprintf(r->lines, "\\x%02x", (unsigned char)*c);
        else
            fputc(*c, r->lines);
    }
    fputc('\n', r->lines);
    mem_free(line);
}

void report_usage(struct report *r, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    report_add(r, fmt, args);
    va_end(args);
    r->n_usage++;
}

void report_wrong(struct report *r, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    report_add(r, fmt, args);
    va_end(args);
    r->n_wrong++;
}

void report_as(struct report *r, int exit_code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    report_add(r, fmt, args);
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

void report_print(struct report *r, FILE *err, bool is_log, enum log_format format)
{
    struct slice rest, line;

    if (!r->lines)
        return;
    (void)fclose(r->lines); /* only now are text and n_text right */
    r->lines = NULL;
    rest = slice_make(r->text, r->n_text);
    while (slice_cut(rest, '\n', &line, &rest)) {
        SCRATCH_BUF(text, 0);
        if (is_log) {
            const struct log_field reason = log_slice("reason", line);
            log_line_add(&text, format,
                         &(struct log_record){LOG_ERROR, "config", "cannot start", &reason, 1});
        } else {
            buf_add_fmt(&text, "hyphad: " SLICE_FMT "\n", SLICE_ARG(line));
        }
        fwrite(text.ptr, 1, text.len, err);
    }
    free(r->text);
}
