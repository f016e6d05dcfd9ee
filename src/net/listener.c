/* listener: plain sockets, since the accept thread runs no libuv loop: it waits in poll(2) for
 * these and for signals. */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_event.h"
#include "base/memory.h"
#include "config/config.h"
#include "net/shares.h"
#include "wire/ip.h"

enum {
    ACCEPT_BUDGET = 512, /* sockets of one call, so that signals are heard between */
    /* without descriptors: until a socket that was asked to leave has left */
    PAUSE_MS = 20,
    /* until the loops have closed some of those that were asked to leave */
    WAIT_MS = 2,
};

struct listener {
    struct listener_options options;
    int fd;
    /* given up for a moment when the process has no descriptor left, to refuse politely; -1: not
     * got back */
    int spare_fd;
    unsigned next_loop;
    uint64_t paused_until_ms; /* 0 = not paused: what comes waits in the kernel's queue */
};

struct socket_mail {
    struct mail mail;
    void (*on_socket)(struct loop *loop, int fd, struct seat *seat, void *arg);
    void *arg;
    struct seat *seat;
    int fd;
};

static void run_socket(struct loop *loop, struct mail *mail)
{
    struct socket_mail *m = CONTAINER_OF(mail, struct socket_mail, mail);

    m->on_socket(loop, m->fd, m->seat, m->arg);
    mem_free(m);
}

/* The loop with the fewest connections; ties go round, so that a storm that outruns the counters
 * still spreads. */
static struct loop *choose_loop(struct listener *l)
{
    struct loop_set *set = l->options.loops;
    struct loop *best = NULL;
    int64_t fewest = INT64_MAX;

    for (unsigned i = 0; i < set->n_loops; i++) {
        struct loop *at = &set->loops[(l->next_loop + i) % set->n_loops];
        int64_t n = metric_get(&at->metrics, METRIC_CONNS_OPEN);
        if (n < fewest) {
            fewest = n;
            best = at;
        }
    }
    l->next_loop++;
    return best;
}

static int open_socket(const struct addrinfo *ai, int backlog)
{
    int on = 1;
    int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, ai->ai_protocol);

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, backlog) != 0) {
        int r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);

    if (getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
        return 0;
    return ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                            : ((struct sockaddr_in *)&addr)->sin_port);
}

static void open_spare(struct listener *l)
{
    if (l->spare_fd < 0)
        l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int listener_open(const struct listener_options *options, const char *host, uint16_t port,
                  struct listener **ret, uint16_t *ret_port, int *ret_errno)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
                    *found = NULL;
    char service[8];
    int fd = -EADDRNOTAVAIL;

    *ret_errno = 0;
    snprintf(service, sizeof(service), "%u", port);
    if (getaddrinfo(host && *host ? host : NULL, service, &hints, &found) != 0)
        return LISTENER_BAD_ADDRESS;
    for (struct addrinfo *ai = found; ai && fd < 0; ai = ai->ai_next)
        fd = open_socket(ai, options->backlog);
    freeaddrinfo(found);
    if (fd < 0) {
        *ret_errno = -fd;
        return LISTENER_BUSY;
    }
    struct listener *l = MEM_NEW(struct listener);
    l->options = *options;
    l->fd = fd;
    l->spare_fd = -1;
    open_spare(l);
    *ret = l;
    *ret_port = bound_port(fd);
    return LISTENER_OK;
}

int listener_fd(struct listener *l)
{
    if (l->paused_until_ms && clock_mono_ms() >= l->paused_until_ms)
        l->paused_until_ms = 0;
    return l->paused_until_ms ? -1 : l->fd;
}

int listener_wait_ms(const struct listener *l)
{
    uint64_t now = clock_mono_ms();

    if (!l->paused_until_ms)
        return -1;
    return l->paused_until_ms > now ? (int)(l->paused_until_ms - now) : 0;
}

/* The answer to whoever gets no seat, given by the accept thread: it fits into any socket's buffer.
 * What has been read before the close cannot take the answer away again by a reset. */
static void listener_refuse(struct listener *l, int fd, int why)
{
    static const struct {
        const char *status, *detail;
    } answers[] = {
        [SHARES_FULL] = {"503 Service Unavailable", "All connections of the server are taken"},
        [SHARES_OVER] = {"429 Too Many Requests",
                         "Your address has its share of the server's connections"}};
    char text[512], unread[4096];
    const char *detail = answers[why].detail;
    int n = snprintf(
        text, sizeof(text),
        "HTTP/1.1 %s\r\nserver: hyphad\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n"
        "retry-after: 5\r\nconnection: close\r\n\r\n{\"detail\":\"%s\"}",
        answers[why].status, strlen(detail) + 13, detail);

    (void)!send(fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    (void)!recv(fd, unread, sizeof(unread), MSG_DONTWAIT);
    close(fd);
    metric_add(l->options.metrics, METRIC_CONNS_REFUSED, 1);
}

/* No descriptor, or no memory of the kernel's for a socket. The connection stays in the queue, so
 * poll would tell of it at once and for ever: nothing is accepted for a moment. Silent sockets are
 * asked to leave meanwhile; when there are none, whoever is first in the queue is refused with the
 * descriptor that was kept for this. */
static void accept_failed(struct listener *l, int error)
{
    metric_add(l->options.metrics, METRIC_CONNS_NO_DESCRIPTOR, 1);
    LOG_EVENT(EVENT_NO_DESCRIPTORS, log_text("reason", strerror(error)));
    if (!shares_make_room(l->options.shares) && l->spare_fd >= 0) {
        close(l->spare_fd);
        l->spare_fd = -1;
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            listener_refuse(l, fd, SHARES_FULL);
    }
    open_spare(l);
    l->paused_until_ms = clock_mono_ms() + PAUSE_MS;
}

static void listener_accepted(struct listener *l, int fd, const struct sockaddr_storage *from)
{
    struct in6_addr address = ip_of_socket(from);
    bool is_proxy = l->options.is_proxy && l->options.is_proxy(&address, l->options.arg);
    struct loop *loop = choose_loop(l);
    struct seat *seat;
    int r = shares_arrive(l->options.shares, &address, is_proxy, loop->index, &seat);

    if (r != SHARES_OK) {
        char text[IP_TEXT_MAX];
        listener_refuse(l, fd, r);
        ip_print(&address, text);
        LOG_EVENT(EVENT_CONNECTION_REFUSED, log_text("address", text),
                  log_text("rule", r == SHARES_OVER ? config_names.address_share
                                                    : config_names.max_connections));
        return;
    }
    struct socket_mail *m = MEM_NEW(struct socket_mail);
    *m = (struct socket_mail){{NULL, run_socket}, l->options.on_socket, l->options.arg, seat, fd};
    loop_post_outside(loop, &m->mail);
    metric_add(l->options.metrics, METRIC_CONNS_ACCEPTED, 1);
}

void listener_accept(struct listener *l)
{
    open_spare(l);
    for (int n = 0; n < ACCEPT_BUDGET; n++) {
        if (shares_must_wait(l->options.shares)) {
            l->paused_until_ms = clock_mono_ms() + WAIT_MS;
            return;
        }
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof(from);
        int fd = accept4(l->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            listener_accepted(l, fd, &from);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            accept_failed(l, errno);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        }
        /* Anything else is the end of one that left while it waited. */
    }
}

struct listener *listener_close(struct listener *l)
{
    if (!l)
        return NULL;
    close(l->fd);
    if (l->spare_fd >= 0)
        close(l->spare_fd);
    mem_free(l);
    return NULL;
}
