#include "http/http_conn.h"

#include "http_fixture.h"

static void on_hello(struct http_request *req, void *arg)
{
    struct buf text;

    (void)arg;
    buf_init(&text, 0);
    buf_add_fmt(
        &text, "m=%d path=" SLICE_FMT " query=" SLICE_FMT " name=" SLICE_FMT " body=", req->method,
        SLICE_ARG(req->path), SLICE_ARG(req->query), SLICE_ARG(http_request_param(req, "name")));
    buf_add_slice(&text, req->body);
    http_respond(req, 200, "text/plain", buf_slice(&text), (struct slice){NULL, 0});
    buf_deinit(&text);
}

static struct held held;

static void on_stream(struct http_request *req, void *arg)
{
    (void)arg;
    http_stream_begin(req, 200, "text/plain", (struct slice){NULL, 0});
    CHECK(http_stream_write(req, SLICE_LIT("one ")) > 0 || req->method == HTTP_M_HEAD);
    http_stream_write(req, SLICE_LIT("two"));
    http_stream_end(req);
}

static const struct http_route routes[] = {
    {HTTP_M_GET, "/ws", on_hello, NULL, HTTP_ROUTE_UPGRADE, 0},
    {HTTP_M_GET, "/hold", on_hold, &held, 0, 0},
    {HTTP_M_GET, "/stream", on_stream, NULL, 0, 0},
    {HTTP_M_POST, "/small", on_hello, NULL, 0, 10},
    {HTTP_M_GET | HTTP_M_POST, "/hello/{name}", on_hello, NULL, 0, 0},
    {HTTP_M_GET, "/only-get", on_hello, NULL, 0, 0},
};

#define START()                                                                                    \
    static struct fixture f;                                                                       \
    fixture_start(&f, routes, ARRAY_LEN(routes))

CASE(get_post_and_head)
{
    START();
    char *got =
        fixture_talk(&f, "GET /hello/a%20b?x=1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    HAS(got, "HTTP/1.1 200 OK\r\ndate: ");
    HAS(got, "\r\nserver: hyphad\r\n");
    HAS(got, "connection: close\r\n");
    HAS(got, "\r\n\r\nm=1 path=/hello/a b query=x=1 name=a b body=");
    free(got);
    got = fixture_talk(
        &f,
        "POST /hello/z HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
    HAS(got, "name=z body=hello");
    free(got);
    got = fixture_talk(&f, "HEAD /hello/z HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    HAS(got, "content-length: 37\r\n");
    CHECK(strcmp(got + strlen(got) - 4, "\r\n\r\n") == 0);
    free(got);
    fixture_stop(&f);
}

CASE(chunked_body_is_joined)
{
    START();
    char *got = fixture_talk(&f, "POST /hello/z HTTP/1.1\r\nhost: h\r\ntransfer-encoding: "
                                 "chunked\r\nconnection: close\r\n\r\n"
                                 "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: t\r\n\r\n");
    HAS(got, "body=abcdefg");
    free(got);
    fixture_stop(&f);
}

CASE(pipelined_requests_are_answered_in_order)
{
    START();
    char *got = fixture_talk(&f, "GET /hello/1 HTTP/1.1\r\nhost: h\r\n\r\n"
                                 "POST /hello/2 HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nxy"
                                 "GET /nothing HTTP/1.1\r\nhost: h\r\n\r\n"
                                 "GET /hello/3 HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"
                                 "GET /hello/4 HTTP/1.1\r\nhost: h\r\n\r\n");
    char *one = strstr(got, "name=1"), *two = strstr(got, "name=2 body=xy"),
         *three = strstr(got, "name=3");
    CHECK(one && two && three && one < two && two < three);
    HAS(got, "{\"detail\":\"Not Found\"}");
    CHECK(!strstr(got, "name=4"));
    free(got);
    fixture_stop(&f);
}

CASE(a_pending_request_holds_back_the_next)
{
    START();
    int fd = fixture_connect(&f);
    fixture_send(fd, "GET /hold HTTP/1.1\r\nhost: h\r\n\r\nGET /hello/next HTTP/1.1\r\nhost: "
                     "h\r\nconnection: close\r\n\r\n");
    wait_held(&held);
    char byte;
    CHECK_INT(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    fixture_call(&f, release, &held);
    char *got = fixture_read(fd, NULL);
    CHECK(strstr(got, "released") < strstr(got, "name=next"));
    HAS(got, "released");
    HAS(got, "name=next");
    CHECK_INT(atomic_load(&held.n_gone), 0);
    free(got);
    close(fd);
    fixture_stop(&f);
}

/* More than is held back: reading stops, and goes on after the answer. */
CASE(a_long_pipeline_behind_a_pending_request)
{
    START();
    enum { N = 3000 };
    int fd = fixture_connect(&f);
    struct buf text;

    buf_init(&text, 0);
    buf_add_text(&text, "GET /hold HTTP/1.1\r\nhost: h\r\n\r\n");
    for (int i = 0; i < N; i++)
        buf_add_text(&text, "GET /hello/x HTTP/1.1\r\nhost: h\r\n\r\n");
    buf_add_text(&text, "GET /hello/end HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    char *bytes = buf_take(&text);
    fixture_send(fd, bytes);
    mem_free(bytes);
    wait_held(&held);
    fixture_call(&f, release, &held);
    char *got = fixture_read(fd, NULL);
    CHECK_INT(fixture_count(got, "name=x"), N);
    HAS(got, "name=end");
    free(got);
    close(fd);
    fixture_stop(&f);
}

CASE(the_handler_hears_that_the_client_has_gone)
{
    START();
    int fd = fixture_connect(&f);
    fixture_send(fd, "GET /hold HTTP/1.1\r\nhost: h\r\n\r\n");
    wait_held(&held);
    close(fd);
    CHECK_UNTIL(atomic_load(&held.n_gone));
    fixture_call(&f, release, &held);
    CHECK_INT(atomic_load(&held.n_gone), 1);
    fixture_stop(&f);
}

CASE(closing_all_tells_the_handler)
{
    START();
    int fd = fixture_connect(&f);
    fixture_send(fd, "GET /hold HTTP/1.1\r\nhost: h\r\n\r\n");
    wait_held(&held);
    fixture_call(&f, fixture_close_all, &f.hl);
    CHECK_INT(atomic_load(&held.n_gone), 1);
    fixture_call(&f, release, &held);
    close(fd);
    fixture_stop(&f);
}

static void close_idle(void *arg)
{
    http_loop_close_idle(arg);
}

CASE(closing_idle_lets_an_answer_out)
{
    START();
    int idle = fixture_connect(&f), busy = fixture_connect(&f);
    fixture_send(idle, "GET /hello/x HTTP/1.1\r\nhost: h\r\n\r\n");
    free(fixture_read(idle, "body="));
    fixture_send(busy, "GET /hold HTTP/1.1\r\nhost: h\r\n\r\n");
    wait_held(&held);
    fixture_call(&f, close_idle, &f.hl);
    char *got = fixture_read(idle, NULL);
    CHECK_TEXT(got, "");
    free(got);
    fixture_call(&f, release, &held);
    got = fixture_read(busy, NULL);
    HAS(got, "connection: close");
    HAS(got, "released");
    free(got);
    close(idle);
    close(busy);
    fixture_stop(&f);
}

CASE(malformed_requests_get_400_and_the_door)
{
    static const char *const bad[] = {
        "garbage\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n", /* no Host */
        "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
        "GET /\xc3\xa4 HTTP/1.1\r\nhost: h\r\n\r\n",
        "GET / HTTP/2.0\r\nhost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nhost : h\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: h\r\nbad name: x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: h\r\nx: a\x01\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ntransfer-encoding: "
        "chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\ncontent-length: "
        "1\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: gzip\r\n\r\n",
        "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: -1\r\n\r\n",
        "POST /hello/x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n",
    };

    START();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char *got = fixture_talk(&f, bad[i]);
        HAS(got, "HTTP/1.1 400 Bad Request\r\n");
        HAS(got, "content-type: text/plain; charset=utf-8\r\n");
        HAS(got, "connection: close\r\n");
        HAS(got, "\r\n\r\nInvalid HTTP request received.");
        free(got);
    }
    CHECK_INT(atomic_load(&f.set.loops[0].metrics.values[METRIC_HTTP_BAD_REQUESTS]),
              ARRAY_LEN(bad));
    fixture_stop(&f);
}

CASE(giant_heads_and_many_headers_get_431)
{
    START();
    struct buf text;

    buf_init(&text, 0);
    buf_add_text(&text, "GET /hello/x HTTP/1.1\r\nhost: h\r\nx: ");
    for (int i = 0; i < 9000; i++)
        buf_add_byte(&text, 'a');
    buf_add_text(&text, "\r\n\r\n");
    char *bytes = buf_take(&text), *got = fixture_talk(&f, bytes);
    HAS(got, "HTTP/1.1 431 ");
    free(got);
    mem_free(bytes);
    buf_add_text(&text, "GET /hello/x HTTP/1.1\r\nhost: h\r\n");
    for (int i = 0; i < 32; i++)
        buf_add_text(&text, "a: b\r\n");
    buf_add_text(&text, "\r\n");
    bytes = buf_take(&text);
    got = fixture_talk(&f, bytes);
    HAS(got, "HTTP/1.1 431 ");
    free(got);
    mem_free(bytes);
    fixture_stop(&f);
}

CASE(a_body_above_the_cap_gets_413)
{
    START();
    char *got = fixture_talk(&f, "POST /small HTTP/1.1\r\nhost: h\r\ncontent-length: "
                                 "11\r\nconnection: close\r\n\r\n12345678901");
    HAS(got, "HTTP/1.1 413 ");
    HAS(got, "{\"success\":false,\"detail\":");
    free(got);
    got = fixture_talk(&f, "POST /small HTTP/1.1\r\nhost: h\r\ntransfer-encoding: "
                           "chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n");
    HAS(got, "HTTP/1.1 413 ");
    free(got);
    /* With 100-continue the body is never asked for. */
    int fd = fixture_connect(&f);
    fixture_send(fd, "POST /hello/x HTTP/1.1\r\nhost: h\r\ncontent-length: 99999999\r\nexpect: "
                     "100-continue\r\n\r\n");
    got = fixture_read(fd, "too large");
    CHECK(!strstr(got, "100 Continue"));
    free(got);
    close(fd);
    fixture_stop(&f);
}

CASE(expect_continue_is_answered_before_the_body)
{
    START();
    int fd = fixture_connect(&f);
    fixture_send(fd, "POST /hello/x HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\nexpect: "
                     "100-continue\r\nconnection: close\r\n\r\n");
    free(fixture_read(fd, "HTTP/1.1 100 Continue\r\n\r\n"));
    fixture_send(fd, "abc");
    char *got = fixture_read(fd, NULL);
    HAS(got, "body=abc");
    free(got);
    close(fd);
    fixture_stop(&f);
}

CASE(wrong_methods_and_paths)
{
    START();
    char *got =
        fixture_talk(&f, "POST /only-get HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabc"
                         "PUT /hello/x HTTP/1.1\r\nhost: h\r\n\r\n"
                         "GET /ws HTTP/1.1\r\nhost: h\r\n\r\n"
                         "CONNECT h:1 HTTP/1.1\r\nhost: h\r\n\r\n"
                         "OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n"
                         "GET http://h/hello/abs HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    HAS(got, "allow: GET\r\n");
    HAS(got, "allow: GET, POST\r\n");
    HAS(got, "{\"detail\":\"Method Not Allowed\"}");
    CHECK_INT(fixture_count(got, "{\"detail\":\"Not Found\"}"), 3);
    HAS(got, "name=abs");
    free(got);
    fixture_stop(&f);
}

CASE(http_1_0_is_closed)
{
    START();
    char *got = fixture_talk(&f, "GET /hello/x HTTP/1.0\r\n\r\n");
    HAS(got, "connection: close\r\n");
    HAS(got, "name=x");
    free(got);
    got = fixture_talk(&f, "GET /stream HTTP/1.0\r\n\r\n");
    HAS(got, "\r\n\r\none two");
    CHECK(!strstr(got, "chunked"));
    free(got);
    fixture_stop(&f);
}

CASE(a_stream_is_chunked)
{
    START();
    char *got = fixture_talk(&f, "HEAD /stream HTTP/1.1\r\nhost: h\r\n\r\nGET /stream "
                                 "HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    HAS(got, "transfer-encoding: chunked\r\n");
    HAS(got, "\r\n\r\n4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n");
    CHECK_INT(fixture_count(got, "one "), 1);
    free(got);
    fixture_stop(&f);
}

CASE(a_base_path_is_cut_off)
{
    static struct fixture f = {.site.base_path = "/my/hub"};
    fixture_start(&f, routes, ARRAY_LEN(routes));
    char *got = fixture_talk(
        &f,
        "GET /my/hub/hello/x HTTP/1.1\r\nhost: h\r\n\r\nGET /hello/y HTTP/1.1\r\nhost: h\r\n\r\n"
        "GET /my/hubby HTTP/1.1\r\nhost: h\r\n\r\nGET /my/hub HTTP/1.1\r\nhost: h\r\nconnection: "
        "close\r\n\r\n");
    HAS(got, "path=/hello/x");
    CHECK_INT(fixture_count(got, "Not Found\"}"), 2);
    HAS(got, "HTTP/1.1 307 ");
    HAS(got, "location: /my/hub/\r\n");
    free(got);
    fixture_stop(&f);
}

CASES(RUN(get_post_and_head), RUN(chunked_body_is_joined),
      RUN(pipelined_requests_are_answered_in_order), RUN(a_pending_request_holds_back_the_next),
      RUN(a_long_pipeline_behind_a_pending_request),
      RUN(the_handler_hears_that_the_client_has_gone), RUN(closing_all_tells_the_handler),
      RUN(closing_idle_lets_an_answer_out), RUN(malformed_requests_get_400_and_the_door),
      RUN(giant_heads_and_many_headers_get_431), RUN(a_body_above_the_cap_gets_413),
      RUN(expect_continue_is_answered_before_the_body), RUN(wrong_methods_and_paths),
      RUN(http_1_0_is_closed), RUN(a_stream_is_chunked), RUN(a_base_path_is_cut_off))
