#include "http/location.h"

#include <string.h>

#include "harness/check.h"
#include "http/http_conn.h"
#include "http/request.h"

/* Where a browser goes from https://own/ by this Location: the host it names, or nothing for a path
 * here. It reads `\` as `/` and leaves tabs and line ends out (WHATWG URL). */
static bool stays_here(struct slice to)
{
    char seen[512];
    size_t n = 0;

    for (size_t i = 0; i < to.len && n < sizeof(seen); i++) {
        char c = to.ptr[i];
        if (c != '\t' && c != '\r' && c != '\n')
            seen[n++] = c == '\\' ? '/' : c;
    }
    return n && seen[0] == '/' && (n < 2 || seen[1] != '/');
}

static void check_text_is(const struct location *to, const char *expected)
{
    struct slice text = buf_slice(&to->text);

    CHECK_BYTES(text.ptr, text.len, expected, strlen(expected));
}

static void check_path(const char *base_path, struct slice path, const char *expected)
{
    struct http_site site = {.base_path = base_path};
    struct http_request req = {.site = &site};
    struct location to;

    location_here(&to, &req);
    location_add_path(&to, path);
    location_add_slash(&to);
    check_text_is(&to, expected);
    CHECK(stays_here(buf_slice(&to.text)));
    buf_deinit(&to.text);
}

CASE(a_path_stays_on_this_server)
{
    check_path("", SLICE_LIT("/ws/services"), "/ws/services/");
    check_path("/my/hub", SLICE_LIT("/ws/services"), "/my/hub/ws/services/");
    check_path("", SLICE_LIT("/\\evil.example/services"), "/%5Cevil.example/services/");
    check_path("", SLICE_LIT("//evil.example/services"), "/evil.example/services/");
    check_path("", SLICE_LIT("\\\\evil.example"), "/%5C%5Cevil.example/");
    check_path("", SLICE_LIT("/\t/evil.example"), "/%09/evil.example/");
    check_path("", SLICE_LIT("/\r\nset-cookie: a=b"), "/%0D%0Aset-cookie%3A%20a%3Db/");
    check_path("", SLICE_LIT("/user:pw@evil.example/x"), "/user%3Apw%40evil.example/x/");
    check_path("", SLICE_LIT("/https://evil.example"), "/https%3A/evil.example/");
    check_path("", SLICE_LIT("/%2f%2fevil.example"), "/%252f%252fevil.example/");
    check_path("", SLICE_LIT("/../../x?y#z"), "/x%3Fy%23z/");
    check_path("", SLICE_LIT("/.\0./x"), "/.%00./x/");
    check_path("", SLICE_LIT("/w\xc3\xb6\xe2\x80\xae"), "/w%C3%B6%E2%80%AE/");
    check_path("", SLICE_LIT("/\xff\xfe"), "/%FF%FE/");
    check_path("", SLICE_LIT(""), "/");
    check_path("", SLICE_LIT("////"), "/");
}

CASE(any_two_bytes_at_its_beginning_stay_here)
{
    struct http_site site = {.base_path = ""};
    struct http_request req = {.site = &site};

    for (unsigned i = 0; i < 65536; i++) {
        char path[] = {'/', (char)(i >> 8), (char)i, 'e', '.', 'x', '/', 's'};
        struct location to;
        location_here(&to, &req);
        location_add_path(&to, slice_make(path, sizeof(path)));
        location_add_slash(&to);
        CHECK(stays_here(buf_slice(&to.text)));
        buf_deinit(&to.text);
    }
}

CASE(a_query_is_encoded_anew)
{
    struct http_site site = {.base_path = "/b"};
    struct http_request req = {.site = &site};
    struct location to;

    location_here(&to, &req);
    location_add_path(&to, SLICE_LIT("x"));
    location_add_query(&to, SLICE_LIT("a=1&&b&c=%2f%5c+\x01\xc3\xa4&=d&e=f=g%zz"));
    check_text_is(&to, "/b/x?a=1&b=&c=%2F%5C%20%01%C3%A4&=d&e=f%3Dg%25zz");
    buf_deinit(&to.text);
}

CASE(a_named_host_is_a_host)
{
    struct location to;

    location_there(&to, "example.auth0.com:8443");
    location_add_path(&to, SLICE_LIT("/authorize"));
    check_text_is(&to, "https://example.auth0.com:8443/authorize");
    buf_deinit(&to.text);
    location_there(&to, "a@b/c\r\n");
    check_text_is(&to, "https://a%40b%2Fc%0D%0A");
    buf_deinit(&to.text);
}

CASES(RUN(a_path_stays_on_this_server), RUN(any_two_bytes_at_its_beginning_stay_here),
      RUN(a_query_is_encoded_anew), RUN(a_named_host_is_a_host))
