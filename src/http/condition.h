/* condition: what a request asks of a file it may have already, or wants a part of (RFC 9110 13,
 * 14). Pure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* The headers, as sent; ptr NULL: absent. They are borrowed. */
struct condition {
    struct slice none_match, modified_since, range, if_range;
};

/* A file as it is now. */
struct representation {
    uint64_t n_bytes;
    int64_t modified_s; /* Unix seconds */
    struct slice etag;  /* with its quotes */
};

enum condition_outcome {
    CONDITION_WHOLE,
    CONDITION_PART,      /* *ret_first to *ret_last, both inside */
    CONDITION_UNCHANGED, /* 304 */
    CONDITION_OUTSIDE,   /* 416: no byte of what is asked for exists */
};

/* A range that cannot be read, of another unit or of several parts is ignored, as it may be. */
enum condition_outcome condition_decide(const struct condition *c,
                                        const struct representation *file, uint64_t *ret_first,
                                        uint64_t *ret_last);

enum { HTTP_DATE_MAX = 32 };
/* Sun, 06 Nov 1994 08:49:37 GMT */
void http_date(int64_t at_s, char out[HTTP_DATE_MAX]);
/* that form only; else false */
bool http_date_read(struct slice text, int64_t *ret_s);
