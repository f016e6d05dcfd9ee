/* mp_write: appending MessagePack to a buf. The shortest form is always chosen, because the
 * clients' own encoders do so and a relayed value that is rebuilt should look like one of theirs.
 * Containers of unknown size take the 32-bit form and get their count when they are closed. Any
 * thread. */
#include "wire/mp.h"

enum { HEAD_MAX = 9 };

/* A first byte and n_bytes of v behind it, big-endian. */
static void mp_write_add_head(struct buf *b, uint8_t first, uint64_t v, unsigned n_bytes)
{
    uint8_t head[HEAD_MAX];

    head[0] = first;
    for (unsigned i = 0; i < n_bytes; i++)
        head[1 + i] = (uint8_t)(v >> 8 * (n_bytes - 1 - i));
    buf_add(b, head, 1 + n_bytes);
}

void mp_add_nil(struct buf *b)
{
    buf_add_byte(b, 0xc0);
}

void mp_add_bool(struct buf *b, bool v)
{
    buf_add_byte(b, v ? 0xc3 : 0xc2);
}

void mp_add_int(struct buf *b, int64_t v)
{
    uint64_t bits = (uint64_t)v;

    if (v >= 0)
        mp_add_uint(b, bits);
    else if (v >= -32)
        buf_add_byte(b, (uint8_t)bits);
    else if (v >= INT8_MIN)
        mp_write_add_head(b, 0xd0, bits, 1);
    else if (v >= INT16_MIN)
        mp_write_add_head(b, 0xd1, bits, 2);
    else if (v >= INT32_MIN)
        mp_write_add_head(b, 0xd2, bits, 4);
    else
        mp_write_add_head(b, 0xd3, bits, 8);
}

void mp_add_uint(struct buf *b, uint64_t v)
{
    if (v < 0x80)
        buf_add_byte(b, (uint8_t)v);
    else if (v <= UINT8_MAX)
        mp_write_add_head(b, 0xcc, v, 1);
    else if (v <= UINT16_MAX)
        mp_write_add_head(b, 0xcd, v, 2);
    else if (v <= UINT32_MAX)
        mp_write_add_head(b, 0xce, v, 4);
    else
        mp_write_add_head(b, 0xcf, v, 8);
}

void mp_add_float(struct buf *b, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    mp_write_add_head(b, 0xcb, bits, 8);
}

/* Texts and bins past 32 bits cannot be said in MessagePack; no buf holds so much. */
static void add_size(struct buf *b, uint8_t first, size_t len)
{
    ASSERT(len <= UINT32_MAX);
    if (len <= UINT8_MAX)
        mp_write_add_head(b, first, len, 1);
    else if (len <= UINT16_MAX)
        mp_write_add_head(b, (uint8_t)(first + 1), len, 2);
    else
        mp_write_add_head(b, (uint8_t)(first + 2), len, 4);
}

static void add_sized(struct buf *b, uint8_t first, struct slice bytes)
{
    add_size(b, first, bytes.len);
    buf_add_slice(b, bytes);
}

void mp_add_str(struct buf *b, struct slice text)
{
    if (text.len < 32) {
        buf_add_byte(b, (uint8_t)(0xa0 | text.len));
        buf_add_slice(b, text);
    } else {
        add_sized(b, 0xd9, text);
    }
}

void mp_add_text(struct buf *b, const char *text)
{
    if (text)
        mp_add_str(b, slice_of(text));
    else
        mp_add_nil(b);
}

void mp_add_bin(struct buf *b, struct slice bytes)
{
    add_sized(b, 0xc4, bytes);
}

void mp_add_bin_two(struct buf *b, struct slice first, struct slice second)
{
    add_size(b, 0xc4, first.len + second.len);
    buf_add_slice(b, first);
    buf_add_slice(b, second);
}

static void add_count(struct buf *b, uint8_t fix, uint8_t first, uint32_t n)
{
    if (n < 16)
        buf_add_byte(b, (uint8_t)(fix | n));
    else if (n <= UINT16_MAX)
        mp_write_add_head(b, first, n, 2);
    else
        mp_write_add_head(b, (uint8_t)(first + 1), n, 4);
}

void mp_add_array(struct buf *b, uint32_t n)
{
    add_count(b, 0x90, 0xdc, n);
}

void mp_add_map(struct buf *b, uint32_t n)
{
    add_count(b, 0x80, 0xde, n);
}

void mp_add_raw(struct buf *b, struct slice encoded)
{
    if (encoded.len)
        buf_add_slice(b, encoded);
    else
        mp_add_nil(b);
}

static void open_with(struct mp_open *o, struct buf *b, uint8_t first)
{
    *o = (struct mp_open){.buf = b, .at = b->len};
    mp_write_add_head(b, first, 0, 4);
}

void mp_open_map(struct mp_open *o, struct buf *b)
{
    open_with(o, b, 0xdf);
}

void mp_open_array(struct mp_open *o, struct buf *b)
{
    open_with(o, b, 0xdd);
}

void mp_key(struct mp_open *o, const char *key)
{
    o->n++;
    mp_add_str(o->buf, slice_of(key));
}

void mp_key_text(struct mp_open *o, const char *key, const char *value)
{
    mp_key(o, key);
    mp_add_text(o->buf, value);
}

void mp_item(struct mp_open *o)
{
    o->n++;
}

void mp_close(struct mp_open *o)
{
    if (o->buf->is_failed)
        return;
    for (unsigned i = 0; i < 4; i++)
        o->buf->ptr[o->at + 1 + i] = (char)(uint8_t)(o->n >> 8 * (3 - i));
}
