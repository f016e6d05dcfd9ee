/* Sockets are dealt out to the loops that hold the fewest connections. */
#include <errno.h>
#include <netinet/in.h>

#include "net/listener.h"
#include "net/shares.h"
#include "net/stream.h"
#include "unit/net/turns.h"

enum { N_LOOPS = 3, N_CLIENTS = 30 };

struct world {
    struct turns t;
    struct metrics metrics;
    struct shares *shares;
    struct listener *l;
    uint16_t port;
    unsigned n_on[N_LOOPS], n_closed;
    int clients[N_CLIENTS], n_clients;
};

static void on_closed(struct stream *s)
{
    ((struct world *)s->owner)->n_closed++;
}

static void on_socket(struct loop *loop, int fd, struct seat *seat, void *arg)
{
    static const struct stream_ops ops = {.on_closed = on_closed};
    struct world *w = arg;
    int error;

    w->n_on[loop->index]++;
    struct stream *s = stream_open(loop, fd, &ops, w, &error);
    CHECK(s != NULL);
    stream_take_seat(s, seat);
}

static void listen_on(struct world *w, const char *host, size_t max)
{
    int error;

    memset(w, 0, sizeof(*w));
    turns_init(&w->t, N_LOOPS);
    w->shares = shares_new(&(struct shares_options){.loops = &w->t.set,
                                                    .n_loops = N_LOOPS,
                                                    .n_places = max,
                                                    .share_percent = 100,
                                                    .metrics = &w->metrics});
    struct listener_options o = {.loops = &w->t.set,
                                 .shares = w->shares,
                                 .metrics = &w->metrics,
                                 .backlog = 64,
                                 .on_socket = on_socket,
                                 .arg = w};
    CHECK_INT(listener_open(&o, host, 0, &w->l, &w->port, &error), LISTENER_OK);
    CHECK_INT(error, 0);
    CHECK(w->port != 0);
}

static void dial(struct world *w)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(w->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK_INT(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    w->clients[w->n_clients++] = fd;
}

static void shut(struct world *w)
{
    unsigned opened = 0;

    for (unsigned i = 0; i < N_LOOPS; i++) {
        opened += w->n_on[i];
        for (struct list *at = w->t.set.loops[i].streams.next; at != &w->t.set.loops[i].streams;
             at = at->next)
            stream_close(LIST_ENTRY(at, struct stream, link));
    }
    TURNS_UNTIL(&w->t, w->n_closed == opened);
    for (int i = 0; i < w->n_clients; i++)
        close(w->clients[i]);
    CHECK(listener_close(w->l) == NULL);
    CHECK(shares_free(w->shares) == NULL);
    turns_deinit(&w->t);
}

CASE(a_storm_is_dealt_evenly)
{
    struct world w;

    listen_on(&w, "127.0.0.1", 1000);
    for (int i = 0; i < N_CLIENTS; i++)
        dial(&w);
    /* all of them before any loop has run: only going round spreads them */
    listener_accept(w.l);
    TURNS_UNTIL(&w.t, w.n_on[0] + w.n_on[1] + w.n_on[2] == N_CLIENTS);
    for (unsigned i = 0; i < N_LOOPS; i++)
        CHECK_INT(w.n_on[i], N_CLIENTS / N_LOOPS);
    shut(&w);
}

CASE(the_emptiest_loop_is_next)
{
    struct world w;

    listen_on(&w, "127.0.0.1", 1000);
    loop_count(&w.t.set.loops[0], METRIC_CONNS_OPEN, 5);
    loop_count(&w.t.set.loops[2], METRIC_CONNS_OPEN, 5);
    for (int i = 0; i < 4; i++) {
        dial(&w);
        listener_accept(w.l);
        turns_run(&w.t);
    }
    CHECK_INT(w.n_on[1], 4);
    shut(&w);
}

static void hears(int fd, const char *text)
{
    char got[512] = "";
    size_t len = 0;

    for (ssize_t n; (n = recv(fd, got + len, sizeof(got) - 1 - len, 0)) > 0;)
        len += (size_t)n;
    if (!strstr(got, text))
        check_fail(__FILE__, __LINE__, "\"%s\" is not in:\n%s", text, got);
    const char *body = strstr(got, "\r\n\r\n");
    CHECK(body != NULL);
    char length[40];
    snprintf(length, sizeof(length), "content-length: %zu\r\n", strlen(body) - 4);
    CHECK(strstr(got, length) != NULL);
}

CASE(over_the_limit_is_answered_before_anything_is_spent)
{
    struct world w;
    char got;

    listen_on(&w, "127.0.0.1", 2);
    for (int i = 0; i < 4; i++) {
        dial(&w);
        listener_accept(w.l);
        turns_run(&w.t);
    }
    CHECK_INT(w.n_on[0] + w.n_on[1] + w.n_on[2], 2);
    hears(w.clients[2], "HTTP/1.1 503 ");
    hears(w.clients[3], "retry-after: 5\r\n");
    CHECK(recv(w.clients[0], &got, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    CHECK_INT(w.metrics.values[METRIC_CONNS_ACCEPTED], 2);
    CHECK_INT(w.metrics.values[METRIC_CONNS_REFUSED], 2);
    shut(&w);
}

CASE(a_taken_port_is_busy)
{
    struct world w;
    struct listener *other = NULL;
    uint16_t port;
    int error;

    listen_on(&w, "127.0.0.1", 10);
    CHECK_INT(listener_open(&(struct listener_options){.loops = &w.t.set, .backlog = 1},
                            "127.0.0.1", w.port, &other, &port, &error),
              LISTENER_BUSY);
    CHECK_INT(error, EADDRINUSE);
    CHECK(other == NULL);
    shut(&w);
}

CASE(a_host_that_is_no_address_is_named)
{
    struct turns t;
    struct listener *l = NULL;
    uint16_t port;
    int error;

    turns_init(&t, 1);
    CHECK_INT(listener_open(&(struct listener_options){.loops = &t.set, .backlog = 1},
                            "not an address", 0, &l, &port, &error),
              LISTENER_BAD_ADDRESS);
    CHECK(listener_close(l) == NULL);
    turns_deinit(&t);
}

CASES(RUN(a_storm_is_dealt_evenly), RUN(the_emptiest_loop_is_next),
      RUN(over_the_limit_is_answered_before_anything_is_spent), RUN(a_taken_port_is_busy),
      RUN(a_host_that_is_no_address_is_named))
