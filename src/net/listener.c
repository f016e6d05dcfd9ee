/* listener: plain sockets, since the accept thread runs no libuv loop: it waits in poll(2) for these and for signals. */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

struct listener {
    struct listener_options options;
    int fd;
    int spare_fd;           /* given up for a moment when the process has no descriptor left, to refuse politely */
    unsigned next_loop;
};

struct socket_mail {
    struct mail mail;
    struct listener *listener;
    void (*on_socket)(struct loop *loop, int fd, void *arg);
    void *arg;
    int fd;
};

static void run_socket(struct loop *loop, struct mail *mail)
{
    struct socket_mail *m = CONTAINER_OF(mail, struct socket_mail, mail);

    m->on_socket(loop, m->fd, m->arg);
    mem_free(m);
}

/* The loop with the fewest connections; ties go round, so that a storm that outruns the counters still spreads. */
static struct loop *choose_loop(struct listener *l, int64_t *ret_total)
{
    struct loop_set *set = l->options.loops;
    struct loop *best = NULL;
    int64_t fewest = INT64_MAX, total = 0;

    for (unsigned i = 0; i < set->n_loops; i++) {
        struct loop *at = &set->loops[(l->next_loop + i) % set->n_loops];
        int64_t n = metric_get(&at->metrics, METRIC_CONNS_OPEN);
        total += n;
        if (n < fewest) {
            fewest = n;
            best = at;
        }
    }
    l->next_loop++;
    *ret_total = total;
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
    return ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port : ((struct sockaddr_in *)&addr)->sin_port);
}

int listener_open(const struct listener_options *options, const char *host, uint16_t port, struct listener **ret,
                  uint16_t *ret_port, int *ret_errno)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found = NULL;
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
    l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    *ret = l;
    *ret_port = bound_port(fd);
    return LISTENER_OK;
}

int listener_fd(const struct listener *l)
{
    return l->fd;
}

/* Out of descriptors: without this the connection would stay in the queue and the accept thread would spin. */
static void refuse_with_spare(struct listener *l)
{
    close(l->spare_fd);
    int fd = accept(l->fd, NULL, NULL);
    if (fd >= 0)
        close(fd);
    l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    metric_add(l->options.metrics, METRIC_CONNS_REFUSED, 1);
    LOG(LOG_WARN, "net", "no descriptors left", log_int("listener", l->fd));
}

void listener_accept(struct listener *l)
{
    for (;;) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
            refuse_with_spare(l);
            continue;
        }
        if (fd < 0)
            return;     /* nothing waits, or the peer left while waiting: poll tells */
        int64_t total;
        struct loop *loop = choose_loop(l, &total);
        if ((uint64_t)total >= l->options.max_connections) {
            close(fd);
            metric_add(l->options.metrics, METRIC_CONNS_REFUSED, 1);
            LOG(LOG_WARN, "net", "too many connections", log_int("max", (int64_t)l->options.max_connections));
            continue;
        }
        struct socket_mail *m = MEM_NEW(struct socket_mail);
        *m = (struct socket_mail){{NULL, run_socket}, l, l->options.on_socket, l->options.arg, fd};
        loop_post_outside(loop, &m->mail);
        metric_add(l->options.metrics, METRIC_CONNS_ACCEPTED, 1);
    }
}

struct listener *listener_close(struct listener *l)
{
    if (!l)
        return NULL;
    close(l->fd);
    close(l->spare_fd);
    mem_free(l);
    return NULL;
}
