/* json_scalar: most texts have no escape and are copied as they lie; most numbers are short. */
#include "wire/json_scalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "wire/mp.h"

enum { SHORT_NUMBER = 64 };

static bool json_scalar_fault(struct json_fault *ret, const char *text, size_t at)
{
    *ret = (struct json_fault){text, at};
    return false;
}

/* ---- texts ---- */

/* The bytes from `at` on that stand for themselves: up to a quote, a backslash or a control
 * character. Eight at a time. */
static size_t plain_run(struct slice text, size_t at)
{
    const uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
    size_t end = at;
    uint64_t w;

    for (; text.len - end >= sizeof(w); end += sizeof(w)) {
        memcpy(&w, text.ptr + end, sizeof(w));
        uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
        /* A top bit set where a byte is below 0x20, or equal to one of the two; a byte above 0x7f
         * may hide one and is no match. */
        if (((w - ones * 0x20) & ~w & tops) | ((quote - ones) & ~quote & tops) |
            ((slash - ones) & ~slash & tops))
            break;
    }
    while (end < text.len && (uint8_t)text.ptr[end] >= 0x20 && text.ptr[end] != '"' &&
           text.ptr[end] != '\\')
        end++;
    return end - at;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits; -1: they are not. */
static int32_t read_unit(struct slice text, size_t at)
{
    int32_t unit = 0;

    for (size_t i = at; i < at + 4; i++) {
        int digit = i < text.len ? hex_value(text.ptr[i]) : -1;
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static void add_character(struct buf *out, uint32_t c)
{
    if (c < 0x80)
        buf_add_byte(out, (uint8_t)c);
    else if (c < 0x800)
        buf_add(out, (char[]){(char)(0xc0 | c >> 6), (char)(0x80 | (c & 63))}, 2);
    else if (c < 0x10000)
        buf_add(
            out,
            (char[]){(char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 63)), (char)(0x80 | (c & 63))},
            3);
    else
        buf_add(out,
                (char[]){(char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 63)),
                         (char)(0x80 | (c >> 6 & 63)), (char)(0x80 | (c & 63))},
                4);
}

/* \uXXXX, and the second half where it is the first of a pair; *at is at the u. A half alone is no
 * character. */
static bool read_unicode(struct slice text, size_t *at, struct buf *out, struct json_fault *ret)
{
    int32_t unit = read_unit(text, *at + 1), second;

    if (unit < 0)
        return json_scalar_fault(ret, "Invalid \\uXXXX escape", *at);
    bool is_pair = unit >= 0xd800 && unit < 0xdc00 && text.len - *at > 6 &&
                   text.ptr[*at + 5] == '\\' && text.ptr[*at + 6] == 'u';
    if (is_pair) {
        second = read_unit(text, *at + 7);
        if (second < 0xdc00 || second > 0xdfff)
            return json_scalar_fault(ret, "Invalid \\uXXXX\\uXXXX surrogate pair", *at);
        add_character(out,
                      0x10000u + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(second - 0xdc00));
        *at += 11;
        return true;
    }
    if (unit >= 0xd800 && unit < 0xe000)
        return json_scalar_fault(ret, "Invalid \\uXXXX escape: half of a surrogate pair", *at);
    add_character(out, (uint32_t)unit);
    *at += 5;
    return true;
}

/* *at is behind the backslash. */
static bool read_escape(struct slice text, size_t *at, struct buf *out, struct json_fault *ret)
{
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char c = *at < text.len ? text.ptr[*at] : '\0';
    const char *found = c ? strchr(names, c) : NULL;

    if (c == 'u')
        return read_unicode(text, at, out, ret);
    if (!found)
        return json_scalar_fault(ret, "Invalid \\escape", *at - 1);
    buf_add_byte(out, (uint8_t)meant[found - names]);
    (*at)++;
    return true;
}

bool json_read_string(struct slice text, size_t *at, struct buf *out, struct buf *scratch,
                      struct json_fault *ret)
{
    size_t began = *at, i = began + 1, n = plain_run(text, i);
    struct slice whole = slice_make(text.ptr + i, n);

    if (i + n == text.len || text.ptr[i + n] != '"') {
        buf_clear(scratch);
        for (;; n = plain_run(text, i)) {
            buf_add(scratch, text.ptr + i, n);
            i += n;
            if (i == text.len)
                return json_scalar_fault(ret, "Unterminated string starting at", began);
            if (text.ptr[i] == '"')
                break;
            if (text.ptr[i] != '\\')
                return json_scalar_fault(ret, "Invalid control character at", i);
            i++;
            if (!read_escape(text, &i, scratch, ret))
                return false;
        }
        whole = buf_slice(scratch);
    } else {
        i += n;
    }
    if (!slice_is_utf8(whole))
        return json_scalar_fault(ret, "Invalid UTF-8 in the string starting at", began);
    mp_add_str(out, whole);
    *at = i + 1;
    return true;
}

/* ---- numbers ---- */

static size_t digits_end(struct slice text, size_t at)
{
    while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9')
        at++;
    return at;
}

/* Where the number ends: -? (0 | [1-9] digits) (. digits)? ([eE] [+-]? digits)?. Parts that are not
 * whole are left behind it, as in Python, and are then no JSON. */
static size_t number_end(struct slice text, size_t at, bool *ret_is_whole)
{
    size_t digits = at + (text.ptr[at] == '-'), end = digits_end(text, digits), more;

    *ret_is_whole = true;
    if (end == digits)
        return at;
    if (text.ptr[digits] == '0')
        end = digits + 1;
    if (end < text.len && text.ptr[end] == '.' && (more = digits_end(text, end + 1)) > end + 1) {
        end = more;
        *ret_is_whole = false;
    }
    if (end < text.len && (text.ptr[end] == 'e' || text.ptr[end] == 'E')) {
        size_t exponent = end + 1;
        exponent += exponent < text.len && (text.ptr[exponent] == '+' || text.ptr[exponent] == '-');
        if ((more = digits_end(text, exponent)) > exponent) {
            end = more;
            *ret_is_whole = false;
        }
    }
    return end;
}

static bool json_scalar_add_number(const char *z, bool is_whole, struct buf *out)
{
    errno = 0;
    if (is_whole) {
        long long n = strtoll(z, NULL, 10);
        if (!errno) {
            mp_add_int(out, n);
            return true;
        }
    }
    double d = strtod(z, NULL);
    if (!isfinite(d))
        return false;
    mp_add_float(out, d);
    return true;
}

bool json_read_number(struct slice text, size_t *at, struct buf *out, struct buf *scratch,
                      struct json_fault *ret)
{
    char room[SHORT_NUMBER];
    const char *z = room;
    bool is_whole;
    size_t began = *at, end = number_end(text, began, &is_whole), n = end - began;

    if (end == began)
        return json_scalar_fault(ret, "Expecting value", began);
    if (n < sizeof(room)) {
        memcpy(room, text.ptr + began, n);
        room[n] = '\0';
    } else {
        buf_clear(scratch);
        buf_add(scratch, text.ptr + began, n);
        buf_add_byte(scratch, 0);
        if (scratch->is_failed)
            return json_scalar_fault(ret, "real number overflow", began);
        z = scratch->ptr;
    }
    if (!json_scalar_add_number(z, is_whole, out))
        return json_scalar_fault(ret, "real number overflow", began);
    *at = end;
    return true;
}
