#include "http/request.h"

#include <arpa/inet.h>
#include <string.h>

#include "config/config.h"
#include "http_fixture.h"
#include "harness/payer.h"
#include "http/parse.h"

static struct http_request *request_of(const char *text)
{
    struct http_parser *p = http_parser_new((struct http_parse_caps){4096, 20}, payer());
    size_t used, more;

    CHECK_INT(http_parser_feed(p, text, strlen(text), &used), HTTP_PARSE_HEAD);
    CHECK_INT(http_parser_feed(p, text + used, strlen(text) - used, &more), HTTP_PARSE_DONE);
    struct http_request *req = http_parser_take(p);
    http_parser_free(p);
    return req;
}

static void check_token(const char *headers, const char *token)
{
    struct buf text;
    struct slice found = {NULL, 0};

    buf_init(&text, 0);
    buf_add_fmt(&text, "GET / HTTP/1.1\r\nhost: h\r\n%s\r\n", headers);
    char *bytes = buf_take(&text);
    struct http_request *req = request_of(bytes);
    CHECK_INT(http_request_token(req, &found), token != NULL);
    if (token && !slice_is(found, token))
        check_fail(__FILE__, __LINE__, "%s gives " SLICE_FMT, headers, SLICE_ARG(found));
    http_request_end(req);
    mem_free(bytes);
}

CASE(tokens_in_all_their_forms)
{
    check_token("", NULL);
    check_token("Authorization: Bearer abc\r\n", "abc");
    check_token("authorization: bEARER   abc \r\n", "abc");
    check_token("Authorization: abc\r\n", "abc");
    check_token("Authorization: Bearer\r\n", "Bearer");
    check_token("Authorization:\r\n", NULL);
    check_token("Authorization: Basic dXNlcjpzZWNyZXQ=\r\n", "secret");
    check_token("Authorization: Basic dXNlcjo=\r\n", NULL);
    check_token("Authorization: Basic %%%\r\n", NULL);
    check_token("Cookie: a=b; access_token=xyz==; c=d\r\n", "xyz==");
    check_token("Cookie: access_token=\r\n", NULL);
    check_token("Cookie: xaccess_token=1\r\n", NULL);
    check_token("Cookie: access_token=cookie\r\nAuthorization: Bearer header\r\n", "header");
    check_token("Authorization:\r\nCookie: access_token=cookie\r\n", "cookie");
}

static void check_cookies(const char *headers, const char *seen)
{
    SCRATCH_BUF(text, 0);
    SCRATCH_BUF(found, 0);
    struct slice name, value;

    buf_add_fmt(&text, "GET / HTTP/1.1\r\nhost: h\r\n%s\r\n", headers);
    char *bytes = buf_take(&text);
    struct http_request *req = request_of(bytes);
    struct http_cookies at = http_request_cookies(req);
    while (http_cookie_next(req, &at, &name, &value))
        buf_add_fmt(&found, "[" SLICE_FMT "=" SLICE_FMT "]", SLICE_ARG(name), SLICE_ARG(value));
    if (!slice_is(buf_slice(&found), seen))
        check_fail(__FILE__, __LINE__, "%s gives " SLICE_FMT, headers,
                   SLICE_ARG(buf_slice(&found)));
    http_request_end(req);
    mem_free(bytes);
}

CASE(cookies_are_read_when_they_count)
{
    check_cookies("", "");
    check_cookies("Cookie: a=1;b = 2 ; c; =3;;a=4=5\r\nX: x=y\r\ncookie: d=\r\n",
                  "[a=1][b=2][=3][a=4=5][d=]");
    check_cookies("Cookie: a=1\r\nOrigin: http://h\r\n", "[a=1]");
    check_cookies("Cookie: a=1\r\nOrigin: http://g\r\n", "");
    check_cookies("Cookie: a=1\r\nOrigin: null\r\n", "");
    check_cookies("Cookie: a=1\r\nOrigin: http://h\r\nSec-Fetch-Site: cross-site\r\n", "");
    check_cookies("Cookie: a=1\r\nSec-Fetch-Site: same-origin\r\n", "[a=1]");
}

struct seen {
    char client[HTTP_CLIENT_MAX];
    bool is_https;
};

static void on_look(struct http_request *req, void *arg)
{
    struct seen *seen = arg;

    memcpy(seen->client, http_request_client(req), sizeof(seen->client));
    seen->is_https = http_request_is_https(req);
    http_respond_text(req, 200, "seen");
}

struct opening {
    struct fixture *f;
    int fd;
};

static void open_there(void *arg)
{
    struct opening *o = arg;

    http_serve(&o->f->hl, o->fd, NULL);
}

/* A TCP connection over loopback: the peer has an address. */
static int connect_tcp(struct fixture *f)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

    CHECK_INT(bind(listener, (struct sockaddr *)&at, len), 0);
    CHECK_INT(listen(listener, 1), 0);
    CHECK_INT(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    CHECK_INT(connect(client, (struct sockaddr *)&at, len), 0);
    struct opening o = {f, accept(listener, NULL, NULL)};
    close(listener);
    fixture_call(f, open_there, &o);
    return client;
}

static void check_client(struct fixture *f, const char *headers, const char *client, bool is_https,
                         const struct seen *seen)
{
    struct buf text;
    int fd = connect_tcp(f);

    buf_init(&text, 0);
    buf_add_fmt(&text, "GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n%s\r\n", headers);
    char *bytes = buf_take(&text);
    fixture_send(fd, bytes);
    free(fixture_read(fd, NULL));
    CHECK_TEXT(seen->client, client);
    CHECK_INT(seen->is_https, is_https);
    close(fd);
    mem_free(bytes);
}

CASE(only_a_trusted_proxy_names_the_client)
{
    static struct seen seen;
    static const struct http_route routes[] = {{HTTP_M_GET, "/", on_look, &seen, 0, 0}};
    struct config_cidr near = {.n_bits = 104}, far = {.n_bits = 99};
    struct config_cidrs trusted = {&near, 1}, untrusted = {&far, 1};

    CHECK_INT(inet_pton(AF_INET6, "::ffff:127.0.0.0", &near.address), 1);
    CHECK_INT(inet_pton(AF_INET6, "::ffff:160.0.0.0", &far.address), 1);
    static struct fixture f;
    f.site.trusted = &trusted;
    fixture_start(&f, routes, 1);
    check_client(&f, "", "127.0.0.1", false, &seen);
    check_client(&f, "X-Forwarded-For: 9.9.9.9, 8.8.8.8\r\nX-Forwarded-Proto: https\r\n", "8.8.8.8",
                 true, &seen);
    check_client(&f, "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: ::1\r\n", "::1", false, &seen);
    check_client(&f, "X-Forwarded-For: nonsense\r\n", "127.0.0.1", false, &seen);
    check_client(&f, "X-Forwarded-Proto: http , https\r\n", "127.0.0.1", true, &seen);
    check_client(&f, "X-Forwarded-Proto: https,http\r\n", "127.0.0.1", false, &seen);
    check_client(&f, "X-Forwarded-Proto: http\r\nX-Forwarded-Proto: https\r\n", "127.0.0.1", true,
                 &seen);
    check_client(&f, "X-Forwarded-Proto: https,\r\n", "127.0.0.1", false, &seen);
    fixture_stop(&f);
    static struct fixture g;
    g.site.trusted = &untrusted;
    fixture_start(&g, routes, 1);
    check_client(&g, "X-Forwarded-For: 8.8.8.8\r\nX-Forwarded-Proto: https\r\n", "127.0.0.1", false,
                 &seen);
    fixture_stop(&g);
}

CASES(RUN(tokens_in_all_their_forms), RUN(cookies_are_read_when_they_count),
      RUN(only_a_trusted_proxy_names_the_client))
