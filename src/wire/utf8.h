/* utf8: one character at a time, and texts made whole. Pure; any thread. (RFC 3629) */
#pragma once
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* Cuts one character off a non-empty *text. False when it is not well formed: then what is cut off is the longest prefix of
 * a character (at least one byte), which is one U+FFFD in what Python and browsers print, and *ret_char is U+FFFD. */
MUST_CHECK bool utf8_take(struct slice *text, uint32_t *ret_char);
/* Appends the text with every malformed piece replaced by U+FFFD. */
void utf8_add(struct buf *out, struct slice text);
