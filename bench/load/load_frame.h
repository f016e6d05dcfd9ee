/* load_frame: the WebSocket frames of a client (RFC 6455), as pure bytes. One mask key serves every
 * frame of a run: a generator measures a server and hides nothing from proxies, and a server has
 * the same work whatever the key. That lets a frame be prepared once and only patched per
 * message. */
#pragma once

#include "load/load_buf.h"

#include <stdbool.h>

enum { FRAME_TEXT = 1, FRAME_BINARY = 2, FRAME_CLOSE = 8, FRAME_PING = 9, FRAME_PONG = 10 };

void frame_append(struct buf *b, unsigned opcode, const void *payload, size_t n);

/* A frame ready to send, with places in its payload that change from message to message. */
struct stencil {
    struct buf frame;
    size_t head_len;
};
void stencil_init(struct stencil *s, unsigned opcode, const struct buf *payload);
void stencil_free(struct stencil *s);
/* Appends the frame to b and returns its first byte; valid until b grows again. */
uint8_t *stencil_append(const struct stencil *s, struct buf *b);
/* Overwrites n payload bytes at payload offset `at` of a frame made by stencil_append. */
void stencil_patch(const struct stencil *s, uint8_t *frame, size_t at, const void *data, size_t n);

/* One server frame at the front of data. */
struct frame_view {
    unsigned opcode;
    bool is_final;
    const uint8_t *payload;
    size_t len;
    size_t total; /* header and payload */
};
enum {
    FRAME_OK,
    FRAME_MORE
}; /* MORE: ret_view->total says how many bytes are needed, 0 when not known yet */
int frame_read(const uint8_t *data, size_t n, struct frame_view *ret_view);
