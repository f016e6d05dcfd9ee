/* transport: what a stream's bytes pass on their way between its owner and its socket. Plain TCP
 * passes them as they are; one that seals them (TLS) keeps its state in tcp.data of the stream and
 * is another file with this table. No socket is waited for here: the stream does that. Loop thread
 * of the stream. */
#pragma once
#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

#include "base/slice.h"

struct stream;

struct transport {
    /* What has come for the owner, at most n_room bytes; fewer only when no more has come. 0:
     * nothing now; UV_EOF: the peer has stopped sending; other negative UV_E*: the socket has
     * failed. */
    ssize_t (*read)(struct stream *s, char *room, size_t n_room);
    /* Sends what goes now. Returns how many of these bytes it has taken over, UV_EAGAIN for none,
     * or another negative UV_E*. It takes fewer than all only when the socket takes no more, and
     * none while bytes of its own are pending. */
    ssize_t (*writev)(struct stream *s, const uv_buf_t *bufs, unsigned n_bufs);
    /* Bytes it has made of those it took over and which the socket has not taken; they stay until
     * written() says so. Both NULL: it makes none, and what it does not take waits in the stream's
     * queue. */
    struct slice (*pending)(const struct stream *s);
    void (*written)(struct stream *s, size_t n_bytes);
    /* The socket is closed right after this. May be NULL. */
    void (*close)(struct stream *s);
};
