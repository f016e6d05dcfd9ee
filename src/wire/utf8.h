/* utf8: one character at a time, and texts made whole. Pure; any thread. (RFC 3629) */
#pragma once
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* Cuts one character off a non-empty *text. False when it is not well formed: then what is cut off
 * is the longest prefix of a character (at least one byte), which is one U+FFFD in what Python and
 * browsers print, and *ret_char is U+FFFD. */
MUST_CHECK bool utf8_take(struct slice *text, uint32_t *ret_char);
/* Characters nobody sees (Unicode's Default_Ignorable_Code_Point), those that turn the direction of
 * what stands around them among them. Two ids that differ by one look the same, so no id may hold
 * one; malformed pieces are not looked for. */
bool utf8_is_invisible(uint32_t c);
bool utf8_has_invisible(struct slice text);
/* Only the explicit directions (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069): what a
 * name for people may not hold either, because the text around it would be shown in another order.
 * Emoji and scripts keep their joiners. */
bool utf8_has_direction(struct slice text);
/* Appends the text with every malformed piece replaced by U+FFFD. */
void utf8_add(struct buf *out, struct slice text);
