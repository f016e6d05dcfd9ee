/* A walker over MessagePack that never allocates: pack_skip steps over one element by counting
 * what is still owed, so nesting costs a counter and no stack. */
#include "load/pack.h"

#include <string.h>

bool text_is(struct text t, const char *literal)
{
    return t.len == strlen(literal) && memcmp(t.at, literal, t.len) == 0;
}

static void put_be(struct buf *b, uint8_t tag, uint64_t value, unsigned n_bytes)
{
    uint8_t *out = buf_reserve(b, n_bytes + 1U);
    out[0] = tag;
    for (unsigned i = 0; i < n_bytes; i++) {
        out[1 + i] = (uint8_t)(value >> (8U * (n_bytes - 1U - i)));
    }
    b->len += n_bytes + 1U;
}

void pack_map(struct buf *b, unsigned n)
{
    if (n < 16) {
        put_be(b, (uint8_t)(0x80U | n), 0, 0);
    } else {
        put_be(b, 0xde, n, 2);
    }
}

void pack_array(struct buf *b, unsigned n)
{
    if (n < 16) {
        put_be(b, (uint8_t)(0x90U | n), 0, 0);
    } else {
        put_be(b, 0xdc, n, 2);
    }
}

void pack_str_n(struct buf *b, const char *text, size_t n)
{
    if (n < 32) {
        put_be(b, (uint8_t)(0xa0U | n), 0, 0);
    } else if (n < 256) {
        put_be(b, 0xd9, n, 1);
    } else if (n < 65536) {
        put_be(b, 0xda, n, 2);
    } else {
        put_be(b, 0xdb, n, 4);
    }
    buf_append(b, text, n);
}

void pack_str(struct buf *b, const char *text)
{
    pack_str_n(b, text, strlen(text));
}

void pack_bin_head(struct buf *b, size_t n)
{
    if (n < 256) {
        put_be(b, 0xc4, n, 1);
    } else if (n < 65536) {
        put_be(b, 0xc5, n, 2);
    } else {
        put_be(b, 0xc6, n, 4);
    }
}

void pack_f64(struct buf *b, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put_be(b, 0xcb, bits, 8);
}

void pack_u32(struct buf *b, uint32_t value)
{
    put_be(b, 0xce, value, 4);
}

void pack_bool(struct buf *b, bool value)
{
    put_be(b, value ? 0xc3 : 0xc2, 0, 0);
}

void pack_nil(struct buf *b)
{
    put_be(b, 0xc0, 0, 0);
}

static uint64_t get_be(const uint8_t *p, unsigned n)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < n; i++) {
        value = value << 8 | p[i];
    }
    return value;
}

/* By tag 0xc0..0xdf: the length field, and whether it counts bytes or elements owed. */
struct shape {
    uint8_t fixed; /* bytes that follow the tag and the length field in any case */
    uint8_t len_bytes;
    /* 0: the length counts bytes; 1: array elements; 2: map keys and values */
    uint8_t owed_per_len;
};
static const struct shape SHAPES[32] = {
    [0x04] = {0, 1, 0}, [0x05] = {0, 2, 0},  [0x06] = {0, 4, 0}, /* bin */
    [0x07] = {1, 1, 0}, [0x08] = {1, 2, 0},  [0x09] = {1, 4, 0}, /* ext: one byte of type */
    [0x0a] = {4, 0, 0}, [0x0b] = {8, 0, 0},                      /* float */
    [0x0c] = {1, 0, 0}, [0x0d] = {2, 0, 0},  [0x0e] = {4, 0, 0},
    [0x0f] = {8, 0, 0}, /* uint */
    [0x10] = {1, 0, 0}, [0x11] = {2, 0, 0},  [0x12] = {4, 0, 0},
    [0x13] = {8, 0, 0},                                          /* int */
    [0x14] = {2, 0, 0}, [0x15] = {3, 0, 0},  [0x16] = {5, 0, 0}, /* fixext */
    [0x17] = {9, 0, 0}, [0x18] = {17, 0, 0}, [0x19] = {0, 1, 0},
    [0x1a] = {0, 2, 0}, [0x1b] = {0, 4, 0}, /* str */
    [0x1c] = {0, 2, 1}, [0x1d] = {0, 4, 1},  [0x1e] = {0, 2, 2},
    [0x1f] = {0, 4, 2}, /* array, map */
};

static const uint8_t *pack_skip(const uint8_t *p, const uint8_t *end)
{
    uint64_t owed = 1;
    while (owed) {
        if (p >= end) {
            return NULL;
        }
        uint8_t tag = *p++;
        owed--;
        size_t n_bytes = 0;
        if (tag >= 0xc0 && tag < 0xe0) {
            struct shape s = SHAPES[tag - 0xc0];
            if ((size_t)(end - p) < s.len_bytes) {
                return NULL;
            }
            uint64_t len = get_be(p, s.len_bytes);
            p += s.len_bytes;
            owed += len * s.owed_per_len;
            n_bytes = s.fixed + (s.owed_per_len ? 0 : (size_t)len);
        } else if (tag >= 0xa0 && tag < 0xc0) {
            n_bytes = tag & 0x1fU;
        } else if (tag >= 0x90 && tag < 0xa0) {
            owed += tag & 0x0fU;
        } else if (tag >= 0x80 && tag < 0x90) {
            owed += 2U * (tag & 0x0fU);
        }
        if ((size_t)(end - p) < n_bytes) {
            return NULL;
        }
        p += n_bytes;
    }
    return p;
}

const uint8_t *pack_read_str(const uint8_t *p, const uint8_t *end, struct text *ret_text)
{
    if (p >= end) {
        return NULL;
    }
    uint8_t tag = *p++;
    unsigned len_bytes = 0;
    size_t len = tag & 0x1fU;
    if (tag >= 0xd9 && tag <= 0xdb) {
        len_bytes = 1U << (tag - 0xd9U);
        if ((size_t)(end - p) < len_bytes) {
            return NULL;
        }
        len = (size_t)get_be(p, len_bytes);
        p += len_bytes;
    } else if (tag < 0xa0 || tag >= 0xc0) {
        return NULL;
    }
    if ((size_t)(end - p) < len) {
        return NULL;
    }
    *ret_text = (struct text){(const char *)p, len};
    return p + len;
}

static const uint8_t *read_count(const uint8_t *p, const uint8_t *end, uint8_t fix, uint8_t wide,
                                 uint64_t *ret_n)
{
    if (p >= end) {
        return NULL;
    }
    uint8_t tag = *p++;
    if ((tag & 0xf0U) == fix) {
        *ret_n = tag & 0x0fU;
        return p;
    }
    unsigned len_bytes = tag == wide ? 2 : 4;
    if ((tag != wide && tag != wide + 1) || (size_t)(end - p) < len_bytes) {
        return NULL;
    }
    *ret_n = get_be(p, len_bytes);
    return p + len_bytes;
}

static struct text *field_of(struct head *h, struct text key)
{
    switch (key.len) {
    case 4:
        return memcmp(key.at, "type", 4) == 0   ? &h->type
               : memcmp(key.at, "from", 4) == 0 ? &h->from
                                                : NULL;
    case 6:
        return memcmp(key.at, "method", 6) == 0 ? &h->method : NULL;
    case 7:
        return memcmp(key.at, "session", 7) == 0 ? &h->session : NULL;
    default:
        return NULL;
    }
}

bool head_read(const uint8_t *data, size_t n, struct head *ret_head)
{
    const uint8_t *end = data + n;
    uint64_t n_pairs;
    const uint8_t *p = read_count(data, end, 0x80, 0xde, &n_pairs);
    struct head h = {0};
    for (uint64_t i = 0; p && i < n_pairs; i++) {
        struct text key;
        p = pack_read_str(p, end, &key);
        if (!p) {
            return false;
        }
        struct text *field = field_of(&h, key);
        const uint8_t *after = field ? pack_read_str(p, end, field) : NULL;
        p = after ? after : pack_skip(p, end);
    }
    h.tail = p;
    *ret_head = h;
    return p != NULL;
}

bool tail_first_arg(const uint8_t *tail, const uint8_t *end, const uint8_t **ret_at,
                    const uint8_t **ret_end)
{
    uint64_t n_pairs;
    const uint8_t *p = read_count(tail, end, 0x80, 0xde, &n_pairs);
    for (uint64_t i = 0; p && i < n_pairs; i++) {
        struct text key;
        p = pack_read_str(p, end, &key);
        if (!p) {
            return false;
        }
        uint64_t n_args;
        const uint8_t *first =
            text_is(key, "args") ? read_count(p, end, 0x90, 0xdc, &n_args) : NULL;
        const uint8_t *after = first && n_args ? pack_skip(first, end) : NULL;
        if (after) {
            *ret_at = first;
            *ret_end = after;
            return true;
        }
        p = pack_skip(p, end);
    }
    return false;
}
