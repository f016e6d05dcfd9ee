/* log_event: the table. */
#include "base/log_event.h"

#include "base/assert.h"
#include "base/buf.h"

static const struct row {
    enum log_level level;
    const char *subject, *message, *fields, *meaning;
} rows[LOG_EVENTS] = {
#define EVENT(id, level, subject, message, fields, meaning)                                        \
    {level, subject, message, fields, meaning},
#include "rooms_log_events.def"
#undef EVENT
};

bool log_event_wants_of(enum log_event event)
{
    return log_wants_of(rows[event].level, rows[event].subject);
}

/* The page says what a line holds, so a line holds just that. */
static bool keys_are(const char *wanted, const struct log_field *fields, size_t n_fields)
{
    struct slice rest = slice_of(wanted), key;

    for (size_t i = 0; i < n_fields; i++) {
        if (!slice_cut(rest, ' ', &key, &rest)) {
            key = rest;
            rest.len = 0;
        }
        if (!slice_is(key, fields[i].key))
            return false;
    }
    return rest.len == 0;
}

void log_event_write(enum log_event event, const struct log_field *fields, size_t n_fields)
{
    const struct row *row = &rows[event];

    ASSERT(keys_are(row->fields, fields, n_fields));
    log_write(row->level, row->subject, row->message, fields, n_fields);
}

void log_events_document(struct buf *out)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};

    buf_add_text(out,
                 "| level | subj | msg | fields | meaning |\n| --- | --- | --- | --- | --- |\n");
    for (unsigned i = 0; i < LOG_EVENTS; i++)
        buf_add_fmt(out, "| %s | %s | `%s` | `%s` | %s |\n", names[rows[i].level], rows[i].subject,
                    rows[i].message, rows[i].fields, rows[i].meaning);
}
