/* Frames out are masked while they are copied; frames in are looked at where they lie. */
#include "load/load_frame.h"

#include <string.h>

static const uint8_t MASK[4] = {0x5a, 0xc3, 0x17, 0x8e};

static size_t put_head(uint8_t *out, unsigned opcode, size_t n)
{
    size_t at = 2;
    out[0] = (uint8_t)(0x80U | opcode);
    if (n < 126) {
        out[1] = (uint8_t)(0x80U | n);
    } else if (n < 65536) {
        out[1] = 0x80U | 126U;
        out[2] = (uint8_t)(n >> 8);
        out[3] = (uint8_t)n;
        at = 4;
    } else {
        out[1] = 0x80U | 127U;
        for (unsigned i = 0; i < 8; i++) {
            out[2 + i] = (uint8_t)((uint64_t)n >> (56U - 8U * i));
        }
        at = 10;
    }
    memcpy(out + at, MASK, 4);
    return at + 4;
}

static void copy_masked(uint8_t *out, const uint8_t *in, size_t n, size_t phase)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = in[i] ^ MASK[(phase + i) & 3U];
    }
}

void frame_append(struct buf *b, unsigned opcode, const void *payload, size_t n)
{
    uint8_t *out = buf_reserve(b, n + 14);
    size_t head_len = put_head(out, opcode, n);
    copy_masked(out + head_len, payload, n, 0);
    b->len += head_len + n;
}

void stencil_init(struct stencil *s, unsigned opcode, const struct buf *payload)
{
    *s = (struct stencil){0};
    frame_append(&s->frame, opcode, payload->data, payload->len);
    s->head_len = s->frame.len - payload->len;
}

void stencil_free(struct stencil *s)
{
    buf_free(&s->frame);
}

uint8_t *stencil_append(const struct stencil *s, struct buf *b)
{
    uint8_t *out = buf_reserve(b, s->frame.len);
    memcpy(out, s->frame.data, s->frame.len);
    b->len += s->frame.len;
    return out;
}

void stencil_patch(const struct stencil *s, uint8_t *frame, size_t at, const void *data, size_t n)
{
    copy_masked(frame + s->head_len + at, data, n, at);
}

int frame_read(const uint8_t *data, size_t n, struct frame_view *ret_view)
{
    *ret_view = (struct frame_view){0};
    if (n < 2) {
        return FRAME_MORE;
    }
    size_t len = data[1] & 0x7fU;
    size_t head_len = len == 126 ? 4 : len == 127 ? 10 : 2;
    if (n < head_len) {
        return FRAME_MORE;
    }
    if (len >= 126) {
        len = 0;
        for (size_t i = 2; i < head_len; i++) {
            len = len << 8 | data[i];
        }
    }
    *ret_view = (struct frame_view){
        .opcode = data[0] & 0x0fU,
        .is_final = (data[0] & 0x80U) != 0,
        .payload = data + head_len,
        .len = len,
        .total = head_len + len,
    };
    return n - head_len < len ? FRAME_MORE : FRAME_OK;
}
