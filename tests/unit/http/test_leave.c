/* A client may go at any byte: every script is sent up to every offset and the connection is
 * then closed or reset, while handlers answer at once, later, in pieces, or take the stream.
 * Nothing may be left. */
#include <stdio.h>

#include "http_fixture.h"
#include "net/stream.h"

/* Ends the request a few ticks later; the client may have gone at any of them. */
struct later {
    struct timer timer;
    struct http_ticket ticket;
    unsigned n_steps;
};

static atomic_int n_begun, n_ended;

static void on_due(struct timer *t)
{
    struct later *w = CONTAINER_OF(t, struct later, timer);
    struct http_request *req = http_request_resume(w->ticket);

    if (!req || w->n_steps == 3) {
        if (req)
            http_stream_end(req);
        CHECK(!http_request_resume(w->ticket));
        atomic_fetch_add(&n_ended, 1);
        mem_free(w);
        return;
    }
    if (w->n_steps == 0)
        http_stream_begin(req, 200, "text/plain", (struct slice){NULL, 0});
    http_stream_write(req, SLICE_LIT("piece"));
    w->n_steps++;
    timer_start(w->ticket.http->loop, t, 1);
}

static void on_later(struct http_request *req, void *arg)
{
    struct later *w = MEM_NEW(struct later);

    (void)arg;
    atomic_fetch_add(&n_begun, 1);
    w->ticket = http_request_park(req, &(struct http_watch){0});
    timer_init(&w->timer, on_due);
    timer_start(req->loop, &w->timer, 1);
}

static void on_gone(void *owner)
{
    struct later *w = owner;

    CHECK(!http_request_resume(w->ticket));
    timer_stop(w->ticket.http->loop, &w->timer);
    mem_free(w);
    atomic_fetch_add(&n_ended, 1);
}

static void on_never(struct http_request *req, void *arg)
{
    struct later *w = MEM_NEW(struct later);

    (void)arg;
    atomic_fetch_add(&n_begun, 1);
    timer_init(&w->timer, on_due);
    w->ticket = http_request_park(req, &(struct http_watch){.owner = w, .on_gone = on_gone});
}

static void on_echo(struct http_request *req, void *arg)
{
    (void)arg;
    http_respond(req, 200, "text/plain", req->body, (struct slice){NULL, 0});
}

static void on_taken_read(struct stream *s, char *bytes, size_t n)
{
    (void)bytes;
    (void)n;
    stream_close(s);
}

static void on_taken_end(struct stream *s, int error)
{
    (void)error;
    stream_close(s);
}

static void on_taken_closed(struct stream *s)
{
    (void)s;
}

static const struct stream_ops taken_ops = {
    .on_read = on_taken_read, .on_end = on_taken_end, .on_closed = on_taken_closed};

static void on_take(struct http_request *req, void *arg)
{
    struct slice leftover;

    (void)arg;
    struct stream *s = http_upgrade_take(req, &leftover);
    CHECK(s != NULL);
    stream_adopt(s, &taken_ops, NULL);
    if (leftover.len)
        stream_close(s);
}

static const struct http_route routes[] = {
    {HTTP_M_GET, "/ws", on_take, NULL, HTTP_ROUTE_UPGRADE, 0},
    {HTTP_M_GET, "/later", on_later, NULL, 0, 0},
    {HTTP_M_GET, "/never", on_never, NULL, 0, 0},
    {HTTP_M_POST, "/echo", on_echo, NULL, 0, 20},
};

static const char *const scripts[] = {
    "POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\nbodyGET /later HTTP/1.1\r\nhost: "
    "h\r\n\r\n"
    "POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\nbody",
    "POST /echo HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
    "GET /never HTTP/1.1\r\nhost: h\r\n\r\nGET /never HTTP/1.1\r\nhost: h\r\n\r\n",
    "GET /ws HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nrest",
    "POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: "
    "40\r\n\r\nbodybodybodybodybodybodybodybodybodybody",
    "POST /echo HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: "
    "4\r\n\r\nbodyGARBAGE \x01\r\n\r\n",
};

static void count_conns(void *arg)
{
    struct fixture *f = ((void **)arg)[0];

    *(size_t *)((void **)arg)[1] = f->hl.n_conns;
}

CASE(a_client_may_go_at_any_byte)
{
    static struct fixture f;
    size_t n_conns = 1;

    fixture_start(&f, routes, ARRAY_LEN(routes));
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        for (size_t cut = 0; cut <= strlen(scripts[i]); cut++) {
            int fd = fixture_connect(&f);
            CHECK_INT(send(fd, scripts[i], cut, MSG_NOSIGNAL), (ssize_t)cut);
            /* With unread bytes a close is a reset; half a turn of the loop, or none, may have
             * passed. */
            if (cut % 3 == 0)
                shutdown(fd, SHUT_WR);
            if (cut % 5 == 0)
                fixture_call(&f, count_conns, (void *[]){&f, &n_conns});
            close(fd);
        }
    }
    while (n_conns || atomic_load(&n_begun) != atomic_load(&n_ended))
        fixture_call(&f, count_conns, (void *[]){&f, &n_conns});
    CHECK(atomic_load(&n_begun) > 0);
    fixture_stop(&f);
}

CASE(the_server_may_go_at_any_byte)
{
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        static struct fixture f;
        int fds[1024];
        size_t n = strlen(scripts[i]);

        fixture_start(&f, routes, ARRAY_LEN(routes));
        for (size_t cut = 0; cut <= n; cut++) {
            fds[cut] = fixture_connect(&f);
            CHECK_INT(send(fds[cut], scripts[i], cut, MSG_NOSIGNAL), (ssize_t)cut);
        }
        fixture_call(&f, fixture_close_all, &f.hl);
        for (size_t cut = 0; cut <= n; cut++)
            close(fds[cut]);
        CHECK_UNTIL(atomic_load(&n_begun) == atomic_load(&n_ended));
        fixture_stop(&f);
    }
}

CASES(RUN(a_client_may_go_at_any_byte), RUN(the_server_may_go_at_any_byte))
