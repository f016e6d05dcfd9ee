/* slice: a borrowed run of bytes. Passed by value; the bytes belong to somebody who outlives it.
 * Not NUL-terminated. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/assert.h"

struct slice {
    const char *ptr;
    size_t len;
};

#define SLICE_LIT(text) ((struct slice){(text), sizeof(text) - 1})
#define SLICE_FMT "%.*s"
/* printf walks what it writes byte by byte, also where there is no room for it: of a longer text
 * this much is shown. */
enum { SLICE_SHOWN_MAX = 128 * 1024 };
#define SLICE_ARG(s) (int)((s).len < SLICE_SHOWN_MAX ? (s).len : SLICE_SHOWN_MAX), (s).ptr

/* a NUL-terminated text; NULL gives the empty slice */
static ALWAYS_INLINE struct slice slice_of(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

static inline struct slice slice_make(const void *ptr, size_t len)
{
    return (struct slice){ptr, len};
}

static ALWAYS_INLINE bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static ALWAYS_INLINE bool slice_is(struct slice a, const char *text)
{
    return slice_eq(a, slice_of(text));
}

/* The rest from `at`; empty when past the end. */
static inline struct slice slice_from(struct slice s, size_t at)
{
    return at >= s.len ? slice_make(s.ptr ? s.ptr + s.len : NULL, 0)
                       : slice_make(s.ptr + at, s.len - at);
}

/* the first n bytes, or all */
static inline struct slice slice_to(struct slice s, size_t n)
{
    return slice_make(s.ptr, n < s.len ? n : s.len);
}

static ALWAYS_INLINE bool slice_starts(struct slice s, const char *prefix)
{
    size_t n = strlen(prefix);

    return s.len >= n && memcmp(s.ptr, prefix, n) == 0;
}

static ALWAYS_INLINE bool slice_ends(struct slice s, const char *suffix)
{
    size_t n = strlen(suffix);

    return s.len >= n && memcmp(s.ptr + s.len - n, suffix, n) == 0;
}

bool slice_is_nocase(struct slice a, const char *text); /* ASCII only */
/* without ASCII blanks at both ends */
struct slice slice_trim(struct slice s);
/* <0, 0, >0: bytewise, shorter first */
int slice_order(struct slice a, struct slice b);
bool slice_has_byte(struct slice s, char byte);
/* Cuts s at the first `byte`: head before it, tail after it. False (outputs untouched) when the
 * byte is absent. */
bool slice_cut(struct slice s, char byte, struct slice *ret_head, struct slice *ret_tail);
/* Whether the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool slice_is_utf8(struct slice s);
/* Without a sequence that is cut at the end: what more bytes would complete. */
struct slice slice_utf8_whole(struct slice s);
/* The longest prefix of at most n bytes that does not end inside a UTF-8 sequence. */
struct slice slice_utf8_prefix(struct slice s, size_t n);
/* Equality whose time depends on the lengths only: for secrets. */
bool slice_eq_secret(struct slice a, struct slice b);
