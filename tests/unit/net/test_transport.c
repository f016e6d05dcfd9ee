/* A second transport under a stream: one that seals what it sends into records of its own and takes
 * records in, as TLS does. It shows that a stream asks nothing of TCP but what the table says. */
#include <errno.h>

#include "net/stream.h"
#include "net/transport.h"
#include "unit/net/turns.h"

enum { RECORD_MOST = 1000, MASK = 0x5a };

/* A record: its length in two bytes, then its bytes, masked. One without bytes is the goodbye. */
struct sealed {
    unsigned char out[2 + RECORD_MOST], in[2 + RECORD_MOST];
    size_t n_out, at_out, n_in;
};

static ssize_t try_out(struct stream *s)
{
    struct sealed *t = s->tcp.data;
    uv_buf_t buf = uv_buf_init((char *)t->out + t->at_out, (unsigned)(t->n_out - t->at_out));
    int r = uv_try_write((uv_stream_t *)&s->tcp, &buf, 1);

    if (r > 0)
        t->at_out += (size_t)r;
    if (t->at_out == t->n_out)
        t->at_out = t->n_out = 0;
    return r;
}

static size_t seal(struct sealed *t, struct slice bytes)
{
    size_t n = bytes.len < RECORD_MOST ? bytes.len : RECORD_MOST;

    for (size_t i = 0; i < n; i++)
        t->out[2 + i] = (unsigned char)bytes.ptr[i] ^ MASK;
    t->out[0] = (unsigned char)(n >> 8);
    t->out[1] = (unsigned char)n;
    t->n_out = 2 + n;
    return n;
}

static ssize_t sealed_writev(struct stream *s, const uv_buf_t *bufs, unsigned n_bufs)
{
    struct sealed *t = s->tcp.data;
    ssize_t taken = 0;

    for (unsigned i = 0; i < n_bufs; i++) {
        for (struct slice rest = slice_make(bufs[i].base, bufs[i].len); rest.len;) {
            if (t->n_out)
                return taken ? taken : UV_EAGAIN;
            size_t n = seal(t, rest);
            rest = slice_from(rest, n);
            taken += (ssize_t)n;
            ssize_t r = try_out(s);
            if (r < 0 && r != UV_EAGAIN)
                return r;
        }
    }
    return taken;
}

static struct slice sealed_pending(const struct stream *s)
{
    const struct sealed *t = s->tcp.data;

    return slice_make((const char *)t->out + t->at_out, t->n_out - t->at_out);
}

static void sealed_written(struct stream *s, size_t n_bytes)
{
    struct sealed *t = s->tcp.data;

    t->at_out += n_bytes;
    if (t->at_out == t->n_out)
        t->at_out = t->n_out = 0;
}

static ssize_t fill(struct stream *s, struct sealed *t, size_t want)
{
    while (t->n_in < want) {
        ssize_t n = recv(stream_fd(s), t->in + t->n_in, want - t->n_in, MSG_DONTWAIT);
        if (n <= 0)
            return n == 0 ? UV_EOF : errno == EAGAIN ? 0 : -errno;
        t->n_in += (size_t)n;
    }
    return (ssize_t)want;
}

static ssize_t sealed_read(struct stream *s, char *room, size_t n_room)
{
    struct sealed *t = s->tcp.data;
    size_t n = 0;
    ssize_t r = 0;

    CHECK(n_room >= RECORD_MOST);
    while (n + RECORD_MOST <= n_room) {
        if ((r = fill(s, t, 2)) <= 0)
            break;
        size_t len = (size_t)(t->in[0] << 8 | t->in[1]);
        if (!len)
            return n ? (ssize_t)n : UV_EOF;
        if ((r = fill(s, t, 2 + len)) <= 0)
            break;
        for (size_t i = 0; i < len; i++)
            room[n++] = (char)(t->in[2 + i] ^ MASK);
        t->n_in = 0;
    }
    return n ? (ssize_t)n : r;
}

static void sealed_close(struct stream *s)
{
    struct sealed *t = s->tcp.data;

    if (t->n_out)
        return;
    (void)seal(t, (struct slice){NULL, 0});
    (void)try_out(s);
}

static const struct transport sealed_transport = {sealed_read, sealed_writev, sealed_pending,
                                                  sealed_written, sealed_close};

/* ---- two streams over one pair ---- */

struct side {
    struct stream *s;
    struct sealed sealed;
    uint64_t n_in, sum_in;
    int n_ends, end_error, n_drained;
    bool is_closed;
};

static void side_read(struct stream *s, char *bytes, size_t n)
{
    struct side *one = s->owner;

    for (size_t i = 0; i < n; i++)
        one->sum_in = one->sum_in * 31 + (unsigned char)bytes[i];
    one->n_in += n;
}

static void side_end(struct stream *s, int error)
{
    struct side *one = s->owner;

    one->n_ends++;
    one->end_error = error;
    stream_close(s);
}

static void side_drained(struct stream *s)
{
    ((struct side *)s->owner)->n_drained++;
}

static void side_closed(struct stream *s)
{
    ((struct side *)s->owner)->is_closed = true;
}

static const struct stream_ops ops = {
    .on_read = side_read, .on_end = side_end, .on_drained = side_drained, .on_closed = side_closed};

static void side_open(struct side *one, struct turns *t, int fd)
{
    int error = 0;

    memset(one, 0, sizeof(*one));
    one->s = stream_open(t->loop, fd, &ops, one, &error);
    CHECK(one->s != NULL);
    one->s->transport = &sealed_transport;
    one->s->tcp.data = &one->sealed;
}

CASE(what_is_sealed_on_one_side_is_read_on_the_other_and_all_of_it_before_the_end)
{
    static struct side a, b;
    static char bytes[1 << 20];
    struct turns t;
    uint64_t sum = 0;
    int fds[2];

    turns_init(&t, 1);
    turns_pair(fds);
    side_open(&a, &t, fds[0]);
    side_open(&b, &t, fds[1]);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(i * i >> 7);
        sum = sum * 31 + (unsigned char)bytes[i];
    }
    CHECK(stream_send_bytes(a.s, slice_make(bytes, 10), t.loop->own));
    CHECK(stream_send_bytes(a.s, slice_make(bytes + 10, sizeof(bytes) - 10), t.loop->own));
    for (int i = 0; i < 5; i++)
        turns_run(&t);
    /* nobody reads: the socket is full, and a record is cut in it */
    CHECK(a.s->sendq.n_bytes > 0);
    CHECK(a.sealed.n_out > 0);
    CHECK_INT(a.n_drained, 0);
    stream_finish(a.s);
    stream_read_start(b.s);
    TURNS_UNTIL(&t, a.is_closed && b.is_closed);
    CHECK_INT(b.n_in, sizeof(bytes));
    CHECK(b.sum_in == sum);
    CHECK_INT(b.n_ends, 1);
    CHECK_INT(b.end_error, 0); /* the goodbye */
    turns_deinit(&t);
}

CASE(a_stream_is_drained_when_the_last_record_has_left)
{
    static struct side a;
    static char bytes[1 << 20], room[1 << 16];
    struct turns t;
    int fds[2];

    turns_init(&t, 1);
    turns_pair(fds);
    side_open(&a, &t, fds[0]);
    CHECK(stream_send_bytes(a.s, slice_make(bytes, sizeof(bytes)), t.loop->own));
    turns_run(&t);
    while (!a.n_drained) {
        /* records are cut everywhere */
        CHECK(recv(fds[1], room, 500, MSG_DONTWAIT) > 0);
        turns_run(&t);
        CHECK(!a.n_drained || (!a.sealed.n_out && !a.s->sendq.n_bytes));
    }
    stream_reset(a.s);
    TURNS_UNTIL(&t, a.is_closed);
    close(fds[1]);
    turns_deinit(&t);
}

CASES(RUN(what_is_sealed_on_one_side_is_read_on_the_other_and_all_of_it_before_the_end),
      RUN(a_stream_is_drained_when_the_last_record_has_left))
