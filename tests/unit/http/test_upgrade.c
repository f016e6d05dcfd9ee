#include <ctype.h>

#include "http_fixture.h"
#include "net/stream.h"

static struct held held;

static void on_shout_read(struct stream *s, char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)toupper(bytes[i]);
    CHECK(stream_send_bytes(s, slice_make(bytes, n), s->loop->own));
}

static void on_shout_end(struct stream *s, int error)
{
    (void)error;
    stream_close(s);
}

static void on_shout_closed(struct stream *s)
{
    (void)s;
}

static const struct stream_ops shout_ops = {
    .on_read = on_shout_read, .on_end = on_shout_end, .on_closed = on_shout_closed};

static void take(struct http_request *req)
{
    struct slice leftover;
    struct stream *s = http_upgrade_take(req, &leftover);

    CHECK(s != NULL);
    stream_adopt(s, &shout_ops, NULL);
    CHECK(
        stream_send_bytes(s, SLICE_LIT("HTTP/1.1 101 Switching Protocols\r\n\r\n"), s->loop->own));
    if (leftover.len)
        on_shout_read(s, (char *)leftover.ptr, leftover.len);
}

static void on_upgrade(struct http_request *req, void *arg)
{
    (void)arg;
    CHECK(req->is_upgrade);
    take(req);
}

static void take_held(void *arg)
{
    struct held *h = arg;

    take(http_request_resume(h->ticket));
}

static void on_refuse(struct http_request *req, void *arg)
{
    (void)arg;
    http_respond_text(req, 403, "no");
}

static void on_drop(struct http_request *req, void *arg)
{
    struct slice leftover;

    (void)arg;
    stream_close(http_upgrade_take(req, &leftover));
}

static void on_plain(struct http_request *req, void *arg)
{
    (void)arg;
    CHECK(!req->is_upgrade);
    http_respond(req, 200, "text/plain", http_request_param(req, "name"), (struct slice){NULL, 0});
}

static const struct http_route routes[] = {
    {HTTP_M_GET, "/ws", on_upgrade, NULL, HTTP_ROUTE_UPGRADE, 0},
    {HTTP_M_GET, "/ws-refused", on_refuse, NULL, HTTP_ROUTE_UPGRADE, 0},
    {HTTP_M_GET, "/ws-later", on_hold, &held, HTTP_ROUTE_UPGRADE, 0},
    {HTTP_M_GET, "/ws-dropped", on_drop, NULL, HTTP_ROUTE_UPGRADE, 0},
    {HTTP_M_GET, "/hello/{name}", on_plain, NULL, 0, 0},
};

#define START()                                                                                    \
    static struct fixture f;                                                                       \
    fixture_start(&f, routes, ARRAY_LEN(routes))

#define UPGRADE(path)                                                                              \
    "GET " path                                                                                    \
    " HTTP/1.1\r\nhost: h\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\r\n"

CASE(an_upgrade_takes_the_stream_and_what_follows)
{
    START();
    int fd = fixture_connect(&f);
    fixture_send(fd, UPGRADE("/ws") "left over");
    char *got = fixture_read(fd, "LEFT OVER");
    HAS(got, "101 Switching");
    free(got);
    fixture_send(fd, "more");
    free(fixture_read(fd, "MORE"));
    close(fd);
    fixture_stop(&f);
}

CASE(an_upgrade_may_be_taken_later)
{
    START();
    int fd = fixture_connect(&f);
    fixture_send(fd, UPGRADE("/ws-later") "left over");
    wait_held(&held);
    fixture_call(&f, take_held, &held);
    free(fixture_read(fd, "LEFT OVER"));
    fixture_send(fd, "more");
    free(fixture_read(fd, "MORE"));
    close(fd);
    fixture_stop(&f);
}

CASE(an_upgrade_may_be_refused_or_ignored)
{
    START();
    char *got = fixture_talk(&f, UPGRADE("/ws-refused") "\x81\x82");
    HAS(got, "HTTP/1.1 403 Forbidden");
    HAS(got, "connection: close");
    free(got);
    int fd = fixture_connect(&f);
    fixture_send(fd, UPGRADE("/hello/plain") "GET /hello/2 HTTP/1.1\r\nhost: h\r\nconnection: "
                                             "upgrade\r\nupgrade: h2c\r\n\r\n");
    got = fixture_read(fd, "\r\n\r\n2");
    HAS(got, "\r\n\r\nplain");
    free(got);
    close(fd);
    fixture_stop(&f);
}

CASE(a_taken_stream_may_be_closed_at_once)
{
    START();
    char *got = fixture_talk(&f, UPGRADE("/ws-dropped") "rest");
    CHECK_TEXT(got, "");
    free(got);
    fixture_stop(&f);
}

CASES(RUN(an_upgrade_takes_the_stream_and_what_follows), RUN(an_upgrade_may_be_taken_later),
      RUN(an_upgrade_may_be_refused_or_ignored), RUN(a_taken_stream_may_be_closed_at_once))
