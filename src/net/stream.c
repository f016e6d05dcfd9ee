/* stream: a flush gathers as many messages as one writev takes and tries at once, so the common
 * message costs one system call and no allocation. What a full socket does not take stays in the
 * sendq until the loop tells that it takes more. Every stream of a loop reads into the loop's
 * scratch, so an idle connection owns no buffer.
 *
 * libuv tells when there is something to read and never reads itself: it is offered no room
 * (UV_ENOBUFS), and the transport reads. */
#include "net/stream.h"

#include <limits.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "net/shares.h"
#include "net/transport_tcp.h"
#include "wire/ip.h"

/* What one connection's read may take of a turn: others wait that long. A flood of small messages,
 * or of ones with many receivers, is read in smaller helpings; large payloads, which are little
 * work a byte, in full ones. */
enum { STREAM_GATHER = 256, TURN_SHARE_NS = 25 * 1000, READ_LEAST = 2048 };
/* What one connection is sent before others have their turn. */
enum { FLUSH_MOST = 512 * 1024 };
/* Up to here it is sent before what others wait to be sent that is larger: a broadcast has
 * thousands of receivers. */
enum { SHORT_MOST = 16 * 1024 };

static void stream_on_uv_closed(uv_handle_t *handle)
{
    struct stream *s = CONTAINER_OF((uv_tcp_t *)handle, struct stream, tcp);

    list_unlink(&s->link);
    sendq_deinit(&s->sendq);
    s->ops->on_closed(s);
    s->seat = seat_free(s->seat);
    loop_count(s->loop, METRIC_CONNS_OPEN, -1);
    mem_free(s);
}

/* False: it is closing already. */
static bool begin_close(struct stream *s)
{
    if (s->state == STREAM_CLOSING)
        return false;
    s->state = STREAM_CLOSING;
    list_unlink(&s->flush.link);
    list_unlink(&s->input.link);
    if (s->is_waiting)
        loop_forget_writable(s->loop, stream_fd(s));
    if (s->transport->close)
        s->transport->close(s);
    return true;
}

void stream_close(struct stream *s)
{
    if (begin_close(s))
        uv_close((uv_handle_t *)&s->tcp, stream_on_uv_closed);
}

void stream_reset(struct stream *s)
{
    /* uv_tcp_close_reset refuses a handle whose shutdown has begun; we never call uv_shutdown. */
    if (begin_close(s) && uv_tcp_close_reset(&s->tcp, stream_on_uv_closed) != 0)
        uv_close((uv_handle_t *)&s->tcp, stream_on_uv_closed);
}

static void stream_ended(struct stream *s, int error)
{
    if (s->state == STREAM_CLOSING)
        return;
    if (s->has_ended) { /* told already; what was still to be sent cannot be */
        if (error)
            stream_close(s);
        return;
    }
    s->has_ended = true;
    stream_read_stop(s);
    if (s->state != STREAM_FINISHING)
        s->ops->on_end(s, error);
    else if (error) /* a peer that only stopped sending still gets what is queued */
        stream_close(s);
}

static void wait_or_end(struct stream *s, int error)
{
    if (error == UV_EAGAIN)
        error = loop_await_writable(s->loop, stream_fd(s), &s->writable);
    s->is_waiting = error == 0;
    if (error)
        stream_ended(s, error);
    else if (s->ops->on_full)
        s->ops->on_full(s);
}

static size_t stream_gather(struct stream *s, uv_buf_t bufs[STREAM_GATHER], size_t *ret_bytes)
{
    struct slice runs[STREAM_GATHER];
    size_t n = sendq_peek(&s->sendq, runs, STREAM_GATHER);
    size_t n_bytes = 0;

    for (size_t i = 0; i < n; i++) {
        struct slice run = slice_to(runs[i], FLUSH_MOST - n_bytes);
        bufs[i] = uv_buf_init((char *)run.ptr, (unsigned)run.len);
        n_bytes += run.len;
        if (n_bytes == FLUSH_MOST)
            n = i + 1;
    }
    *ret_bytes = n_bytes;
    return n;
}

static struct slice stream_pending(const struct stream *s)
{
    return s->transport->pending ? s->transport->pending(s) : (struct slice){NULL, 0};
}

/* Sends what the transport has made. False: the socket takes no more for now, or has failed. */
static bool flush_sealed(struct stream *s)
{
    for (struct slice sealed = stream_pending(s); sealed.len; sealed = stream_pending(s)) {
        uv_buf_t buf = uv_buf_init((char *)sealed.ptr, (unsigned)sealed.len);
        int r = uv_try_write((uv_stream_t *)&s->tcp, &buf, 1);
        if (r < 0) {
            wait_or_end(s, r);
            return false;
        }
        s->transport->written(s, (size_t)r);
        s->progress_ms = (uint32_t)loop_now_ms(s->loop);
    }
    return true;
}

static void stream_drained(struct stream *s)
{
    ring_trim(&s->sendq.msgs);
    s->has_drained = true;
    if (s->state == STREAM_FINISHING)
        stream_close(s);
    else if (s->ops->on_drained)
        s->ops->on_drained(s);
}

static void stream_flush(struct stream *s)
{
    uv_buf_t bufs[STREAM_GATHER];
    size_t n_sent = 0;

    if (s->state == STREAM_CLOSING || s->has_failed || s->is_waiting || !flush_sealed(s))
        return;
    while (s->sendq.n_bytes) {
        size_t n_bytes;
        if (n_sent >= FLUSH_MOST) {
            loop_again(s->loop, &s->flush);
            return;
        }
        size_t n = stream_gather(s, bufs, &n_bytes);
        ssize_t r = s->transport->writev(s, bufs, (unsigned)n);
        if (r > 0) {
            sendq_drop(&s->sendq, (size_t)r);
            n_sent += (size_t)r;
            s->n_bytes_out += (uint64_t)r;
            s->progress_ms = (uint32_t)loop_now_ms(s->loop);
        }
        if (r < 0 || (size_t)r < n_bytes) {
            wait_or_end(s, r < 0 ? (int)r : UV_EAGAIN);
            return;
        }
        if (!flush_sealed(s))
            return;
    }
    stream_drained(s);
}

static void stream_on_flush(struct deferred *d)
{
    struct stream *s = CONTAINER_OF(d, struct stream, flush);

    if (s->has_failed)
        stream_ended(s, UV_ENOBUFS);
    else
        stream_flush(s);
}

static void flush_later(struct stream *s)
{
    if (!s->is_known)
        loop_defer_last(s->loop, &s->flush);
    else if (s->sendq.n_bytes > SHORT_MOST)
        loop_defer_large(s->loop, &s->flush);
    else
        loop_defer(s->loop, &s->flush);
}

static void on_writable(struct writable *w)
{
    struct stream *s = CONTAINER_OF(w, struct stream, writable);

    s->is_waiting = false;
    flush_later(s);
}

bool stream_fail(struct stream *s)
{
    if (s->state != STREAM_OPEN || s->has_failed)
        return false;
    s->has_failed = true;
    flush_later(s);
    return true;
}

static void stream_on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    (void)handle;
    (void)hint;
    *buf = uv_buf_init(NULL, 0);
}

/* libuv hears no more of a socket that is to be read in its turn, until there is nothing left to
 * read: for each of many that must wait it would ask the kernel, every turn. */
static void read_later(struct stream *s)
{
    (void)uv_read_stop((uv_stream_t *)&s->tcp);
    loop_again(s->loop, &s->input);
}

/* The turn had no time for it. Those who have logged in do not wait for the many who only come and
 * go, and of these no more are let in than are read soon. */
static void read_first_later(struct stream *s)
{
    (void)uv_read_stop((uv_stream_t *)&s->tcp);
    if (s->is_known) {
        loop_input_later(s->loop, &s->input);
    } else {
        seat_wait(s->seat, true);
        loop_again(s->loop, &s->input);
    }
}

static void read_full(struct stream *s, char *bytes)
{
    uint64_t began_ns = clock_mono_ns();

    read_later(s);
    s->ops->on_read(s, bytes, s->read_bytes);
    uint64_t took_ns = clock_mono_ns() - began_ns;
    if (took_ns > TURN_SHARE_NS && s->read_bytes > READ_LEAST)
        s->read_bytes /= 2;
    else if (took_ns * 2 < TURN_SHARE_NS && s->read_bytes < LOOP_SCRATCH)
        s->read_bytes *= 2;
}

/* n: what the transport has said when it was given room for `most` bytes of the scratch. */
static void stream_deliver(struct stream *s, ssize_t n, size_t most)
{
    if (n < 0) {
        stream_ended(s, n == UV_EOF ? 0 : (int)n);
    } else if (n) {
        s->n_bytes_in += (uint64_t)n;
        if ((size_t)n == most)
            read_full(s, s->loop->scratch);
        else
            s->ops->on_read(s, s->loop->scratch, (size_t)n);
    }
}

static void on_readable(uv_stream_t *handle, ssize_t n, const uv_buf_t *buf)
{
    struct stream *s = CONTAINER_OF((uv_tcp_t *)handle, struct stream, tcp);
    size_t most = s->read_bytes;

    (void)buf;
    if (n != UV_ENOBUFS)
        stream_ended(s, (int)n);
    else if (loop_begin_read(s->loop, s->is_known))
        read_first_later(s);
    else
        stream_deliver(s, s->transport->read(s, s->loop->scratch, most), most);
}

static void read_on(struct stream *s)
{
    int r = uv_read_start((uv_stream_t *)&s->tcp, stream_on_alloc, on_readable);

    ASSERT(r == 0 || r == UV_EALREADY);
}

/* Its turn, without poll, which has found it before. */
static void on_input(struct deferred *d)
{
    struct stream *s = CONTAINER_OF(d, struct stream, input);
    size_t most = s->read_bytes;

    seat_wait(s->seat, false);
    if (!s->is_reading)
        return;
    ssize_t n = s->transport->read(s, s->loop->scratch, most);
    if (n >= 0 && (size_t)n < most)
        read_on(s);
    stream_deliver(s, n, most);
}

static void on_abandoned(struct stream *s)
{
    (void)s;
}

static const struct stream_ops abandoned_ops = {.on_closed = on_abandoned};

struct stream *stream_open(struct loop *loop, uv_os_sock_t fd, const struct stream_ops *ops,
                           void *owner, int *ret_error)
{
    LOOP_ASSERT(loop);
    struct stream *s = MEM_NEW(struct stream);
    int r = uv_tcp_init(&loop->uv, &s->tcp);

    ASSERT(r == 0); /* without a domain it only fills in the struct */
    s->loop = loop;
    s->transport = &transport_tcp;
    s->read_bytes = LOOP_SCRATCH;
    s->ops = ops;
    s->owner = owner;
    list_link(&loop->streams, &s->link);
    s->writable.run = on_writable;
    s->flush.run = stream_on_flush;
    list_init(&s->flush.link);
    s->input.run = on_input;
    list_init(&s->input.link);
    sendq_init(&s->sendq);
    loop_count(loop, METRIC_CONNS_OPEN, 1);
    r = uv_tcp_open(&s->tcp, fd);
    if (r) {
        *ret_error = r;
        s->ops = &abandoned_ops;
        close(fd);
        stream_close(s);
        return NULL;
    }
    /* Fails only on a socket the peer has reset already, which the first read reports. */
    (void)uv_tcp_nodelay(&s->tcp, 1);
    return s;
}

bool stream_has_input(const struct stream *s)
{
    int n = 0;

    return ioctl(stream_fd(s), FIONREAD, &n) == 0 && n > 0;
}

static bool stream_on_evict(void *owner)
{
    struct stream *s = owner;

    if (s->state == STREAM_CLOSING)
        return true;
    /* What has arrived and waits to be read is a use, though nobody has seen it yet. */
    return s->ops->on_evict && !stream_has_input(s) && s->ops->on_evict(s);
}

void stream_take_seat(struct stream *s, struct seat *seat)
{
    s->seat = seat;
    seat_own(seat, stream_on_evict, s);
}

void stream_adopt(struct stream *s, const struct stream_ops *ops, void *owner)
{
    s->ops = ops;
    s->owner = owner;
}

void stream_read_start(struct stream *s)
{
    if (s->is_reading || s->has_ended || s->state == STREAM_CLOSING)
        return;
    s->is_reading = true;
    read_on(s);
}

void stream_read_stop(struct stream *s)
{
    if (!s->is_reading)
        return;
    s->is_reading = false;
    list_unlink(&s->input.link);
    seat_wait(s->seat, false);
    (void)uv_read_stop((uv_stream_t *)&s->tcp); /* always 0 */
}

bool stream_send(struct stream *s, struct msg *m)
{
    if (s->state != STREAM_OPEN || s->has_failed) {
        msg_unref(m);
        return true;
    }
    if (!s->sendq.n_bytes)
        s->progress_ms = (uint32_t)loop_now_ms(s->loop);
    if (!sendq_push(&s->sendq, m))
        return false;
    if (!s->is_waiting)
        flush_later(s);
    return true;
}

bool stream_send_bytes(struct stream *s, struct slice bytes, struct account *account)
{
    struct msg *m = msg_try_new(bytes.len, account);

    if (!m)
        return false;
    if (bytes.len)
        memcpy(msg_head(m), bytes.ptr, bytes.len);
    return stream_send(s, m);
}

void stream_finish(struct stream *s)
{
    if (s->state != STREAM_OPEN)
        return;
    s->state = STREAM_FINISHING;
    if (!s->is_waiting)
        flush_later(s);
}

void stream_end_all(struct loop *loop)
{
    /* An owner may close other streams while it hears of one: take the open ones one at a time. */
    struct list seen;

    list_init(&seen);
    while (!list_is_empty(&loop->streams)) {
        struct stream *s = LIST_ENTRY(loop->streams.next, struct stream, link);
        list_unlink(&s->link);
        list_link(&seen, &s->link);
        stream_ended(s, UV_ECANCELED);
        stream_close(s);
    }
    list_move_all(&loop->streams, &seen);
}

uint64_t stream_stalled_ms(struct stream *s)
{
    return s->sendq.n_bytes || stream_pending(s).len
               ? (uint32_t)loop_now_ms(s->loop) - s->progress_ms
               : 0;
}

uint64_t stream_bytes_taken(const struct stream *s)
{
    int unacknowledged = 0;

    /* The kernel takes megabytes at once and then nothing for long: only what has arrived shows how
     * fast a reader is. */
    if (ioctl(stream_fd(s), SIOCOUTQ, &unacknowledged) != 0 || unacknowledged < 0)
        return s->n_bytes_out;
    return s->n_bytes_out > (uint64_t)unacknowledged ? s->n_bytes_out - (uint64_t)unacknowledged
                                                     : 0;
}

void stream_set_timeout(struct stream *s, uint64_t ms)
{
    unsigned timeout = ms < UINT_MAX ? (unsigned)ms : UINT_MAX;

    (void)setsockopt(stream_fd(s), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
}

struct in6_addr stream_peer(const struct stream *s)
{
    struct sockaddr_storage from = {0};
    int len = sizeof(from);

    (void)uv_tcp_getpeername(&s->tcp, (struct sockaddr *)&from, &len);
    return ip_of_socket(&from);
}
