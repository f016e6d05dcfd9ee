/* mp_head: the first bytes of one MessagePack value, taken apart. Private to this room: mp_read.c, rpc_header.c and
 * rpc_value.c walk with it; nobody else sees encodings. Pure; any thread.
 *
 *   | head: 1 to 5 bytes | body: bytes of a scalar, text, bin or ext | or: n_inside values of an array or map |
 */
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

/* A head with a length field of `width` bytes behind the first byte; extra counts the type byte of an ext. */
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

/* MP_OK, MP_MORE when the head itself is cut, MP_BAD for 0xc1. That the body fits in n is the caller's check. */
static inline int mp_head_read(const uint8_t *p, size_t n, struct mp_head *h)
{
    if (!n)
        return MP_MORE;
    switch (p[0]) {
    case 0x00 ... 0x7f:
    case 0xe0 ... 0xff:
        return mp_head_of(h, MP_INT, 1, 0);
    case 0x80 ... 0x8f:
        return mp_head_container(h, MP_MAP, 1, p[0] & 0x0f);
    case 0x90 ... 0x9f:
        return mp_head_container(h, MP_ARRAY, 1, p[0] & 0x0f);
    case 0xa0 ... 0xbf:
        return mp_head_of(h, MP_STR, 1, p[0] & 0x1f);
    case 0xc0:
        return mp_head_of(h, MP_NIL, 1, 0);
    case 0xc2 ... 0xc3:
        return mp_head_of(h, MP_BOOL, 1, 0);
    case 0xc4 ... 0xc6:
        return mp_head_sized(p, n, 1u << (p[0] - 0xc4), MP_BIN, h);
    case 0xc7 ... 0xc9:
        return mp_head_sized(p, n, 1u << (p[0] - 0xc7), MP_EXT, h);
    case 0xca ... 0xcb:
        return mp_head_of(h, MP_FLOAT, 1, 4u << (p[0] - 0xca));
    case 0xcc ... 0xcf:
        return mp_head_of(h, MP_INT, 1, 1u << (p[0] - 0xcc));
    case 0xd0 ... 0xd3:
        return mp_head_of(h, MP_INT, 1, 1u << (p[0] - 0xd0));
    case 0xd4 ... 0xd8:
        return mp_head_of(h, MP_EXT, 1, 1 + (1u << (p[0] - 0xd4)));
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

/* Cuts one value off *in without a bound on nesting: it counts what is still owed and keeps no stack. For bytes that are
 * only passed on. MP_OK, MP_MORE, MP_BAD. */
MUST_CHECK int mp_skip(struct slice *in, struct slice *ret_value);
