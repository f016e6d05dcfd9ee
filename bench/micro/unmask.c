/* unmask: what it costs to read one masked frame, by wslay and by wire/ws_frame
 * (docs/decisions/0002). Both take the same bytes from memory, so "reading" is one memcpy for each:
 * wslay's into its own buffer, ours into the read buffer. Best of several rounds of process time,
 * so that other work on the machine matters little.
 *
 *     hyphad-bench-unmask [ROUNDS]        a row per frame size: MB/s of both, and the ratio */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <wslay/wslay.h>

#include "wire/ws_frame.h"

enum { ROUNDS = 15, BYTES_A_ROUND = 16 << 20 };

struct frame {
    uint8_t *bytes, *room; /* owned: the frame; where it is read to */
    size_t n_bytes, n_payload;
    size_t at; /* of wslay's reading */
};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static ssize_t on_recv(uint8_t *data, size_t len, int flags, void *user)
{
    struct frame *f = user;
    size_t n = f->n_bytes - f->at < len ? f->n_bytes - f->at : len;

    (void)flags;
    if (!n)
        return -1;
    memcpy(data, f->bytes + f->at, n);
    f->at += n;
    return (ssize_t)n;
}

/* Returns a byte of the payload, so that nothing can be left out. */
static unsigned read_wslay(wslay_frame_context_ptr ctx, struct frame *f)
{
    struct wslay_frame_iocb iocb;
    size_t n = 0;
    unsigned last = 0;

    f->at = 0;
    while (n < f->n_payload) {
        memset(&iocb, 0, sizeof(iocb));
        ssize_t got = wslay_frame_recv(ctx, &iocb);
        if (got < 0)
            abort();
        n += (size_t)got;
        last = got ? iocb.data[got - 1] : last;
    }
    return last;
}

static unsigned read_ours(struct frame *f)
{
    struct ws_head h;

    memcpy(f->room, f->bytes, f->n_bytes);
    if (ws_head_read(f->room, f->n_bytes, &h) != WS_HEAD_OK || h.payload_len != f->n_payload)
        abort();
    ws_unmask(f->room + h.head_len, f->n_payload, h.mask, 0);
    return f->room[f->n_bytes - 1];
}

static void frame_make(struct frame *f, size_t n_payload)
{
    static const uint8_t mask[4] = {0x8a, 0x51, 0x3c, 0xe7};
    uint8_t head[WS_HEAD_MAX];
    size_t n_head = ws_head_write(head, WS_BINARY, n_payload);

    head[1] |= 0x80;
    memcpy(head + n_head, mask, 4);
    n_head += 4;
    f->n_payload = n_payload;
    f->n_bytes = n_head + n_payload;
    f->bytes = malloc(f->n_bytes);
    f->room = malloc(f->n_bytes);
    if (!f->bytes || !f->room)
        abort();
    memcpy(f->bytes, head, n_head);
    for (size_t i = 0; i < n_payload; i++)
        f->bytes[n_head + i] = (uint8_t)(i * 31 ^ mask[i & 3]);
}

/* Megabytes of payload a second, best round. ctx NULL: ours. */
static double measure(wslay_frame_context_ptr ctx, struct frame *f, int n_rounds, unsigned *sum)
{
    size_t n_frames = BYTES_A_ROUND / f->n_payload;
    double best = 1e9;

    for (int round = 0; round < n_rounds; round++) {
        double start = now_s();
        for (size_t i = 0; i < n_frames; i++)
            *sum += ctx ? read_wslay(ctx, f) : read_ours(f);
        double took = now_s() - start;
        if (took < best)
            best = took;
    }
    return (double)n_frames * (double)f->n_payload / best / 1e6;
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {32, 128, 1024, 16384, 65536, 262144, 1048576};
    static const struct wslay_frame_callbacks callbacks = {.recv_callback = on_recv};
    int n_rounds = argc > 1 ? atoi(argv[1]) : ROUNDS;

    printf("%10s %12s %12s %7s\n", "bytes", "wslay MB/s", "ours MB/s", "ratio");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct frame f = {0};
        wslay_frame_context_ptr ctx;
        unsigned wslay_sum = 0, our_sum = 0;
        frame_make(&f, sizes[i]);
        if (wslay_frame_context_init(&ctx, &callbacks, &f) != 0)
            abort();
        double theirs = measure(ctx, &f, n_rounds, &wslay_sum),
               ours = measure(NULL, &f, n_rounds, &our_sum);
        wslay_frame_context_free(ctx);
        free(f.bytes);
        free(f.room);
        if (wslay_sum != our_sum)
            abort(); /* they read different bytes */
        printf("%10zu %12.0f %12.0f %7.1f\n", sizes[i], theirs, ours, ours / theirs);
    }
    return 0;
}
