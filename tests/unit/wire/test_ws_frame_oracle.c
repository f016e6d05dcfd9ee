/* Our frame reader against wslay's: both read the same random, valid client stream; wslay reads
 * what we write. */
#include <wslay/wslay.h>

#include "harness/check.h"
#include "unit/wire/dice.h"
#include "wire/ws_frame.h"

enum { STREAM_ROOM = 1 << 20 };

struct pipe_end {
    uint8_t bytes[STREAM_ROOM];
    size_t n_written, n_read;
    struct dice dice;
};

static ssize_t on_send(const uint8_t *data, size_t len, int flags, void *user)
{
    struct pipe_end *p = user;

    (void)flags;
    CHECK(len <= sizeof(p->bytes) - p->n_written);
    memcpy(p->bytes + p->n_written, data, len);
    p->n_written += len;
    return (ssize_t)len;
}

static ssize_t on_recv(uint8_t *data, size_t len, int flags, void *user)
{
    struct pipe_end *p = user;
    size_t n = p->n_written - p->n_read < len ? p->n_written - p->n_read : len;

    (void)flags;
    if (!n)
        return -1;
    memcpy(data, p->bytes + p->n_read, n);
    p->n_read += n;
    return (ssize_t)n;
}

static int on_mask(uint8_t *out, size_t len, void *user)
{
    struct pipe_end *p = user;

    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)dice_next(&p->dice);
    return 0;
}

static wslay_frame_context_ptr context(struct pipe_end *p)
{
    static const struct wslay_frame_callbacks callbacks = {on_send, on_recv, on_mask};
    wslay_frame_context_ptr ctx;

    CHECK_INT(wslay_frame_context_init(&ctx, &callbacks, p), 0);
    return ctx;
}

CASE(we_read_what_wslay_sends)
{
    static struct pipe_end p = {.dice = {99}};
    static uint8_t payload[70000];
    static const uint8_t opcodes[] = {0, 1, 2, 8, 9, 10};
    static const uint32_t rooms[] = {5, 126, 1000, 70000};
    wslay_frame_context_ptr ctx = context(&p);

    for (int round = 0; round < 2000; round++) {
        struct wslay_frame_iocb io = {.fin = 1, .mask = 1};
        struct ws_head h;
        p.n_written = 0;
        io.opcode = opcodes[dice_below(&p.dice, 6)];
        size_t n = dice_below(&p.dice, io.opcode >= 8 ? 126 : rooms[dice_below(&p.dice, 4)]);
        if (io.opcode < 8)
            io.fin = dice_below(&p.dice, 2) & 1;
        for (size_t i = 0; i < n; i++)
            payload[i] = (uint8_t)(i * 7 + (size_t)round);
        io.data = payload;
        io.payload_length = io.data_length = n;
        CHECK_INT(wslay_frame_send(ctx, &io), (long long)n);
        for (size_t cut = 0; cut < 14 && cut < p.n_written - n; cut++)
            CHECK_INT(ws_head_read(p.bytes, cut, &h), WS_HEAD_MORE);
        CHECK_INT(ws_head_read(p.bytes, p.n_written, &h), WS_HEAD_OK);
        CHECK(h.is_masked && h.is_final == io.fin && h.opcode == io.opcode && h.payload_len == n);
        CHECK_INT(h.head_len + n, p.n_written);
        size_t half = n / 3;
        ws_unmask(p.bytes + h.head_len, half, h.mask, 0);
        ws_unmask(p.bytes + h.head_len + half, n - half, h.mask, half);
        CHECK_BYTES(p.bytes + h.head_len, n, payload, n);
    }
    wslay_frame_context_free(ctx);
}

CASE(wslay_reads_what_we_write)
{
    static struct pipe_end p = {.dice = {5}};
    static const enum ws_opcode opcodes[] = {WS_TEXT, WS_BINARY, WS_PING, WS_PONG, WS_CLOSE};
    wslay_frame_context_ptr ctx = context(&p);

    for (int round = 0; round < 2000; round++) {
        struct wslay_frame_iocb io = {0};
        enum ws_opcode opcode = opcodes[dice_below(&p.dice, 5)];
        size_t n = dice_below(&p.dice, opcode >= WS_CLOSE ? 126 : 100000), got = 0;
        p.n_read = 0;
        p.n_written = ws_head_write(p.bytes, opcode, n);
        memset(p.bytes + p.n_written, 'z', n);
        p.n_written += n;
        do {
            ssize_t r = wslay_frame_recv(ctx, &io);
            CHECK(r >= 0);
            got += (size_t)r;
            CHECK(io.opcode == opcode && io.fin && !io.mask && io.payload_length == n);
        } while (got < n);
        CHECK_INT(p.n_read, p.n_written);
    }
    wslay_frame_context_free(ctx);
}

CASES(RUN(we_read_what_wslay_sends), RUN(wslay_reads_what_we_write))
