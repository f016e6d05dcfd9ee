/* A stream over a socket pair: what it says to its owner, and what reaches the other end. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "net/stream.h"
#include "unit/net/turns.h"
#include "wire/ip.h"

struct world {
    struct turns t;
    struct stream *s, *victim;
    int fd; /* the other end */
    char in[64];
    size_t n_in;
    int n_ends, end_error, n_drained, n_closed;
};

static void on_read(struct stream *s, char *bytes, size_t n)
{
    struct world *w = s->owner;

    CHECK(w->n_in + n < sizeof(w->in));
    memcpy(w->in + w->n_in, bytes, n);
    w->n_in += n;
}

static void on_end(struct stream *s, int error)
{
    struct world *w = s->owner;

    w->n_ends++;
    w->end_error = error;
}

static void on_drained(struct stream *s)
{
    ((struct world *)s->owner)->n_drained++;
}

static void on_closed(struct stream *s)
{
    ((struct world *)s->owner)->n_closed++;
}

static const struct stream_ops ops = {on_read, on_end, on_drained, on_closed};

static void open_on(struct world *w, int fds[2])
{
    int error = 0;

    memset(w, 0, sizeof(*w));
    turns_init(&w->t, 1);
    w->s = stream_open(w->t.loop, fds[0], &ops, w, &error);
    CHECK(w->s != NULL);
    CHECK_INT(error, 0);
    w->fd = fds[1];
    stream_read_start(w->s);
}

static void open_pair(struct world *w)
{
    int fds[2];

    turns_pair(fds);
    open_on(w, fds);
}

static void shut(struct world *w)
{
    TURNS_UNTIL(&w->t, w->n_closed == 1);
    CHECK_INT(w->t.loop->metrics.values[METRIC_CONNS_OPEN], 0);
    turns_deinit(&w->t);
    if (w->fd >= 0)
        close(w->fd);
}

static void send_text(struct world *w, const char *text)
{
    CHECK(stream_send_bytes(w->s, slice_of(text), w->s->loop->own));
}

/* More than the pair's buffers hold. */
static size_t clog_up(struct world *w)
{
    size_t n = 4 << 20;
    char *zeros = mem_new(n);

    CHECK(stream_send_bytes(w->s, slice_make(zeros, n), w->s->loop->own));
    mem_free(zeros);
    turns_run(&w->t);
    CHECK(w->s->sendq.n_bytes > 0);
    return n;
}

/* Reads what there is; -1 at the end. */
static long drain(struct world *w)
{
    static char room[1 << 16];
    long n = 0;
    ssize_t r;

    while ((r = recv(w->fd, room, sizeof(room), MSG_DONTWAIT)) > 0)
        n += r;
    return r == 0 && n == 0 ? -1 : n;
}

CASE(bytes_come_and_go)
{
    struct world w;
    char got[32];

    open_pair(&w);
    CHECK_INT(send(w.fd, "ping", 4, 0), 4);
    TURNS_UNTIL(&w.t, w.n_in == 4);
    CHECK_BYTES(w.in, 4, "ping", 4);
    CHECK_INT(w.s->n_bytes_in, 4);
    send_text(&w, "po");
    send_text(&w, "ng");
    /* nothing leaves before the turn ends */
    CHECK(recv(w.fd, got, sizeof(got), MSG_DONTWAIT) < 0);
    turns_run(&w.t);
    CHECK_INT(recv(w.fd, got, sizeof(got), MSG_DONTWAIT), 4); /* and then all at once */
    CHECK_BYTES(got, 4, "pong", 4);
    CHECK_INT(w.n_drained, 1);
    stream_close(w.s);
    shut(&w);
}

CASE(no_bytes_are_read_while_reading_is_stopped)
{
    struct world w;

    open_pair(&w);
    stream_read_stop(w.s);
    stream_read_stop(w.s);
    CHECK_INT(send(w.fd, "later", 5, 0), 5);
    for (int i = 0; i < 5; i++)
        turns_run(&w.t);
    CHECK_INT(w.n_in, 0);
    stream_read_start(w.s);
    stream_read_start(w.s);
    TURNS_UNTIL(&w.t, w.n_in == 5);
    stream_close(w.s);
    shut(&w);
}

CASE(finish_sends_all_and_then_ends)
{
    struct world w;
    long n, total = 0;

    open_pair(&w);
    size_t sent = clog_up(&w);
    send_text(&w, "last");
    stream_finish(w.s);
    send_text(&w, "too late");
    while ((n = drain(&w)) >= 0) {
        total += n;
        turns_run(&w.t);
    }
    CHECK_INT(total, (long)sent + 4);
    CHECK_INT(w.n_ends, 0);
    shut(&w);
}

CASE(finish_with_nothing_queued_ends_at_once)
{
    struct world w;

    open_pair(&w);
    stream_finish(w.s);
    shut(&w);
}

CASE(close_drops_what_is_queued)
{
    struct world w;
    long n, total = 0;

    open_pair(&w);
    size_t sent = clog_up(&w);
    stream_close(w.s);
    stream_close(w.s);
    TURNS_UNTIL(&w.t, w.n_closed == 1);
    while ((n = drain(&w)) >= 0)
        total += n;
    CHECK(total < (long)sent);
    CHECK_INT(w.n_ends, 0);
    shut(&w);
}

CASE(an_end_is_told_once_and_sending_goes_on)
{
    struct world w;
    char got[8];

    open_pair(&w);
    CHECK_INT(shutdown(w.fd, SHUT_WR), 0);
    TURNS_UNTIL(&w.t, w.n_ends == 1);
    CHECK_INT(w.end_error, 0);
    stream_read_start(w.s);
    send_text(&w, "bye");
    stream_finish(w.s);
    TURNS_UNTIL(&w.t, w.n_closed == 1);
    CHECK_INT(recv(w.fd, got, sizeof(got), MSG_DONTWAIT), 3);
    CHECK_INT(w.n_ends, 1);
    shut(&w);
}

CASE(a_peer_that_stops_sending_while_we_finish_gets_all)
{
    struct world w;
    long n, total = 0;

    open_pair(&w);
    size_t sent = clog_up(&w);
    stream_finish(w.s);
    CHECK_INT(shutdown(w.fd, SHUT_WR), 0);
    turns_run(&w.t);
    while ((n = drain(&w)) >= 0) {
        total += n;
        turns_run(&w.t);
    }
    CHECK_INT(total, (long)sent);
    shut(&w);
}

CASE(a_failed_write_after_the_end_closes)
{
    struct world w;

    open_pair(&w);
    CHECK_INT(shutdown(w.fd, SHUT_WR), 0);
    TURNS_UNTIL(&w.t, w.n_ends == 1);
    close(w.fd);
    w.fd = -1;
    send_text(&w, "nobody hears");
    TURNS_UNTIL(&w.t, w.n_closed == 1);
    CHECK_INT(w.n_ends, 1);
    shut(&w);
}

CASE(a_peer_that_leaves_while_we_send_is_an_end)
{
    struct world w;

    open_pair(&w);
    clog_up(&w);
    close(w.fd);
    w.fd = -1;
    TURNS_UNTIL(&w.t, w.n_ends == 1);
    if (!w.n_closed) /* by itself, when the end was read before the write failed */
        stream_close(w.s);
    shut(&w);
}

CASE(stalled_time_counts_from_the_last_progress)
{
    struct world w;

    open_pair(&w);
    CHECK_INT(stream_stalled_ms(w.s), 0);
    clog_up(&w);
    TURNS_UNTIL(&w.t, stream_stalled_ms(w.s) >= 50);
    CHECK(drain(&w) > 0); /* a part of one large write */
    TURNS_UNTIL(&w.t, stream_stalled_ms(w.s) < 50);
    CHECK(w.s->sendq.n_bytes > 0);
    TURNS_UNTIL(&w.t, stream_stalled_ms(w.s) >= 50);
    stream_close(w.s);
    shut(&w);
}

CASE(a_reset_is_seen_as_one)
{
    struct world w;
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int fds[2], listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char name[IP_TEXT_MAX], got;

    CHECK_INT(bind(listening, (struct sockaddr *)&addr, len), 0);
    CHECK_INT(listen(listening, 1), 0);
    CHECK_INT(getsockname(listening, (struct sockaddr *)&addr, &len), 0);
    fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(connect(fds[1], (struct sockaddr *)&addr, len), 0);
    fds[0] = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    close(listening);
    open_on(&w, fds);
    struct in6_addr peer = stream_peer(w.s);
    ip_print(&peer, name);
    CHECK_TEXT(name, "127.0.0.1");
    unsigned timeout = 0;
    len = sizeof(timeout);
    stream_set_timeout(w.s, 25000);
    CHECK_INT(getsockopt(fds[0], IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, &len), 0);
    CHECK_INT(timeout, 25000);
    stream_reset(w.s);
    stream_reset(w.s);
    stream_close(w.s);
    TURNS_UNTIL(&w.t, w.n_closed == 1);
    CHECK_INT(recv(w.fd, &got, 1, 0), -1);
    CHECK_INT(errno, ECONNRESET);
    shut(&w);
}

CASE(a_bad_descriptor_opens_no_stream)
{
    struct turns t;
    int error = 0;

    turns_init(&t, 1);
    CHECK(stream_open(t.loop, -1, &ops, NULL, &error) == NULL);
    CHECK(error < 0);
    TURNS_UNTIL(&t, list_is_empty(&t.loop->streams));
    turns_deinit(&t);
}

/* The first owner to hear closes the second one's stream: both must be told or closed, none
 * twice. */
static void on_end_close_other(struct stream *s, int error)
{
    struct world *w = s->owner;

    on_end(s, error);
    stream_close(w->victim);
}

CASE(end_all_tells_every_owner)
{
    static const struct stream_ops closing = {on_read, on_end_close_other, on_drained, on_closed};
    struct world w;
    int fds[3][2], error;

    open_pair(&w);
    for (int i = 0; i < 3; i++) {
        turns_pair(fds[i]);
        struct stream *s = stream_open(w.t.loop, fds[i][0], &closing, &w, &error);
        CHECK(s != NULL);
        stream_read_start(s);
        if (i == 1)
            w.victim = s;
        if (i == 2)
            stream_finish(s);
    }
    stream_end_all(w.t.loop);
    /* The first, and the one that closed another; the closed and the finishing ones were not theirs
     * any more. */
    CHECK_INT(w.n_ends, 2);
    CHECK_INT(w.end_error, UV_ECANCELED);
    TURNS_UNTIL(&w.t, w.n_closed == 4);
    for (int i = 0; i < 3; i++)
        close(fds[i][1]);
    w.n_closed = 1;
    shut(&w);
}

/* An owner for whom each read is much work, or none. */
struct busy {
    struct turns t;
    struct stream *s;
    uint64_t work_ns;
    size_t n_in, largest;
};

static void on_busy_read(struct stream *s, char *bytes, size_t n)
{
    struct busy *b = s->owner;
    uint64_t until = uv_hrtime() + b->work_ns;

    (void)bytes;
    b->n_in += n;
    b->largest = n > b->largest ? n : b->largest;
    while (uv_hrtime() < until)
        ;
}

static void on_busy_closed(struct stream *s)
{
    ((struct busy *)s->owner)->s = NULL;
}

/* How large the reads are in the end, and that all of it comes. */
static size_t settle(struct busy *b, int fd, uint64_t work_ns)
{
    static char zeros[64 * 1024];
    size_t n_sent = 0;

    b->work_ns = work_ns;
    b->n_in = 0;
    for (int i = 0; i < 200; i++) {
        ssize_t r = send(fd, zeros, sizeof(zeros), MSG_DONTWAIT);
        n_sent += r > 0 ? (size_t)r : 0;
        b->largest = 0;
        turns_run(&b->t);
    }
    size_t largest = b->largest;
    TURNS_UNTIL(&b->t, b->n_in == n_sent);
    return largest;
}

CASE(what_is_much_work_is_read_in_small_helpings)
{
    static const struct stream_ops busy_ops = {.on_read = on_busy_read,
                                               .on_closed = on_busy_closed};
    struct busy b;
    int fds[2], error = 0;

    memset(&b, 0, sizeof(b));
    turns_pair(fds);
    turns_init(&b.t, 1);
    b.s = stream_open(b.t.loop, fds[0], &busy_ops, &b, &error);
    CHECK(b.s != NULL);
    stream_read_start(b.s);
    CHECK(settle(&b, fds[1], 300 * 1000) <= 4096);
    CHECK(settle(&b, fds[1], 0) > 4096);
    stream_close(b.s);
    TURNS_UNTIL(&b.t, !b.s);
    turns_deinit(&b.t);
    close(fds[1]);
}

/* Many who all have more to be read than one turn has time for. */
enum { CROWD = 48 };

struct crowd {
    struct turns t;
    struct busy of[CROWD];
    size_t n_sent[CROWD];
    int fds[CROWD]; /* the other ends */
};

static void crowd_open(struct crowd *c)
{
    static const struct stream_ops busy_ops = {.on_read = on_busy_read,
                                               .on_closed = on_busy_closed};
    static char zeros[64 * 1024];
    int fds[2], error = 0;

    memset(c, 0, sizeof(*c));
    turns_init(&c->t, 1);
    for (int i = 0; i < CROWD; i++) {
        struct busy *b = &c->of[i];
        turns_pair(fds);
        c->fds[i] = fds[1];
        c->n_sent[i] = (size_t)send(fds[1], zeros, sizeof(zeros), MSG_DONTWAIT);
        b->work_ns = 300 * 1000;
        b->s = stream_open(c->t.loop, fds[0], &busy_ops, b, &error);
        CHECK(b->s != NULL);
        b->s->read_bytes = 2048;
        stream_read_start(b->s);
    }
}

static void crowd_close(struct crowd *c)
{
    for (int i = 0; i < CROWD; i++) {
        TURNS_UNTIL(&c->t, c->of[i].n_in == c->n_sent[i]);
        stream_close(c->of[i].s);
        TURNS_UNTIL(&c->t, !c->of[i].s);
        close(c->fds[i]);
    }
    turns_deinit(&c->t);
}

CASE(those_that_wait_to_be_read_take_turns)
{
    struct crowd c;
    size_t least = 0, most;

    crowd_open(&c);
    while (least < 10 * 2048) {
        turns_run(&c.t);
        least = SIZE_MAX;
        most = 0;
        for (int i = 0; i < CROWD; i++) {
            least = c.of[i].n_in < least ? c.of[i].n_in : least;
            most = c.of[i].n_in > most ? c.of[i].n_in : most;
        }
        CHECK(most <= least + 2 * 2048);
    }
    crowd_close(&c);
}

CASE(who_has_logged_in_is_read_before_strangers)
{
    struct crowd c;
    struct busy *known = &c.of[CROWD - 1];
    size_t n_before = 0;

    crowd_open(&c);
    known->s->is_known = true;
    TURNS_UNTIL(&c.t, known->n_in > 0);
    for (int i = 0; i < CROWD; i++)
        n_before += c.of[i].n_in > 0;
    CHECK(n_before < CROWD / 2);
    crowd_close(&c);
}

CASES(RUN(bytes_come_and_go), RUN(no_bytes_are_read_while_reading_is_stopped),
      RUN(finish_sends_all_and_then_ends), RUN(finish_with_nothing_queued_ends_at_once),
      RUN(close_drops_what_is_queued), RUN(an_end_is_told_once_and_sending_goes_on),
      RUN(a_peer_that_stops_sending_while_we_finish_gets_all),
      RUN(a_failed_write_after_the_end_closes), RUN(a_peer_that_leaves_while_we_send_is_an_end),
      RUN(stalled_time_counts_from_the_last_progress), RUN(a_reset_is_seen_as_one),
      RUN(a_bad_descriptor_opens_no_stream), RUN(end_all_tells_every_owner),
      RUN(what_is_much_work_is_read_in_small_helpings), RUN(those_that_wait_to_be_read_take_turns),
      RUN(who_has_logged_in_is_read_before_strangers))
