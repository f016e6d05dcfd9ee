/* log: one line per event, key=value or JSON, to stderr or a file. Lines are formatted by the
 * caller and written by a thread of the log's own, so a stuck terminal loses lines (and counts
 * them) instead of stopping a loop. Any thread.
 *
 * Never a token, never a payload: pass ids and outcomes. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_KV, LOG_JSON };

struct log_field {
    const char *key;
    enum { LOG_FIELD_TEXT, LOG_FIELD_INT } kind;
    struct slice text;
    int64_t number;
};

struct log_options {
    enum log_level level;
    enum log_format format;
    const char *path;    /* NULL = stderr */
    uint32_t rate_per_s; /* lines per second and message; 0 = no limit */
    char *const *levels; /* borrowed for the call: "subject=level" */
    size_t n_levels;
};

/* 0, or -errno when the file cannot be opened; before threads start */
int log_open(const struct log_options *options);
/* level, format and rate of a running log (reload) */
void log_configure(const struct log_options *options);
/* after the file was renamed; 0 or -errno */
int log_reopen(void);
void log_close(void); /* writes what is queued */
/* of all levels there are: log.c's; a line below it costs one branch */
extern atomic_int log_least;
bool log_wants_of(enum log_level level, const char *subject);
static inline bool log_wants(enum log_level level, const char *subject)
{
    return (int)level >= atomic_load_explicit(&log_least, memory_order_relaxed) &&
           log_wants_of(level, subject);
}
/* Until then errors go to stderr too when the log is a file: whoever starts the server looks
 * there. */
void log_started(void);
bool log_subject_is_known(struct slice subject);
/* "subject=level". False: it is not, or the subject is none. */
bool log_levels_parse(struct slice text, struct slice *ret_subject, enum log_level *ret_level);
/* its name, in any case */
bool log_level_parse(struct slice text, enum log_level *ret_level);

/* subject: the room. message: a literal, constant per site: it is also the key of the rate
 * limit. */
void log_write(enum log_level level, const char *subject, const char *message,
               const struct log_field *fields, size_t n_fields);

static inline struct log_field log_text(const char *key, const char *text)
{
    return (struct log_field){key, LOG_FIELD_TEXT, slice_of(text ? text : ""), 0};
}

static inline struct log_field log_slice(const char *key, struct slice text)
{
    return (struct log_field){key, LOG_FIELD_TEXT, text, 0};
}

static inline struct log_field log_int(const char *key, int64_t number)
{
    return (struct log_field){key, LOG_FIELD_INT, {NULL, 0}, number};
}

#define LOG(level, subject, message, ...)                                                          \
    do {                                                                                           \
        if (log_wants((level), (subject))) {                                                       \
            const struct log_field log_fields_[] = {__VA_ARGS__};                                  \
            log_write((level), (subject), (message), log_fields_, ARRAY_LEN(log_fields_));         \
        }                                                                                          \
    } while (0)
