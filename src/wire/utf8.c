/* utf8: the state is the number of bytes still due and the range the next one must lie in (Unicode 3.9, table 3-7); only the
 * second byte of a character has a range of its own. Any thread. */
#include "wire/utf8.h"

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
