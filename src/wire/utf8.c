/* utf8: the state is the number of bytes still due and the range the next one must lie in (Unicode
 * 3.9, table 3-7); only the second byte of a character has a range of its own. Any thread. */
#include "wire/utf8.h"

#include "base/assert.h"

static unsigned lead_read(uint8_t lead, uint8_t *ret_low, uint8_t *ret_high)
{
    *ret_low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *ret_high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

bool utf8_take(struct slice *text, uint32_t *ret_char)
{
    const uint8_t *p = (const uint8_t *)text->ptr;
    uint8_t low, high;
    unsigned len = lead_read(p[0], &low, &high);
    unsigned n = 1;
    uint32_t c = len <= 1 ? p[0] : p[0] & (0x7fu >> len);

    while (n < len && n < text->len && p[n] >= low && p[n] <= high) {
        c = c << 6 | (p[n] & 0x3fu);
        low = 0x80;
        high = 0xbf;
        n++;
    }
    *text = slice_from(*text, n);
    *ret_char = n == len ? c : 0xfffd;
    return n == len;
}

struct range {
    uint32_t first, last;
};

static bool is_within(const struct range *ranges, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n && ranges[i].first <= c; i++) {
        if (c <= ranges[i].last)
            return true;
    }
    return false;
}

/* In ascending order. Not for format characters that are drawn, such as the Arabic number sign. */
bool utf8_is_invisible(uint32_t c)
{
    static const struct range ranges[] = {
        {0xad, 0xad},       {0x34f, 0x34f},   {0x61c, 0x61c},     {0x115f, 0x1160},
        {0x17b4, 0x17b5},   {0x180b, 0x180f}, {0x200b, 0x200f},   {0x202a, 0x202e},
        {0x2060, 0x206f},   {0x3164, 0x3164}, {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},
        {0xffa0, 0xffa0},   {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
        {0xe0000, 0xe0fff},
    };

    return is_within(ranges, ARRAY_LEN(ranges), c);
}

static bool is_direction(uint32_t c)
{
    static const struct range ranges[] = {
        {0x61c, 0x61c}, {0x200e, 0x200f}, {0x202a, 0x202e}, {0x2066, 0x2069}};

    return is_within(ranges, ARRAY_LEN(ranges), c);
}

static bool utf8_has(struct slice text, bool (*is_wanted)(uint32_t c))
{
    uint32_t c;

    while (text.len) {
        if (utf8_take(&text, &c) && is_wanted(c))
            return true;
    }
    return false;
}

bool utf8_has_invisible(struct slice text)
{
    return utf8_has(text, utf8_is_invisible);
}

bool utf8_has_direction(struct slice text)
{
    return utf8_has(text, is_direction);
}

void utf8_add(struct buf *out, struct slice text)
{
    uint32_t c;

    if (slice_is_utf8(text)) {
        buf_add_slice(out, text);
        return;
    }
    while (text.len) {
        const char *start = text.ptr;
        if (utf8_take(&text, &c))
            buf_add(out, start, (size_t)(text.ptr - start));
        else
            buf_add_text(out, "\xef\xbf\xbd");
    }
}
