/* json_write: MessagePack values as JSON text, in the number forms Python prints, so that a caller
 * can tell 5 from 5.0 and a test written against the original still reads the same bytes. Any
 * thread.
 *
 * A byte of text costs a nanosecond, a float a microsecond or two: it is printed until it reads
 * back. So a writer that has little time counts what things cost, not how long they are. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/json.h"
#include "wire/mp_head.h"
#include "wire/utf8.h"

/* The leading bytes that stand in JSON as they are, and are ASCII: looked at eight at a time. */
static size_t json_write_plain_prefix(struct slice text)
{
    const uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
    size_t n = 0;
    uint64_t w;

    for (; n + sizeof(w) <= text.len; n += sizeof(w)) {
        memcpy(&w, text.ptr + n, sizeof(w));
        uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
        /* A top bit set: byte above 0x7f, below 0x20, or equal to one of the two. */
        if ((w | (w - ones * 0x20) | (quote - ones) | (slash - ones)) & tops)
            break;
    }
    while (n < text.len && (uint8_t)text.ptr[n] >= 0x20 && (uint8_t)text.ptr[n] < 0x80 &&
           text.ptr[n] != '"' && text.ptr[n] != '\\')
        n++;
    return n;
}

static void json_write_add_escaped(struct buf *out, uint8_t c)
{
    static const char names[] = "btn?fr"; /* 8 to 13 */

    if (c == '"' || c == '\\')
        buf_add(out, (char[]){'\\', (char)c}, 2);
    else if (c >= 8 && c <= 13 && c != 11)
        buf_add(out, (char[]){'\\', names[c - 8]}, 2);
    else
        buf_add(
            out,
            (char[]){'\\', 'u', '0', '0', "0123456789abcdef"[c >> 4], "0123456789abcdef"[c & 15]},
            6);
}

/* Well-formed text: runs that need no escape are copied whole. */
static void add_plain(struct buf *out, struct slice text)
{
    while (text.len) {
        size_t n = 0;
        while (n < text.len && (uint8_t)text.ptr[n] >= 0x20 && text.ptr[n] != '"' &&
               text.ptr[n] != '\\')
            n++;
        buf_add(out, text.ptr, n);
        if (n < text.len)
            json_write_add_escaped(out, (uint8_t)text.ptr[n++]);
        text = slice_from(text, n);
    }
}

void json_add_text(struct buf *out, struct slice text)
{
    if (json_write_plain_prefix(text) == text.len) {
        char *at = buf_reserve(out, text.len + 2);
        if (!at)
            return;
        at[0] = at[text.len + 1] = '"';
        if (text.len)
            memcpy(at + 1, text.ptr, text.len);
        buf_grow(out, text.len + 2);
        return;
    }
    buf_add_byte(out, '"');
    if (slice_is_utf8(text)) {
        add_plain(out, text);
    } else {
        SCRATCH_BUF(whole, 0);
        utf8_add(&whole, text);
        add_plain(out, buf_slice(&whole));
        out->is_failed = out->is_failed || whole.is_failed;
    }
    buf_add_byte(out, '"');
}

/* The fewest digits that read back as the same number: "d.ddde±xx". 15 digits always survive for
 * normal numbers, so %.15e without its trailing zeros is the shortest when it reads back;
 * subnormals have fewer and are tried from one. */
static void json_write_shortest(double v, char *out, size_t n_out)
{
    for (int digits = isnormal(v) ? 15 : 1; digits <= 17; digits++) {
        snprintf(out, n_out, "%.*e", digits - 1, v);
        if (strtod(out, NULL) == v)
            return;
    }
}

static void add_float(struct buf *out, double v)
{
    char text[32], digits[20];
    size_t n = 0;

    if (v == 0) {
        buf_add_text(out, signbit(v) ? "-0.0" : "0.0");
        return;
    }
    json_write_shortest(fabs(v), text, sizeof(text));
    const char *e = strchr(text, 'e');
    for (const char *p = text; p < e; p++) {
        if (*p >= '0' && *p <= '9')
            digits[n++] = *p;
    }
    while (n > 1 && digits[n - 1] == '0')
        n--;
    int exponent = atoi(e + 1);
    if (v < 0)
        buf_add_byte(out, '-');
    if (exponent < -4 || exponent >= 16) {
        buf_add(out, digits, 1);
        if (n > 1) {
            buf_add_byte(out, '.');
            buf_add(out, digits + 1, n - 1);
        }
        buf_add_fmt(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
        return;
    }
    if (exponent < 0)
        buf_add(out, "0.000", (size_t)(1 - exponent));
    for (int i = 0; i < (int)n || i <= exponent; i++) {
        buf_add_byte(out, (uint8_t)(i < (int)n ? digits[i] : '0'));
        if (i == exponent && i + 1 < (int)n)
            buf_add_byte(out, '.');
    }
    if ((int)n <= exponent + 1)
        buf_add_text(out, ".0");
}

/* What is written, and what it may still cost. */
struct writer {
    struct buf *out;
    size_t cost_left;
};

/* a byte that is escaped, or no ASCII */
enum { VALUE_COST = 10, FLOAT_COST = 1500, ODD_BYTE_COST = 12 };

static bool json_write_spend(struct writer *w, size_t cost)
{
    if (cost > w->cost_left)
        return false;
    w->cost_left -= cost;
    return true;
}

static bool spend_text(struct writer *w, struct slice text)
{
    if (text.len > w->cost_left)
        return false;
    return json_write_spend(w,
                            text.len + (text.len - json_write_plain_prefix(text)) * ODD_BYTE_COST);
}

static void add_digits(struct buf *out, uint64_t n, bool is_negative)
{
    char text[24], *at = text + sizeof(text);

    do
        *--at = (char)('0' + n % 10);
    while (n /= 10);
    if (is_negative)
        *--at = '-';
    buf_add(out, at, (size_t)(text + sizeof(text) - at));
}

static int json_write_add_number(struct writer *w, struct slice v)
{
    uint64_t u;
    int64_t i;
    double d;

    if (mp_get_uint64(v, &u)) {
        add_digits(w->out, u, false);
    } else if (mp_kind(v) == MP_INT && mp_get_int(v, &i)) {
        add_digits(w->out, 0 - (uint64_t)i, true);
    } else if (mp_get_num(v, &d)) {
        if (!isfinite(d))
            return JSON_HAS_NAN;
        if (!json_write_spend(w, FLOAT_COST))
            return JSON_LONG;
        add_float(w->out, d);
    }
    return JSON_OK;
}

static int json_write_add_value(struct writer *w, struct slice *in);

static int add_array(struct writer *w, struct slice *in, uint64_t n)
{
    int r = JSON_OK;

    buf_add_byte(w->out, '[');
    for (uint64_t i = 0; r == JSON_OK && i < n; i++) {
        if (i)
            buf_add_byte(w->out, ',');
        r = json_write_add_value(w, in);
    }
    buf_add_byte(w->out, ']');
    return r;
}

static int json_write_add_map(struct writer *w, struct slice *in, uint64_t n_pairs)
{
    int r = JSON_OK;

    buf_add_byte(w->out, '{');
    for (uint64_t i = 0; r == JSON_OK && i < n_pairs; i++) {
        if (i)
            buf_add_byte(w->out, ',');
        if (!mp_is(*in, MP_STR))
            return JSON_BAD_KEY;
        r = json_write_add_value(w, in);
        buf_add_byte(w->out, ':');
        if (r == JSON_OK)
            r = json_write_add_value(w, in);
    }
    buf_add_byte(w->out, '}');
    return r;
}

/* Cuts one value off *in while it is written, so that every byte is read once. A value that came
 * from mp_take() nests at most MP_MAX_DEPTH. */
static int json_write_add_value(struct writer *w, struct slice *in)
{
    struct mp_head h;
    bool is_true;

    ASSERT(mp_head_read((const uint8_t *)in->ptr, in->len, &h) == MP_OK);
    struct slice v = slice_to(*in, h.head_len + h.body_len);
    *in = slice_from(*in, v.len);
    if (!json_write_spend(w, VALUE_COST) ||
        (h.kind == MP_STR && !spend_text(w, slice_from(v, h.head_len))))
        return JSON_LONG;
    switch ((enum mp_kind)h.kind) {
    case MP_NIL:
        buf_add_text(w->out, "null");
        return JSON_OK;
    case MP_BOOL:
        buf_add_text(w->out, mp_get_bool(v, &is_true) && is_true ? "true" : "false");
        return JSON_OK;
    case MP_INT:
    case MP_FLOAT:
        return json_write_add_number(w, v);
    case MP_STR:
        json_add_text(w->out, slice_from(v, h.head_len));
        return JSON_OK;
    case MP_ARRAY:
        return add_array(w, in, h.n_inside);
    case MP_MAP:
        return json_write_add_map(w, in, h.n_inside / 2);
    case MP_BIN:
    case MP_EXT:
        break;
    }
    return JSON_HAS_BYTES;
}

static int json_write_text(struct slice value, struct buf *out, size_t cost)
{
    struct writer w = {out, cost};
    size_t before = out->len;
    bool was_failed = out->is_failed;
    int r = JSON_OK;

    if (value.len)
        r = json_write_add_value(&w, &value);
    else
        buf_add_text(out, "null");
    if (r == JSON_OK && out->is_failed)
        r = JSON_NO_MEMORY;
    if (r != JSON_OK) {
        out->len = before;
        out->is_failed = was_failed;
    }
    return r;
}

int json_from_mp(struct slice value, struct buf *out)
{
    return json_write_text(value, out, SIZE_MAX);
}

int json_from_short_mp(struct slice value, struct buf *out)
{
    return json_write_text(value, out, JSON_SHORT_NS);
}
