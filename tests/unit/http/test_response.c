#include "http/response.h"

#include "base/account.h"
#include "base/blob.h"
#include "base/random.h"
#include "config/config.h"
#include "http_fixture.h"
#include "http/gzip.h"
#include "http/location.h"

static void on_json(struct http_request *req, void *arg)
{
    struct buf text;
    size_t n = *(const size_t *)arg;

    buf_init(&text, 0);
    for (size_t i = 0; i < n; i++)
        buf_add_byte(&text, '1');
    http_respond(req, 200, "application/json", buf_slice(&text), (struct slice){NULL, 0});
    buf_deinit(&text);
}

static void on_echo(struct http_request *req, void *arg)
{
    struct buf text;

    (void)arg;
    buf_init(&text, 0);
    buf_add_fmt(&text, "%zu:", req->body.len);
    buf_add_slice(&text, slice_to(req->body, 10));
    http_respond(req, 200, "text/plain", buf_slice(&text), (struct slice){NULL, 0});
    buf_deinit(&text);
}

static void on_empty(struct http_request *req, void *arg)
{
    (void)arg;
    http_respond(req, 204, NULL, SLICE_LIT("not sent"), (struct slice){NULL, 0});
}

static void on_error(struct http_request *req, void *arg)
{
    (void)arg;
    http_respond_error(req, 404, HTTP_F1, SLICE_LIT("no \"such\" \xc3\xa4\r\n"));
}

static void on_inject(struct http_request *req, void *arg)
{
    (void)arg;
    struct location to;

    location_here(&to, req);
    location_add_path(&to, SLICE_LIT("/x\r\nset-cookie: a=b"));
    http_respond_redirect(req, 307, &to);
}

static void on_half(struct http_request *req, void *arg)
{
    (void)arg;
    http_stream_begin(req, 200, "text/plain", (struct slice){NULL, 0});
    http_stream_write(req, SLICE_LIT("half"));
    http_stream_abort(req);
}

static void on_short(struct http_request *req, void *arg)
{
    (void)arg;
    http_stream_begin_sized(req, &(struct http_head){.status = 200,
                                                     .content_type = "text/plain",
                                                     .extra = SLICE_LIT(""),
                                                     .n_bytes = 10});
    http_stream_write(req, SLICE_LIT("half"));
    http_stream_end(req);
}

static void on_three(struct http_request *req, void *arg)
{
    struct blob *blob = blob_try_new(10, account_shared(req->loop->own));

    (void)arg;
    CHECK(blob != NULL);
    memcpy(blob->data, "and a tail", 10);
    http_stream_begin(req, 200, "text/plain", SLICE_LIT(""));
    http_stream_push(
        req, &(struct http_piece){.parts = {SLICE_LIT("one "), SLICE_LIT(""), SLICE_LIT("two ")},
                                  .tail = slice_make(blob->data, blob->len),
                                  .blob = blob});
    http_stream_push(req, &(struct http_piece){.parts = {SLICE_LIT("x"), SLICE_LIT("yz")}});
    blob_unref(blob);
    http_stream_end(req);
}

static void on_drop(struct http_request *req, void *arg)
{
    (void)arg;
    http_request_drop(req);
}

static const size_t below = 999, enough = 1000;
static const struct http_route routes[] = {
    {HTTP_M_GET, "/999", on_json, (void *)&below, 0, 0},
    {HTTP_M_GET, "/1000", on_json, (void *)&enough, 0, 0},
    {HTTP_M_GET, "/raw", on_json, (void *)&enough, HTTP_ROUTE_RAW, 0},
    {HTTP_M_POST, "/echo", on_echo, NULL, 0, 0},
    {HTTP_M_POST, "/echo-as-sent", on_echo, NULL, HTTP_ROUTE_AS_SENT, 0},
    {HTTP_M_GET, "/empty", on_empty, NULL, 0, 0},
    {HTTP_M_GET, "/error", on_error, NULL, 0, 0},
    {HTTP_M_GET, "/inject", on_inject, NULL, 0, 0},
    {HTTP_M_GET, "/half", on_half, NULL, 0, 0},
    {HTTP_M_GET, "/drop", on_drop, NULL, 0, 0},
    {HTTP_M_GET, "/short", on_short, NULL, 0, 0},
    {HTTP_M_GET, "/three", on_three, NULL, 0, 0},
};

#define START()                                                                                    \
    static struct fixture f;                                                                       \
    fixture_start(&f, routes, ARRAY_LEN(routes))
#define GET(path, headers)                                                                         \
    "GET " path " HTTP/1.1\r\nhost: h\r\nconnection: close\r\n" headers "\r\n"

static void check_answer(struct fixture *f, const char *request, const char *has,
                         const char *has_not)
{
    char *got = fixture_talk(f, request);

    HAS(got, has);
    if (has_not && strstr(got, has_not))
        check_fail(__FILE__, __LINE__, "\"%s\" is in:\n%s", has_not, got);
    free(got);
}

CASE(compression_has_conditions)
{
    START();
    check_answer(&f, GET("/1000", "accept-encoding: gzip\r\n"),
                 "content-encoding: gzip\r\nvary: Accept-Encoding\r\n", "content-length: 1000\r\n");
    check_answer(
        &f, GET("/1000", ""),
        "content-length: 1000\r\ncontent-type: application/json\r\nvary: Accept-Encoding\r\n",
        "content-encoding");
    check_answer(&f, GET("/999", "accept-encoding: gzip\r\n"), "content-length: 999\r\n", "vary");
    check_answer(&f, GET("/raw", "accept-encoding: gzip\r\n"), "content-length: 1000\r\n", "vary");
    check_answer(&f, GET("/1000", "accept-encoding: gzip;q=0\r\n"), "content-length: 1000\r\n",
                 "content-encoding");
    fixture_stop(&f);
}

static void check_upload(struct fixture *f, const char *path, struct slice body, const char *has)
{
    struct buf text;
    int fd = fixture_connect(f);

    buf_init(&text, 0);
    buf_add_fmt(&text,
                "POST %s HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-encoding: "
                "gzip\r\ncontent-length: %zu\r\n\r\n",
                path, body.len);
    buf_add_slice(&text, body);
    CHECK_INT(send(fd, text.ptr, text.len, MSG_NOSIGNAL), (ssize_t)text.len);
    char *got = fixture_read(fd, NULL);
    HAS(got, has);
    free(got);
    close(fd);
    buf_deinit(&text);
}

CASE(bodies_are_inflated_under_the_cap)
{
    START();
    char *plain = mem_new(100001);
    struct buf packed;

    buf_init(&packed, 0);
    memset(plain, 'p', 100001);
    CHECK(http_gzip(slice_make(plain, 100000), &packed));
    check_upload(&f, "/echo", buf_slice(&packed), "100000:pppppppppp");
    check_upload(&f, "/echo-as-sent", buf_slice(&packed), "\r\n\r\n");
    check_upload(&f, "/echo", slice_to(buf_slice(&packed), packed.len - 1), "HTTP/1.1 400 ");
    buf_clear(&packed);
    CHECK(http_gzip(slice_make(plain, 100001), &packed));
    check_upload(&f, "/echo", buf_slice(&packed), "HTTP/1.1 413 ");
    buf_clear(&packed);
    /* Larger than what is inflated in place. */
    for (int i = 0; i < 20000; i++)
        plain[i] = (char)('a' + i * 7919 % 26);
    random_bytes(plain + 100, 30000);
    CHECK(http_gzip(slice_make(plain, 60000), &packed));
    CHECK(packed.len > 20000);
    plain[10] = '\0';
    check_upload(&f, "/echo", buf_slice(&packed), "60000:");
    check_upload(&f, "/echo", slice_to(buf_slice(&packed), packed.len - 1), "HTTP/1.1 400 ");
    buf_deinit(&packed);
    mem_free(plain);
    fixture_stop(&f);
}

CASE(the_client_may_go_while_a_worker_inflates)
{
    START();
    char *plain = mem_new(60000);
    struct buf packed, text;

    buf_init(&packed, 0);
    buf_init(&text, 0);
    random_bytes(plain, 60000);
    CHECK(http_gzip(slice_make(plain, 60000), &packed));
    buf_add_fmt(
        &text,
        "POST /echo HTTP/1.1\r\nhost: h\r\ncontent-encoding: gzip\r\ncontent-length: %zu\r\n\r\n",
        packed.len);
    buf_add_slice(&text, buf_slice(&packed));
    for (int i = 0; i < 50; i++) {
        int fd = fixture_connect(&f);
        CHECK_INT(send(fd, text.ptr, text.len, MSG_NOSIGNAL), (ssize_t)text.len);
        close(fd);
    }
    buf_deinit(&packed);
    buf_deinit(&text);
    mem_free(plain);
    fixture_stop(&f);
}

CASE(errors_redirects_and_empty_answers)
{
    START();
    check_answer(&f, GET("/error", ""),
                 "{\"success\":false,\"detail\":\"no \\\"such\\\" \xc3\xa4\\r\\n\"}", NULL);
    check_answer(&f, GET("/empty", ""), "HTTP/1.1 204 No Content\r\n", "not sent");
    check_answer(&f, GET("/empty", ""), "\r\n\r\n", "content-length");
    check_answer(&f, GET("/inject", ""), "location: /x%0D%0Aset-cookie%3A%20a%3Db\r\n",
                 "\nset-cookie");
    fixture_stop(&f);
}

CASE(a_broken_stream_is_cut)
{
    START();
    char *got = fixture_talk(&f, GET("/half", ""));
    CHECK(!strstr(got, "0\r\n\r\n"));
    free(got);
    got = fixture_talk(&f, GET("/drop", ""));
    CHECK_TEXT(got, "");
    free(got);
    fixture_stop(&f);
}

struct told {
    atomic_int n_told, n_silent;
    atomic_uint last_status, last_sending;
};

static void on_done(struct http_request *req, void *arg)
{
    struct told *told = arg;

    atomic_store(&told->last_status, req->status);
    atomic_store(&told->last_sending, req->sending);
    atomic_fetch_add(&told->n_silent, req->status == 0);
    atomic_fetch_add(&told->n_told, 1);
}

CASE(pieces_are_put_together_once)
{
    START();
    char *got = fixture_talk(&f, GET("/three", ""));
    HAS(got, "transfer-encoding: chunked\r\n");
    HAS(got, "\r\n\r\n12\r\none two and a tail\r\n3\r\nxyz\r\n0\r\n\r\n");
    free(got);
    got = fixture_talk(&f, "GET /three HTTP/1.0\r\nhost: h\r\n\r\n");
    HAS(got, "\r\n\r\none two and a tailxyz");
    free(got);
    fixture_stop(&f);
}

/* Of the nth request: it is told of a moment after its client has seen the end. */
static unsigned sending_of(struct told *told, int n)
{
    CHECK_UNTIL(atomic_load(&told->n_told) >= n);
    return atomic_load(&told->last_sending);
}

/* As after a read that failed, or of a file that was cut meanwhile. */
CASE(an_answer_shorter_than_it_was_told_is_broken_off)
{
    static struct told told;
    static struct fixture f = {.site.on_done = on_done, .site.arg = &told};
    fixture_start(&f, routes, ARRAY_LEN(routes));
    int fd = fixture_connect(&f);
    /* kept alive, it would wait for the rest */
    fixture_send(fd, "GET /short HTTP/1.1\r\nhost: h\r\n\r\n");
    char *got = fixture_read(fd, NULL);
    CHECK(!strstr(got, "half") || !strstr(got, "halfhalf"));
    free(got);
    close(fd);
    CHECK_INT(sending_of(&told, 1), HTTP_SEND_BROKEN);
    fd = fixture_connect(&f);
    fixture_send(fd, "HEAD /short HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    got = fixture_read(fd, NULL);
    HAS(got, "content-length: 10\r\n");
    free(got);
    close(fd);
    CHECK_INT(sending_of(&told, 2), HTTP_SEND_FINAL);
    free(fixture_talk(&f, GET("/half", "")));
    CHECK_INT(sending_of(&told, 3), HTTP_SEND_BROKEN);
    free(fixture_talk(&f, GET("/999", "")));
    CHECK_INT(sending_of(&told, 4), HTTP_SEND_FINAL);
    free(fixture_talk(&f, GET("/drop", "")));
    CHECK_INT(sending_of(&told, 5), HTTP_SEND_NOTHING);
    fixture_stop(&f);
}

CASE(cors_echoes_allowed_origins)
{
    START();
    check_answer(&f, GET("/999", "origin: https://a.example\r\n"),
                 "access-control-allow-origin: https://a.example\r\nvary: Origin\r\n", NULL);
    check_answer(&f, GET("/1000", "origin: null\r\n"),
                 "access-control-allow-origin: null\r\nvary: Accept-Encoding, Origin\r\n", NULL);
    check_answer(&f, GET("/nowhere", "origin: null\r\n"),
                 "access-control-expose-headers: Inference-Header", NULL);
    check_answer(&f, GET("/raw", "origin: null\r\n"), "200 OK", "access-control");
    fixture_stop(&f);
    static struct fixture g;
    struct config_list origins = {(char *[]){(char *)"https://b.example"}, 1};
    g.site.allow_origins = &origins;
    fixture_start(&g, routes, ARRAY_LEN(routes));
    check_answer(&g, GET("/999", "origin: https://a.example\r\n"),
                 "access-control-allow-credentials: true", "allow-origin");
    check_answer(&g, GET("/999", "origin: https://b.example\r\n"),
                 "access-control-allow-origin: https://b.example", NULL);
    fixture_stop(&g);
}

#define PREFLIGHT(method, headers)                                                                 \
    "OPTIONS /echo HTTP/1.1\r\nhost: h\r\nconnection: close\r\norigin: "                           \
    "o\r\naccess-control-request-method: " method "\r\n" headers "\r\n"

CASE(preflights_are_answered_before_routing)
{
    START();
    check_answer(
        &f, PREFLIGHT("POST", "access-control-request-headers: content-type, x-local-auth\r\n"),
        "HTTP/1.1 200 OK", NULL);
    check_answer(&f, PREFLIGHT("POST", ""),
                 "access-control-allow-headers: Accept, Accept-Encoding, Accept-Language, ", NULL);
    check_answer(&f, PREFLIGHT("POST", ""), "access-control-max-age: 600\r\n", "expose");
    check_answer(&f, PREFLIGHT("FOO", ""), "\r\n\r\nDisallowed CORS method", NULL);
    check_answer(&f, PREFLIGHT("FOO", "access-control-request-headers: x-foo\r\n"),
                 "Disallowed CORS method, headers", NULL);
    check_answer(&f, "OPTIONS /echo HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n",
                 "HTTP/1.1 405 ", NULL);
    fixture_stop(&f);
}

static bool never(struct http_request *req, unsigned *ret_retry_after_s, void *arg)
{
    (void)req;
    (void)arg;
    *ret_retry_after_s = 3;
    return false;
}

static void answer_free(struct http_request *req, void *arg)
{
    (void)arg;
    http_respond(req, 200, "text/plain", SLICE_LIT("free"), (struct slice){NULL, 0});
}

CASE(a_refused_rate_gets_429)
{
    static struct fixture f = {.site.allow = never};
    fixture_start(&f, routes, ARRAY_LEN(routes));
    check_answer(&f, GET("/999", "origin: o\r\n"), "retry-after: 3\r\n", "access-control");
    check_answer(&f, GET("/999", ""),
                 "\r\n\r\n{\"detail\":\"Rate limit exceeded. Please slow down.\"}", NULL);
    fixture_stop(&f);
}

CASE(a_route_has_a_limit_of_its_own)
{
    static const struct http_route limited[] = {
        {HTTP_M_GET, "/free", answer_free},
        {HTTP_M_GET, "/limited", answer_free, .allow = never},
        {HTTP_M_GET, "/probed", answer_free, .flags = HTTP_ROUTE_UNLIMITED, .allow = never},
    };
    static struct fixture f;
    fixture_start(&f, limited, ARRAY_LEN(limited));
    check_answer(&f, GET("/free", ""), "200 OK", "retry-after");
    check_answer(&f, GET("/limited", ""), "retry-after: 3\r\n", "200 OK");
    check_answer(&f, GET("/probed", ""), "200 OK", "retry-after");
    fixture_stop(&f);
}

CASE(every_request_is_told_of_once)
{
    static struct told told;
    static struct fixture f = {.site.on_done = on_done, .site.arg = &told};
    fixture_start(&f, routes, ARRAY_LEN(routes));
    free(fixture_talk(&f, GET("/999", "")));
    CHECK_INT(atomic_load(&told.last_status), 200);
    free(fixture_talk(&f, GET("/nowhere", "")));
    CHECK_INT(atomic_load(&told.last_status), 404);
    free(fixture_talk(&f, "garbage\r\n\r\n"));
    CHECK_INT(atomic_load(&told.last_status), 400);
    free(fixture_talk(&f, GET("/drop", "")));
    CHECK_INT(atomic_load(&told.n_told), 4);
    CHECK_INT(atomic_load(&told.n_silent), 1);
    fixture_stop(&f);
    CHECK_INT(atomic_load(&told.n_told), 4);
}

static size_t used_of(struct account *account)
{
    return account_used(account) + account_kept(account);
}

/* The connection is freed a moment after its client has seen its end. */
static void check_returned(struct account *account)
{
    CHECK_UNTIL(!used_of(account));
}

/* Inflating goes in steps of 64 KiB, so that a small body needs two of them for a moment. */
CASE(bodies_are_paid_for)
{
    struct account *account = account_new(NULL, ACCOUNT_HTTP, 160000);
    static struct fixture f;

    f.site.account = account;
    f.site.caps = (struct http_caps){.head_bytes = 8192,
                                     .n_headers = 32,
                                     .body_bytes = 1000000,
                                     .head_timeout_ms = 5000,
                                     .keepalive_timeout_ms = 5000,
                                     .stall_timeout_ms = 5000};
    fixture_start(&f, routes, ARRAY_LEN(routes));
    char *plain = mem_new(300000);
    struct buf text;
    buf_init(&text, 0);
    memset(plain, 'p', 300000);
    buf_add_fmt(
        &text,
        "POST /echo HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 170000\r\n\r\n");
    buf_add(&text, plain, 170000);
    char *bytes = buf_take(&text);
    check_answer(&f, bytes, "HTTP/1.1 503 ", NULL);
    check_answer(&f, bytes, "There is no room for the request (--http-bytes, ", NULL);
    mem_free(bytes);
    check_returned(account);
    struct buf packed;
    buf_init(&packed, 0);
    CHECK(http_gzip(slice_make(plain, 4000), &packed));
    check_upload(&f, "/echo", buf_slice(&packed), "4000:");
    check_returned(account);
    buf_clear(&packed);
    CHECK(http_gzip(slice_make(plain, 300000), &packed));
    check_upload(&f, "/echo", buf_slice(&packed), "HTTP/1.1 503 ");
    check_returned(account);
    buf_deinit(&packed);
    mem_free(plain);
    fixture_stop(&f);
    account_unref(account);
}

CASES(RUN(every_request_is_told_of_once), RUN(bodies_are_paid_for), RUN(compression_has_conditions),
      RUN(bodies_are_inflated_under_the_cap), RUN(the_client_may_go_while_a_worker_inflates),
      RUN(errors_redirects_and_empty_answers), RUN(a_broken_stream_is_cut),
      RUN(cors_echoes_allowed_origins), RUN(preflights_are_answered_before_routing),
      RUN(a_refused_rate_gets_429), RUN(a_route_has_a_limit_of_its_own),
      RUN(pieces_are_put_together_once), RUN(an_answer_shorter_than_it_was_told_is_broken_off))
