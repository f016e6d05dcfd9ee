/* slice: looking at bytes without owning them. Pure functions, any thread. */
#include "base/slice.h"

#include <stdint.h>
#include <strings.h>

bool slice_is_nocase(struct slice a, const char *text)
{
    size_t n = strlen(text);

    return a.len == n && strncasecmp(a.ptr, text, n) == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
    while (s.len && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

int slice_order(struct slice a, struct slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;

    if (c)
        return c;
    return (a.len > b.len) - (a.len < b.len);
}

bool slice_has_byte(struct slice s, char byte)
{
    return s.len && memchr(s.ptr, byte, s.len) != NULL;
}

bool slice_cut(struct slice s, char byte, struct slice *ret_head, struct slice *ret_tail)
{
    const char *at = s.len ? memchr(s.ptr, byte, s.len) : NULL;

    if (!at)
        return false;
    struct slice head = {s.ptr, (size_t)(at - s.ptr)};
    struct slice tail = slice_from(s, head.len + 1);
    *ret_head = head;
    *ret_tail = tail;
    return true;
}

/* Length of the sequence that starts at p, or 0 when it is not well formed within n bytes. */
static size_t utf8_step(const uint8_t *p, size_t n)
{
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        return n >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if ((p[0] & 0xf0) == 0xe0) {
        if (n < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
            return 0;
        if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0))
            return 0;
        return 3;
    }
    if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        if (n < 4 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80)
            return 0;
        if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))
            return 0;
        return 4;
    }
    return 0;
}

static bool word_is_ascii(const uint8_t *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return !(word & 0x8080808080808080u);
}

static bool half_word_is_ascii(const uint8_t *p)
{
    uint32_t half;

    memcpy(&half, p, sizeof(half));
    return !(half & 0x80808080u);
}

/* How many bytes at the front are surely ASCII: all of them for nearly every text, eight a step,
 * the last step overlapping. */
static size_t ascii_prefix(const uint8_t *p, size_t n)
{
    size_t at = 0;

    if (n >= 4 && n < 8)
        return half_word_is_ascii(p) && half_word_is_ascii(p + n - 4) ? n : 0;

    while (at + 8 <= n && word_is_ascii(p + at))
        at += 8;
    return n >= 8 && at + 8 > n && word_is_ascii(p + n - 8) ? n : at;
}

bool slice_is_utf8(struct slice s)
{
    const uint8_t *p = (const uint8_t *)s.ptr;
    size_t at = ascii_prefix(p, s.len);

    while (at < s.len) {
        size_t step = utf8_step(p + at, s.len - at);
        if (!step)
            return false;
        at += step;
    }
    return true;
}

struct slice slice_utf8_whole(struct slice s)
{
    for (size_t n = 1; n < 4 && n <= s.len; n++) {
        uint8_t c = (uint8_t)s.ptr[s.len - n];
        if ((c & 0xc0) == 0x80)
            continue;
        size_t wants = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        return wants > n ? slice_to(s, s.len - n) : s;
    }
    return s;
}

struct slice slice_utf8_prefix(struct slice s, size_t n)
{
    if (s.len <= n)
        return s;
    while (n && ((uint8_t)s.ptr[n] & 0xc0) == 0x80)
        n--;
    return slice_to(s, n);
}

bool slice_eq_secret(struct slice a, struct slice b)
{
    /* The loop runs over b's length whatever a holds, so the time says nothing about where they
     * differ. */
    unsigned diff = a.len != b.len;

    for (size_t i = 0; i < b.len; i++)
        diff |= (unsigned)((uint8_t)b.ptr[i] ^ (uint8_t)(a.len ? a.ptr[i % a.len] : 0));
    return diff == 0;
}
