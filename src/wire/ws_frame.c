/* ws_frame: RFC 6455 section 5 as functions of bytes. The connection keeps the state between
 * frames; here there is none. Any thread. */
#include "wire/ws_frame.h"

#include "wire/digest.h"

enum {
    FINAL_BIT = 0x80,
    RESERVED_BITS = 0x70,
    MASK_BIT = 0x80,
    LEN_16 = 126,
    LEN_64 = 127,
};

static bool is_opcode(unsigned opcode)
{
    return opcode <= WS_BINARY || (opcode >= WS_CLOSE && opcode <= WS_PONG);
}

/* The length field: what it says, and whether it was the shortest way to say it (5.2: MUST). */
static bool len_read(const uint8_t *p, unsigned n_bytes, uint64_t *ret_len)
{
    uint64_t len = 0;

    for (unsigned i = 0; i < n_bytes; i++)
        len = len << 8 | p[i];
    *ret_len = len;
    return n_bytes == 2 ? len >= LEN_16 : len > UINT16_MAX && len >> 63 == 0;
}

int ws_head_read(const uint8_t *bytes, size_t n_bytes, struct ws_head *ret)
{
    struct ws_head h = {0};

    if (!n_bytes)
        return WS_HEAD_MORE;
    h.is_final = bytes[0] & FINAL_BIT;
    h.opcode = bytes[0] & 0x0f;
    bool is_control = h.opcode >= WS_CLOSE;
    if ((bytes[0] & RESERVED_BITS) || !is_opcode(h.opcode) || (is_control && !h.is_final))
        return WS_HEAD_BAD;
    if (n_bytes < 2)
        return WS_HEAD_MORE;
    h.is_masked = bytes[1] & MASK_BIT;
    h.payload_len = bytes[1] & 0x7f;
    if (is_control && h.payload_len >= LEN_16)
        return WS_HEAD_BAD;
    unsigned n_len = h.payload_len == LEN_64 ? 8 : h.payload_len == LEN_16 ? 2 : 0;
    h.head_len = (uint8_t)(2 + n_len + (h.is_masked ? 4 : 0));
    if (n_len && n_bytes >= 2 + n_len && !len_read(bytes + 2, n_len, &h.payload_len))
        return WS_HEAD_BAD;
    if (n_bytes < h.head_len)
        return WS_HEAD_MORE;
    if (h.is_masked)
        memcpy(h.mask, bytes + 2 + n_len, 4);
    *ret = h;
    return WS_HEAD_OK;
}

size_t ws_head_write(uint8_t out[WS_SERVER_HEAD_MAX], enum ws_opcode opcode, size_t payload_len)
{
    unsigned n_len = payload_len < LEN_16 ? 0 : payload_len <= UINT16_MAX ? 2 : 8;

    out[0] = (uint8_t)(FINAL_BIT | opcode);
    out[1] = (uint8_t)(n_len == 0 ? payload_len : n_len == 2 ? LEN_16 : LEN_64);
    for (unsigned i = 0; i < n_len; i++)
        out[2 + i] = (uint8_t)((uint64_t)payload_len >> 8 * (n_len - 1 - i));
    return 2 + n_len;
}

typedef uint8_t lane __attribute__((vector_size(16)));

void ws_unmask(uint8_t *bytes, size_t n_bytes, const uint8_t mask[4], uint64_t offset)
{
    uint8_t turned[sizeof(lane)];
    lane key;
    size_t at = 0;

    for (size_t i = 0; i < sizeof(turned); i++)
        turned[i] = mask[(offset + i) & 3];
    memcpy(&key, turned, sizeof(key));
    /* A lane is a multiple of the mask's four bytes, so the turned mask fits every one of them.
     * Payloads begin anywhere: memcpy is the unaligned load. */
    for (; n_bytes - at >= 4 * sizeof(lane); at += 4 * sizeof(lane)) {
        lane v[4];
        memcpy(v, bytes + at, sizeof(v));
        v[0] ^= key;
        v[1] ^= key;
        v[2] ^= key;
        v[3] ^= key;
        memcpy(bytes + at, v, sizeof(v));
    }
    for (; n_bytes - at >= sizeof(lane); at += sizeof(lane)) {
        lane v;
        memcpy(&v, bytes + at, sizeof(v));
        v ^= key;
        memcpy(bytes + at, &v, sizeof(v));
    }
    for (size_t i = 0; at < n_bytes; at++, i++)
        bytes[at] ^= turned[i];
}

void ws_seal(struct msg *m)
{
    uint8_t head[WS_SERVER_HEAD_MAX];
    size_t n = ws_head_write(head, WS_BINARY, msg_len(m));

    ASSERT(!m->frame_len);
    memcpy(m->data + MSG_SPARE - n, head, n);
    m->frame_len = (uint8_t)n;
}

void ws_accept_key(struct slice key, char out[WS_ACCEPT_LEN + 1])
{
    uint8_t sum[20];
    SCRATCH_BUF(b, 0);

    buf_add_slice(&b, key);
    buf_add_text(&b, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    digest_sha1(buf_slice(&b), sum);
    buf_clear(&b);
    base64_encode(slice_make(sum, sizeof(sum)), &b);
    ASSERT(!b.is_failed && b.len == WS_ACCEPT_LEN);
    memcpy(out, b.ptr, WS_ACCEPT_LEN);
    out[WS_ACCEPT_LEN] = '\0';
}

bool ws_close_code_is_valid(unsigned code)
{
    /* 1004 to 1006 and 1015 are for local use; 1012 to 1014 were registered after the RFC. */
    if (code >= 3000 && code <= 4999)
        return true;
    return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}
