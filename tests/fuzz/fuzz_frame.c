/* Any bytes as a stream of WebSocket frames: heads are never read past the end, and unmasking is
 * the definition's. */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "wire/ws_frame.h"

static void check_unmasked(const uint8_t *bytes, size_t n_bytes, const struct ws_head *h)
{
    uint8_t *copy = malloc(n_bytes + 1);
    size_t half = n_bytes / 2;

    ASSERT(copy);
    memcpy(copy, bytes, n_bytes);
    ws_unmask(copy, half, h->mask, 0);
    ws_unmask(copy + half, n_bytes - half, h->mask, half);
    for (size_t i = 0; i < n_bytes; i++)
        ASSERT(copy[i] == (bytes[i] ^ h->mask[i & 3]));
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct ws_head h, cut;
    char accept[WS_ACCEPT_LEN + 1];

    if (n_bytes < 100)
        ws_accept_key(slice_make(bytes, n_bytes), accept);
    while (ws_head_read(bytes, n_bytes, &h) == WS_HEAD_OK) {
        ASSERT(h.head_len >= 2 && h.head_len <= WS_HEAD_MAX && h.head_len <= n_bytes &&
               h.payload_len >> 63 == 0);
        ASSERT(ws_head_read(bytes, h.head_len - 1u, &cut) == WS_HEAD_MORE);
        if (!h.is_masked && h.is_final) {
            uint8_t out[WS_SERVER_HEAD_MAX];
            size_t n = ws_head_write(out, (enum ws_opcode)h.opcode, h.payload_len);
            ASSERT(n == h.head_len && memcmp(out, bytes, n) == 0);
        }
        bytes += h.head_len;
        n_bytes -= h.head_len;
        size_t n = h.payload_len < n_bytes ? (size_t)h.payload_len : n_bytes;
        if (h.is_masked)
            check_unmasked(bytes, n, &h);
        bytes += n;
        n_bytes -= n;
    }
    return 0;
}
