/* log_rate: each message has an allowance of lines a second; what is over it is counted, so that
 * the count can be told. Any thread, without locks: under contention a line too many passes. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

enum { LOG_RATE_SITES = 256 };

struct log_site {                  /* one message's allowance in the current second */
    _Atomic(const char *) message; /* the literal itself is the key */
    _Atomic(const char *) subject;
    atomic_int level;
    atomic_uint_fast64_t window; /* second << 32 | lines let through */
    atomic_uint_fast32_t n_dropped;
};

struct log_rate {
    struct log_site sites[LOG_RATE_SITES];
    atomic_bool has_dropped; /* some site has a count nobody has told */
};

/* Whether a line of that message may pass now. *ret_dropped: what earlier seconds swallowed of it,
 * to be told with this one. */
bool log_rate_pass(struct log_rate *r, const char *subject, const char *message,
                   enum log_level level, unsigned rate_per_s, uint32_t *ret_dropped);
/* What a message was not said lately, when its second is over. Start with *cursor = 0; false: no
 * more. */
struct log_left_out {
    enum log_level level;
    const char *subject, *message;
    uint32_t n;
};
bool log_rate_left_out(struct log_rate *r, unsigned *cursor, struct log_left_out *ret);
