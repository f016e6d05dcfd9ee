/* transport_tcp: one system call each. */
#include "net/transport_tcp.h"

#include <errno.h>
#include <sys/socket.h>

#include "net/stream.h"

static ssize_t tcp_read(struct stream *s, char *room, size_t n_room)
{
    ssize_t n = recv(stream_fd(s), room, n_room, MSG_DONTWAIT);

    if (n > 0)
        return n;
    if (n == 0)
        return UV_EOF;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;
}

static ssize_t tcp_writev(struct stream *s, const uv_buf_t *bufs, unsigned n_bufs)
{
    return uv_try_write((uv_stream_t *)&s->tcp, bufs, n_bufs);
}

const struct transport transport_tcp = {.read = tcp_read, .writev = tcp_writev};
