/* ws_kit_frame: a frame as a client writes it. */
#pragma once
#include "base/buf.h"

/* A client's frame; first: the first byte (FIN, reserved bits, opcode). */
static inline void kit_frame(struct buf *out, uint8_t first, struct slice payload, bool is_masked)
{
    static const uint8_t mask[4] = {0x11, 0xa2, 0x33, 0xc4};
    unsigned n_len = payload.len < 126 ? 0 : payload.len < 65536 ? 2 : 8;

    buf_add_byte(out, first);
    buf_add_byte(out, (uint8_t)((is_masked ? 0x80 : 0) | (n_len == 0   ? payload.len
                                                          : n_len == 2 ? 126
                                                                       : 127)));
    for (unsigned i = 0; i < n_len; i++)
        buf_add_byte(out, (uint8_t)((uint64_t)payload.len >> 8 * (n_len - 1 - i)));
    if (is_masked)
        buf_add_slice(out, slice_make(mask, 4));
    for (size_t i = 0; i < payload.len; i++)
        buf_add_byte(out, (uint8_t)(payload.ptr[i] ^ (is_masked ? mask[i & 3] : 0)));
}
