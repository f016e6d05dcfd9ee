#include "http_fixture.h"

static void on_short(struct http_request *req, void *arg)
{
    (void)arg;
    http_respond_text(req, 200, "short");
}

static const struct http_route routes[] = {
    {HTTP_M_GET | HTTP_M_POST, "/hello/{name}", on_short, NULL, 0, 0},
};

CASE(slow_heads_and_silent_connections_are_closed)
{
    static struct fixture f = {.site.caps = {.head_bytes = 8192,
                                             .n_headers = 32,
                                             .body_bytes = 1000,
                                             .head_timeout_ms = 100,
                                             .keepalive_timeout_ms = 100,
                                             .stall_timeout_ms = 100}};
    fixture_start(&f, routes, ARRAY_LEN(routes));
    char *got = fixture_talk(&f, "GET /hello/x HTTP/1.1\r\nho");
    HAS(got, "HTTP/1.1 408 ");
    free(got);
    got = fixture_talk(&f, "");
    CHECK_TEXT(got, "");
    free(got);
    got = fixture_talk(&f, "GET /hello/x HTTP/1.1\r\nhost: h\r\n\r\n");
    HAS(got, "short");
    free(got);
    got = fixture_talk(&f, "POST /hello/x HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nabc");
    HAS(got, "HTTP/1.1 408 ");
    free(got);
    fixture_stop(&f);
}

static void on_big(struct http_request *req, void *arg)
{
    static const char block[100000];

    (void)arg;
    http_stream_begin(req, 200, "application/octet-stream", (struct slice){NULL, 0});
    for (int i = 0; i < 50; i++)
        http_stream_write(req, slice_make(block, sizeof(block)));
    http_stream_end(req);
}

CASE(a_client_that_closed_its_side_still_gets_the_answer)
{
    static const struct http_route big[] = {{HTTP_M_GET, "/big", on_big, NULL, 0, 0}};
    static struct fixture f;

    fixture_start(&f, big, 1);
    int fd = fixture_connect(&f);
    fixture_send(fd, "GET /big HTTP/1.1\r\nhost: h\r\n\r\n");
    shutdown(fd, SHUT_WR);
    size_t total = 0;
    static char block[65536];
    for (ssize_t n; (n = recv(fd, block, sizeof(block), 0)) > 0;)
        total += (size_t)n;
    CHECK(total > 50 * 100000);
    close(fd);
    fixture_stop(&f);
}

/* Who takes a few bytes now and then is no reader, and who sends so is no sender. req: S-63 */
CASE(who_sips_is_cut)
{
    static const struct http_route big[] = {{HTTP_M_GET, "/big", on_big, NULL, 0, 0}};
    static struct fixture f = {.site.caps = {.head_bytes = 8192,
                                             .n_headers = 32,
                                             .body_bytes = 1000,
                                             .head_timeout_ms = 5000,
                                             .keepalive_timeout_ms = 5000,
                                             .min_rate = 1000000,
                                             .rate_window_ms = 200}};
    char sip[100];
    size_t total = 0;

    fixture_start(&f, big, 1);
    int fd = fixture_connect(&f);
    fixture_send(fd, "GET /big HTTP/1.1\r\nhost: h\r\n\r\n");
    for (ssize_t n; (n = recv(fd, sip, sizeof(sip), 0)) > 0; total += (size_t)n) {
        struct pollfd hung_up = {fd, 0, 0};
        if (poll(&hung_up, 1, 20) == 1 && (hung_up.revents & (POLLHUP | POLLERR)))
            break;
    }
    CHECK(total < 50 * 100000 / 2);
    close(fd);
    fixture_stop(&f);
}

static void on_counted(struct http_request *req, void *arg)
{
    static const char block[100000];

    atomic_fetch_add((atomic_int *)arg, 1);
    http_respond(req, 200, "application/octet-stream", slice_make(block, sizeof(block)),
                 (struct slice){NULL, 0});
}

static void pass_a_turn(void *arg)
{
    (void)arg;
}

/* Answers nobody reads do not pile up: the requests wait instead. */
CASE(a_client_that_only_asks_is_made_to_wait)
{
    static atomic_int n_asked;
    static const struct http_route big[] = {{HTTP_M_GET, "/big", on_counted, &n_asked, 0, 0}};
    static struct fixture f;
    enum { N = 200 };

    fixture_start(&f, big, 1);
    int fd = fixture_connect(&f);
    for (int i = 0; i < N; i++)
        fixture_send(fd, "GET /big HTTP/1.1\r\nhost: h\r\n\r\n");
    CHECK_UNTIL(atomic_load(&n_asked) >= 3);
    for (int i = 0; i < 100; i++)
        fixture_call(&f, pass_a_turn, NULL); /* a hundred turns of the loop */
    CHECK(atomic_load(&n_asked) < N / 2);
    static char block[65536];
    for (size_t total = 0; total < (size_t)N * 100000;) {
        ssize_t n = recv(fd, block, sizeof(block), 0);
        CHECK(n > 0);
        total += (size_t)n;
    }
    CHECK_INT(atomic_load(&n_asked), N);
    close(fd);
    fixture_stop(&f);
}

CASES(RUN(slow_heads_and_silent_connections_are_closed),
      RUN(a_client_that_closed_its_side_still_gets_the_answer), RUN(who_sips_is_cut),
      RUN(a_client_that_only_asks_is_made_to_wait))
