/* mp_head: the first bytes of one MessagePack value, taken apart. Private to this room: mp_read.c,
 * rpc_header.c and rpc_value.c walk with it; nobody else sees encodings. Pure; any thread.
 *
 *   | head: 1 to 5 bytes | bytes of a scalar, text, bin or ext; or n_inside values | */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "wire/mp.h"

struct mp_head {
    uint8_t kind; /* enum mp_kind */
    uint8_t head_len;
    size_t body_len;   /* 0 for arrays and maps */
    uint64_t n_inside; /* values directly inside: elements, or twice the pairs; 0 otherwise */
};

/* What the first byte says by itself: all there is to know for the short forms, which most values
 * are. */
struct mp_first {
    uint8_t kind;
    bool is_long; /* a length field follows, or the byte is never used */
    uint8_t body, inside;
};
extern const struct mp_first mp_firsts[256];

static inline uint64_t mp_load(const uint8_t *p, unsigned n_bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < n_bytes; i++)
        v = v << 8 | p[i];
    return v;
}

static inline int mp_head_of(struct mp_head *h, enum mp_kind kind, unsigned head_len,
                             uint64_t body_len)
{
    *h = (struct mp_head){
        .kind = (uint8_t)kind, .head_len = (uint8_t)head_len, .body_len = (size_t)body_len};
    return MP_OK;
}

static inline int mp_head_container(struct mp_head *h, enum mp_kind kind, unsigned head_len,
                                    uint64_t n)
{
    *h = (struct mp_head){.kind = (uint8_t)kind,
                          .head_len = (uint8_t)head_len,
                          .n_inside = kind == MP_MAP ? 2 * n : n};
    return MP_OK;
}

/* A head with a length field of `width` bytes behind the first byte; extra counts the type byte of
 * an ext. */
static inline int mp_head_sized(const uint8_t *p, size_t n, unsigned width, enum mp_kind kind,
                                struct mp_head *h)
{
    if (n < 1 + width)
        return MP_MORE;
    uint64_t len = mp_load(p + 1, width);
    if (kind == MP_ARRAY || kind == MP_MAP)
        return mp_head_container(h, kind, 1 + width, len);
    return mp_head_of(h, kind, 1 + width, len + (kind == MP_EXT));
}

static inline int mp_head_read_long(const uint8_t *p, size_t n, struct mp_head *h)
{
    switch (p[0]) {
    case 0xc4 ... 0xc6:
        return mp_head_sized(p, n, 1u << (p[0] - 0xc4), MP_BIN, h);
    case 0xc7 ... 0xc9:
        return mp_head_sized(p, n, 1u << (p[0] - 0xc7), MP_EXT, h);
    case 0xd9 ... 0xdb:
        return mp_head_sized(p, n, 1u << (p[0] - 0xd9), MP_STR, h);
    case 0xdc ... 0xdd:
        return mp_head_sized(p, n, 2u << (p[0] - 0xdc), MP_ARRAY, h);
    case 0xde ... 0xdf:
        return mp_head_sized(p, n, 2u << (p[0] - 0xde), MP_MAP, h);
    default:
        return MP_BAD;
    }
}

/* MP_OK, MP_MORE when the head itself is cut, MP_BAD for 0xc1. That the body fits in n is the
 * caller's check. */
static inline int mp_head_read(const uint8_t *p, size_t n, struct mp_head *h)
{
    if (!n)
        return MP_MORE;
    const struct mp_first *first = &mp_firsts[p[0]];
    if (first->is_long)
        return mp_head_read_long(p, n, h);
    *h = (struct mp_head){
        .kind = first->kind, .head_len = 1, .body_len = first->body, .n_inside = first->inside};
    return MP_OK;
}

/* Cuts one value off *in without a bound on nesting: it counts what is still owed and keeps no
 * stack. For bytes that are only passed on. MP_OK, MP_MORE, MP_BAD. */
MUST_CHECK int mp_skip(struct slice *in, struct slice *ret_value);
/* The same piece by piece: *owed is 1 before the first, and *in is behind what has been seen after
 * each, which is n_most values at most. MP_LATE: go on. */
MUST_CHECK int mp_skip_some(struct slice *in, uint64_t *owed, size_t n_most);

/* A text of up to 255 bytes, which is nearly every key and value of a routing map, in one step.
 * False, nothing taken: something else, or cut; the general walk will tell. */
static inline bool mp_take_short_str(struct slice *in, struct slice *ret_text)
{
    const uint8_t *p = (const uint8_t *)in->ptr;
    size_t n = in->len, head, len;

    if (n < 2)
        return false;
    if ((p[0] & 0xe0) == 0xa0) {
        head = 1;
        len = p[0] & 0x1fu;
    } else if (p[0] == 0xd9) {
        head = 2;
        len = p[1];
    } else {
        return false;
    }
    if (len > n - head)
        return false;
    *ret_text = (struct slice){in->ptr + head, len};
    *in = (struct slice){in->ptr + head + len, n - head - len};
    return true;
}
