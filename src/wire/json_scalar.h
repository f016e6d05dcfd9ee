/* json_scalar: texts and numbers of JSON. Private to this room: json_read.c walks with it. Pure;
 * any thread. */
#pragma once
#include "base/buf.h"
#include "base/slice.h"

struct json_fault {
    const char *text; /* for people; static */
    size_t at;        /* in the text */
};

/* Both read what begins at *at (a quote; a digit or a minus), append it to out and move *at behind
 * it. scratch: for texts with escapes and long numbers; whatever was in it is lost. False:
 * *ret_fault says what is wrong, and out may hold a part. */
MUST_CHECK bool json_read_string(struct slice text, size_t *at, struct buf *out,
                                 struct buf *scratch, struct json_fault *ret_fault);
MUST_CHECK bool json_read_number(struct slice text, size_t *at, struct buf *out,
                                 struct buf *scratch, struct json_fault *ret_fault);
