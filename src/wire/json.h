/* json: the one door between JSON text and MessagePack values. Reading takes time and memory in
 * proportion to the text and no more, writing keeps the original's number forms. Pure; any
 * thread. */
#pragma once
#include "base/buf.h"
#include "base/slice.h"

enum {
    JSON_OK,
    JSON_SYNTAX,    /* not JSON, not UTF-8, trailing data, or too deep */
    JSON_HAS_BYTES, /* a bin or ext inside: "Object of type bytes is not JSON serializable" */
    JSON_HAS_NAN,   /* NaN or infinity: "Out of range float values are not JSON compliant" */
    JSON_BAD_KEY,   /* a map key that is not a text */
    JSON_NO_MEMORY,
    JSON_LONG, /* json_from_short_mp: it would take long */
};
enum { JSON_ERROR_MAX = 160, JSON_MAX_DEPTH = 64 };

/* Appends one value encoded as MessagePack. ret_error (may be NULL) gets a text for people. Accepts
 * a BOM, surrounding blanks, duplicate keys (the last wins); any top-level value. Integers outside
 * int64 become floats. */
MUST_CHECK int json_to_mp(struct slice text, struct buf *out, char ret_error[JSON_ERROR_MAX]);
/* Appends the JSON text of a value: `,` and `:` without blanks, non-ASCII raw, floats in shortest
 * round-trip form with `.0` or exponent as Python prints them, keys in order; an absent value is
 * null. On an outcome other than OK `out` is as before. */
MUST_CHECK int json_from_mp(struct slice value, struct buf *out);
/* The same, as long as it takes about JSON_SHORT_NS: for a thread that has others to serve.
 * JSON_LONG: let a worker do it. */
MUST_CHECK int json_from_short_mp(struct slice value, struct buf *out);
enum { JSON_SHORT_NS = 400 * 1000 };
/* A text of so many bytes takes json_to_mp about as long, whatever it holds. */
enum { JSON_SHORT_TEXT = 32 * 1024 };
/* Appends a quoted, escaped JSON string; invalid UTF-8 becomes U+FFFD. */
void json_add_text(struct buf *out, struct slice text);
