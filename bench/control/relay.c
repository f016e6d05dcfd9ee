/* hyphad-relay: the control. A bare WebSocket relay on one epoll loop and one thread, about as
 * little as a process can do between two clients: it joins the two connections that name the same
 * pair (any path, "?pair=N&side=a|b"), unmasks what one sends and writes it to the other. It
 * looks at frame headers and at nothing else: no login, no routing, no rewriting.
 *
 * One read of up to 64 KiB becomes one write: a client's header is four bytes longer than the
 * server's for the same frame, so frames are unmasked towards the front of the read buffer and
 * leave as one run. A frame may be relayed in pieces. What the kernel does not take is kept at
 * the receiver, and the sender is not read until it is gone.
 *
 * Limits: an upgrade must arrive in one read; protocol pings are dropped; a close frame ends both
 * connections. */
#include <errno.h>
#include <fcntl.h>
#include <mbedtls/base64.h>
#include <mbedtls/sha1.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, MAX_PAIRS = 65536, MAX_EVENTS = 512, MAX_HEAD = 14 };

struct end {
    int fd;
    bool is_open;     /* upgraded */
    bool is_dropping; /* inside a control frame */
    uint8_t n_head;   /* bytes of an incomplete frame header, below */
    uint8_t phase;    /* where in the mask the next payload byte stands */
    uint8_t mask[4];
    uint8_t head[MAX_HEAD];
    uint64_t owed; /* payload bytes still to come of the current frame */
    struct end *peer;
    uint8_t *kept; /* what this end's socket did not take */
    size_t n_kept;
};

struct relay {
    int epoll;
    int listener;
    struct end **waiting; /* by pair number: the first of two, until the second comes */
    /* closed in this turn: later events of the turn may name them. Linked by peer */
    struct end *dead;
    uint8_t *buffer;
};

static void end_close(struct relay *r, struct end *e)
{
    if (e->fd < 0) {
        return;
    }
    (void)close(e->fd);
    e->fd = -1;
    free(e->kept);
    e->kept = NULL;
    for (unsigned i = 0; i < MAX_PAIRS && !e->peer; i++) {
        if (r->waiting[i] == e) {
            r->waiting[i] = NULL;
        }
    }
    struct end *peer = e->peer;
    e->peer = r->dead;
    r->dead = e;
    if (peer) {
        end_close(r, peer);
    }
}

/* An end is read only while its peer has nothing kept, and asked for room only while it has
 * something kept itself. */
static void end_watch(struct relay *r, struct end *e)
{
    uint32_t events = e->peer && e->peer->n_kept ? 0 : EPOLLIN;
    struct epoll_event ev = {.events = events | (e->n_kept ? EPOLLOUT : 0U), .data.ptr = e};
    (void)epoll_ctl(r->epoll, EPOLL_CTL_MOD, e->fd, &ev);
}

/* Writes to `to`; what is left over is kept and `from` is not read until it has left. */
static void end_write(struct relay *r, struct end *to, struct end *from, const uint8_t *data,
                      size_t n)
{
    ssize_t done = write(to->fd, data, n);
    if (done < 0 && errno != EAGAIN) {
        end_close(r, to);
        return;
    }
    size_t written = done < 0 ? 0 : (size_t)done;
    if (written == n) {
        return;
    }
    to->kept = malloc(n - written);
    if (!to->kept) {
        abort();
    }
    memcpy(to->kept, data + written, n - written);
    to->n_kept = n - written;
    end_watch(r, to);
    end_watch(r, from);
}

static void on_writable(struct relay *r, struct end *e)
{
    ssize_t done = write(e->fd, e->kept, e->n_kept);
    if (done < 0) {
        if (errno != EAGAIN) {
            end_close(r, e);
        }
        return;
    }
    e->n_kept -= (size_t)done;
    memmove(e->kept, e->kept + done, e->n_kept);
    if (e->n_kept) {
        return;
    }
    free(e->kept);
    e->kept = NULL;
    end_watch(r, e);
    end_watch(r, e->peer);
}

static size_t head_length(const uint8_t *head, size_t n)
{
    if (n < 2) {
        return 2;
    }
    size_t len = head[1] & 0x7fU;
    return len == 126 ? 8 : len == 127 ? 14 : 6;
}

static size_t head_translate(struct end *e, uint8_t *out)
{
    size_t n = head_length(e->head, MAX_HEAD);
    e->owed = n == 6 ? e->head[1] & 0x7fU : 0;
    for (size_t i = 2; n > 6 && i < n - 4; i++) {
        e->owed = e->owed << 8 | e->head[i];
    }
    memcpy(e->mask, e->head + n - 4, 4);
    e->phase = 0;
    e->n_head = 0;
    e->is_dropping = (e->head[0] & 0x08U) != 0;
    if (e->is_dropping) {
        return 0;
    }
    memcpy(out, e->head, n - 4);
    out[1] &= 0x7fU;
    return n - 4;
}

/* out <= in, so the copy runs forward; eight bytes at a time. */
static void unmask(uint8_t *out, const uint8_t *in, size_t n, struct end *e)
{
    uint8_t turned[8];
    uint64_t wide;
    for (unsigned i = 0; i < 8; i++) {
        turned[i] = e->mask[(e->phase + i) & 3U];
    }
    memcpy(&wide, turned, 8);
    size_t at = 0;
    for (; at + 8 <= n; at += 8) {
        uint64_t word;
        memcpy(&word, in + at, 8);
        word ^= wide;
        memcpy(out + at, &word, 8);
    }
    for (; at < n; at++) {
        out[at] = in[at] ^ turned[at & 7U];
    }
    e->phase = (uint8_t)((e->phase + n) & 3U);
}

/* Turns n bytes of client frames into server frames in place. Returns their length, or -1 at a
 * close frame. */
static ssize_t translate(struct end *e, uint8_t *data, size_t n)
{
    size_t at = 0;
    size_t to = 0;
    while (at < n) {
        if (!e->owed) {
            size_t need;
            while (e->n_head < (need = head_length(e->head, e->n_head)) && at < n) {
                e->head[e->n_head++] = data[at++];
            }
            if (e->n_head < need) {
                break;
            }
            if ((e->head[0] & 0x0fU) == 8) {
                return -1;
            }
            to += head_translate(e, data + to);
        }
        size_t take = e->owed < n - at ? (size_t)e->owed : n - at;
        if (!e->is_dropping) {
            unmask(data + to, data + at, take, e);
            to += take;
        }
        at += take;
        e->owed -= take;
    }
    return (ssize_t)to;
}

static bool accept_key(const char *head, char *out, size_t n_out)
{
    static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const char *at = strcasestr(head, "\r\nsec-websocket-key:");
    if (!at) {
        return false;
    }
    at += 20;
    at += strspn(at, " ");
    char text[128];
    uint8_t sum[20];
    size_t n;
    int n_text = snprintf(text, sizeof(text), "%.*s%s", (int)strcspn(at, " \r"), at, GUID);
    return n_text < (int)sizeof(text) &&
           mbedtls_sha1_ret((const uint8_t *)text, (size_t)n_text, sum) == 0 &&
           mbedtls_base64_encode((uint8_t *)out, n_out, &n, sum, sizeof(sum)) == 0;
}

static void on_upgrade(struct relay *r, struct end *e, uint8_t *data, size_t n)
{
    char key[64];
    char answer[256];
    data[n] = '\0';
    const char *head = (const char *)data;
    const char *query = strstr(head, "pair=");
    unsigned long pair = query ? strtoul(query + 5, NULL, 10) : MAX_PAIRS;
    if (n < 4 || memcmp(data + n - 4, "\r\n\r\n", 4) != 0 || pair >= MAX_PAIRS ||
        !accept_key(head, key, sizeof(key))) {
        end_close(r, e);
        return;
    }
    struct end *other = r->waiting[pair];
    r->waiting[pair] = other ? NULL : e;
    e->peer = other;
    if (other) {
        other->peer = e;
    }
    e->is_open = true;
    int len =
        snprintf(answer, sizeof(answer),
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\n\r\n",
                 key);
    if (write(e->fd, answer, (size_t)len) != len) {
        end_close(r, e);
    }
}

static void on_readable(struct relay *r, struct end *e)
{
    ssize_t n = read(e->fd, r->buffer, READ_BYTES);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) {
            end_close(r, e);
        }
        return;
    }
    if (!e->is_open) {
        on_upgrade(r, e, r->buffer, (size_t)n);
        return;
    }
    ssize_t len = translate(e, r->buffer, (size_t)n);
    if (len < 0 || !e->peer) {
        end_close(r, e);
    } else if (len > 0) {
        end_write(r, e->peer, e, r->buffer, (size_t)len);
    }
}

static void on_connection(struct relay *r)
{
    int fd = accept4(r->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct end *e = calloc(1, sizeof(*e));
    if (!e) {
        abort();
    }
    e->fd = fd;
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = e};
    if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
        (void)close(fd);
        free(e);
    }
}

static void turn(struct relay *r)
{
    struct epoll_event events[MAX_EVENTS];
    int n = epoll_wait(r->epoll, events, MAX_EVENTS, -1);
    for (int i = 0; i < n; i++) {
        struct end *e = events[i].data.ptr;
        if (!e) {
            on_connection(r);
            continue;
        }
        if (e->fd >= 0 && e->n_kept && events[i].events & EPOLLOUT) {
            on_writable(r, e);
        }
        if (e->fd >= 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
            on_readable(r, e);
        }
    }
    while (r->dead) {
        struct end *e = r->dead;
        r->dead = e->peer;
        free(e);
    }
}

static int listen_on(unsigned short port, unsigned short *ret_port)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&addr, &len) < 0) {
        perror("hyphad-relay");
        exit(1);
    }
    *ret_port = ntohs(addr.sin_port);
    return fd;
}

int main(int argc, char **argv)
{
    unsigned short port = 0;
    if (argc == 3 && strcmp(argv[1], "--port") == 0) {
        port = (unsigned short)strtoul(argv[2], NULL, 10);
    } else if (argc != 1) {
        fprintf(stderr, "usage: hyphad-relay [--port N]\n");
        return 2;
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    struct relay r = {.epoll = epoll_create1(EPOLL_CLOEXEC),
                      .waiting = calloc(MAX_PAIRS, sizeof(struct end *)),
                      .buffer = malloc(READ_BYTES + 1)};
    r.listener = listen_on(port, &port);
    struct epoll_event ev = {.events = EPOLLIN};
    if (!r.waiting || !r.buffer || r.epoll < 0 ||
        epoll_ctl(r.epoll, EPOLL_CTL_ADD, r.listener, &ev) < 0) {
        perror("hyphad-relay");
        return 1;
    }
    printf("listening on http://127.0.0.1:%u\n", port);
    (void)fflush(stdout);
    for (;;) {
        turn(&r);
    }
}
