/* log_line: one event as text: key=value, or JSON. Pure, any thread. Whatever the values hold, the
 * line stays one line, its keys stay ours, and nothing in it is invisible. */
#pragma once
#include "base/log.h"

struct buf;

enum { LOG_LINE_MAX = 4096 };

struct log_record { /* borrowed */
    enum log_level level;
    const char *subject, *message;
    const struct log_field *fields;
    size_t n_fields;
};

/* Appends the line and its end; fields that do not fit are left out. */
void log_line_add(struct buf *out, enum log_format format, const struct log_record *record);
