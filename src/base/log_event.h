/* log_event: lines whose level, subject, words and fields stand in one table (log_events.def of the
 * rooms), which is also their documentation. Any thread. */
#pragma once
#include "base/log.h"

struct buf;

enum log_event {
#define EVENT(id, ...) EVENT_##id,
#include "rooms_log_events.def"
#undef EVENT
    LOG_EVENTS
};

/* EVENT_X_LEVEL: known where a line is written, so that an unwanted one costs a branch */
enum {
#define EVENT(id, level, ...) EVENT_##id##_LEVEL = level,
#include "rooms_log_events.def"
#undef EVENT
};

bool log_event_wants_of(enum log_event event);
/* The fields of its row, all of them, in that order. */
void log_event_write(enum log_event event, const struct log_field *fields, size_t n_fields);
/* The rows as a Markdown table. */
void log_events_document(struct buf *out);

/* event: one of the enumerators above, by name. */
#define LOG_EVENT(event, ...)                                                                      \
    do {                                                                                           \
        if ((int)event##_LEVEL >= atomic_load_explicit(&log_least, memory_order_relaxed) &&        \
            log_event_wants_of(event)) {                                                           \
            const struct log_field log_fields_[] = {__VA_ARGS__};                                  \
            log_event_write((event), log_fields_, ARRAY_LEN(log_fields_));                         \
        }                                                                                          \
    } while (0)
