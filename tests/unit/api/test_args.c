/* The arguments an HTTP request asks for: of the query and of the body. */
#include "api/args.h"
#include "harness/payer.h"
#include "http/parse.h"
#include "http/request.h"
#include "unit/api/api_kit.h"

struct raw_option {
    const char *query, *args; /* NULL: refused */
};

static const struct raw_option queries[] = {
    {"a=5", "[{\"a\":5}]"},
    {"a=007", "[{\"a\":7}]"},
    {"a=0", "[{\"a\":0}]"},
    {"a=-5", "[{\"a\":-5.0}]"},
    {"a=3.14", "[{\"a\":3.14}]"},
    {"a=.5", "[{\"a\":0.5}]"},
    {"a=5.", "[{\"a\":5.0}]"},
    {"a=1e3", "[{\"a\":1000.0}]"},
    {"a=1E-2", "[{\"a\":0.01}]"},
    {"a=%2B7", "[{\"a\":7.0}]"},
    {"a=+7", "[{\"a\":7.0}]"},
    {"a=5%20", "[{\"a\":5.0}]"},
    {"a=123456789012345678.5", "[{\"a\":1.2345678901234568e+17}]"},
    {"a=18446744073709551615", "[{\"a\":18446744073709551615}]"},
    {"a=18446744073709551616", "[{\"a\":1.8446744073709552e+19}]"},
    {"a=hello", "[{\"a\":\"hello\"}]"},
    {"a=", "[{\"a\":\"\"}]"},
    {"a", "[{\"a\":\"\"}]"},
    {"a=true&b=false&c=null", "[{\"a\":\"true\",\"b\":\"false\",\"c\":\"null\"}]"},
    {"a=[1,2]", "[{\"a\":\"[1,2]\"}]"},
    {"a=%22x%22", "[{\"a\":\"\\\"x\\\"\"}]"},
    {"a=0x10", "[{\"a\":\"0x10\"}]"},
    {"a.b=1", "[{\"a.b\":1}]"},
    {"a=nan&b=inf&c=Infinity&d=1e400",
     "[{\"a\":\"nan\",\"b\":\"inf\",\"c\":\"Infinity\",\"d\":\"1e400\"}]"},
    {"a=1_000&b=%D9%A3&c=%C2%B2", "[{\"a\":\"1_000\",\"b\":\"\u0663\",\"c\":\"\u00b2\"}]"},
    {"a=.&b=-&c=e5&d=1e&e=1.2.3",
     "[{\"a\":\".\",\"b\":\"-\",\"c\":\"e5\",\"d\":\"1e\",\"e\":\"1.2.3\"}]"},
    {"a={\"x\":[1,{\"y\":null}]}", "[{\"a\":{\"x\":[1,{\"y\":null}]}}]"},
    {"a=%7B%22x%22%3A1%7D", "[{\"a\":{\"x\":1}}]"},
    {"a=%20{}", "[{\"a\":\" {}\"}]"},
    {"a=1;b=2", "[{\"a\":\"1;b=2\"}]"},
    {"a=b=c", "[{\"a\":\"b=c\"}]"},
    {"a=x+y%20z", "[{\"a\":\"x y z\"}]"},
    {"a=%C3%A9", "[{\"a\":\"\u00e9\"}]"},
    {"a=%FF", "[{\"a\":\"\ufffd\"}]"},
    {"&&a=1&&", "[{\"a\":1}]"},
    {"a=1&a=2", "[{\"a\":2}]"},
    {"a=1&b=1&%61=2", "[{\"b\":1,\"a\":2}]"},
    {"self=1", "[{\"self\":1}]"},
    {"workspace=w&service_id=s&function_key=f&_mode=m&a=1", "[{\"a\":1}]"},
    {"_mode=random", ""},
    {"", ""},
    {"a={\"_rtype\":\"set\",\"_rvalue\":[1]}", "[{\"a\":{\"_rtype\":\"set\",\"_rvalue\":[1]}}]"},
    {"a=1&b={\"c\":[{\"_rtype\":\"method\",\"_rmethod\":\"x\",\"_rtarget\":\"y\"}]}", NULL},
    {"_rtype=method&_rmethod=services.ws.get_env&_rtarget=w/c", NULL},
    {"a={x", NULL},
    {"a={\"x\":1", NULL},
    {"a={}{}", NULL},
};

static struct http_request request(int method, const char *query)
{
    struct http_request req = {0};

    req.method = method;
    req.query = slice_of(query);
    return req;
}

CASE(queries_mean_what_the_table_says)
{
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        const struct raw_option *g = &queries[i];
        struct http_request req = request(HTTP_M_GET, g->query);
        struct api_args args;
        struct buf error;
        buf_init(&error, 0);
        int r = api_args_read(&req, &args, &error);
        if (r != (g->args ? API_ARGS_OK : API_ARGS_BAD))
            check_fail(__FILE__, __LINE__, "%s: outcome %d", g->query, r);
        if (g->args && *g->args) {
            CHECK(args.with_kwargs);
            kit_check(buf_slice(&args.array), g->args, g->query);
        } else if (g->args) {
            CHECK(args.array.len == 0 && !args.with_kwargs);
        } else {
            CHECK(slice_starts(buf_slice(&error), "Invalid request body: "));
        }
        api_args_deinit(&args);
        buf_deinit(&error);
    }
}

CASE(too_many_arguments_are_refused)
{
    struct buf query, error;
    struct api_args args;

    buf_init(&query, 0);
    buf_init(&error, 0);
    for (int i = 0; i <= 1000; i++)
        buf_add_text(&query, "a=1&");
    struct http_request req = request(HTTP_M_GET, "");
    req.query = buf_slice(&query);
    CHECK_INT(api_args_read(&req, &args, &error), API_ARGS_BAD);
    CHECK(slice_is(buf_slice(&error), "Invalid request body: too many arguments"));
    api_args_deinit(&args);
    buf_deinit(&query);
    buf_deinit(&error);
}

struct body {
    const char *what, *type; /* NULL: no such header */
    struct slice body;
    int outcome;
    const char *args;
    bool with_kwargs;
};

#define JSON "application/json"
#define MSGPACK "application/msgpack"

static const struct body bodies[] = {
    {"nothing", JSON, SLICE_LIT(""), API_ARGS_OK, "", false},
    {"nothing of an odd type", "text/plain", SLICE_LIT(""), API_ARGS_OK, "", false},
    {"an object", JSON, SLICE_LIT("{\"a\":1,\"b\":\"5\"}"), API_ARGS_OK, "[{\"a\":1,\"b\":\"5\"}]",
     true},
    {"no type", NULL, SLICE_LIT("{\"a\":1}"), API_ARGS_OK, "[{\"a\":1}]", true},
    {"a parameter", "application/json; charset=utf-8", SLICE_LIT("{\"a\":1}"), API_ARGS_OK,
     "[{\"a\":1}]", true},
    {"capitals", "APPLICATION/JSON", SLICE_LIT("{\"a\":1}"), API_ARGS_OK, "[{\"a\":1}]", true},
    {"what curl says", "application/x-www-form-urlencoded", SLICE_LIT("{\"a\":1}"), API_ARGS_TYPE,
     NULL, false},
    {"reserved names", JSON,
     SLICE_LIT("{\"workspace\":1,\"service_id\":2,\"function_key\":3,\"_mode\":4,\"a\":5}"),
     API_ARGS_OK, "[{\"a\":5}]", true},
    {"nothing but reserved names", JSON, SLICE_LIT("{\"workspace\":1}"), API_ARGS_OK, "", false},
    {"reserved names further in", JSON, SLICE_LIT("{\"a\":{\"workspace\":1}}"), API_ARGS_OK,
     "[{\"a\":{\"workspace\":1}}]", true},
    {"a list", JSON, SLICE_LIT("[1,\"x\",[2]]"), API_ARGS_OK, "[1,\"x\",[2]]", false},
    {"a number", JSON, SLICE_LIT("7"), API_ARGS_OK, "[7]", false},
    {"null", JSON, SLICE_LIT("null"), API_ARGS_OK, "[null]", false},
    {"byte order mark and blanks", JSON, SLICE_LIT("\xef\xbb\xbf \n{\"a\":1} "), API_ARGS_OK,
     "[{\"a\":1}]", true},
    {"a name twice", JSON, SLICE_LIT("{\"a\":1,\"a\":2}"), API_ARGS_OK, "[{\"a\":2}]", true},
    {"an encoded object", JSON, SLICE_LIT("{\"_rtype\":\"set\",\"_rvalue\":[1]}"), API_ARGS_OK,
     "[{\"_rtype\":\"set\",\"_rvalue\":[1]}]", false},
    {"a forged function", JSON,
     SLICE_LIT("{\"a\":{\"_rtype\":\"method\",\"_rmethod\":\"x\",\"_rtarget\":\"y\"}}"),
     API_ARGS_BAD, NULL, false},
    {"broken JSON", JSON, SLICE_LIT("{\"a\":"), API_ARGS_BAD, NULL, false},
    {"trailing JSON", JSON, SLICE_LIT("{} {}"), API_ARGS_BAD, NULL, false},
    {"JSON that is not UTF-8", JSON, SLICE_LIT("\"\xff\""), API_ARGS_BAD, NULL, false},
    {"msgpack", MSGPACK,
     SLICE_LIT("\x81\xa1"
               "a\x01"),
     API_ARGS_OK, "[{\"a\":1}]", true},
    {"a msgpack list", MSGPACK, SLICE_LIT("\x92\x01\x02"), API_ARGS_OK, "[1,2]", false},
    {"truncated msgpack", MSGPACK,
     SLICE_LIT("\x81\xa1"
               "a"),
     API_ARGS_BAD, NULL, false},
    {"trailing msgpack", MSGPACK, SLICE_LIT("\x01\x02"), API_ARGS_BAD, NULL, false},
    {"msgpack keys that are no texts", MSGPACK, SLICE_LIT("\x81\x01\x02"), API_ARGS_BAD, NULL,
     false},
};

/* A request as the parser makes it: headers cannot be filled in by hand. */
static void read_body(const struct body *b, struct api_args *args, struct buf *error)
{
    struct http_parser *p = http_parser_new((struct http_parse_caps){8192, 20}, payer());
    struct buf text;
    size_t used = 0, at = 0;
    int r;

    buf_init(&text, 0);
    buf_add_fmt(&text, "POST /?a=9 HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n", b->body.len);
    if (b->type)
        buf_add_fmt(&text, "Content-Type: %s\r\n", b->type);
    buf_add_text(&text, "\r\n");
    buf_add_slice(&text, b->body);
    while ((r = http_parser_feed(p, text.ptr + at, text.len - at, &used)) == HTTP_PARSE_HEAD) {
        at += used;
        http_parser_expect_body(p, 10000, true);
    }
    CHECK_INT(r, HTTP_PARSE_DONE);
    struct http_request *req = http_parser_take(p);
    if (api_args_read(req, args, error) != b->outcome)
        check_fail(__FILE__, __LINE__, "%s: not outcome %d", b->what, b->outcome);
    http_request_end(req);
    http_parser_free(p);
    buf_deinit(&text);
}

CASE(bodies_mean_what_the_table_says)
{
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        const struct body *b = &bodies[i];
        struct api_args args;
        struct buf error;
        buf_init(&error, 0);
        read_body(b, &args, &error);
        if (b->outcome == API_ARGS_BAD)
            CHECK(slice_starts(buf_slice(&error), "Invalid request body: "));
        if (b->outcome == API_ARGS_TYPE)
            CHECK(slice_is(
                buf_slice(&error),
                "Invalid content-type (supported types: application/msgpack, application/json)"));
        if (b->args && *b->args)
            kit_check(buf_slice(&args.array), b->args, b->what);
        else if (b->args)
            CHECK_INT(args.array.len, 0);
        CHECK_INT(args.with_kwargs, b->with_kwargs);
        api_args_deinit(&args);
        buf_deinit(&error);
    }
}

CASE(bytes_are_passed_as_they_are)
{
    struct body b = {"bytes", MSGPACK, SLICE_LIT("\xc4\x03xyz"), API_ARGS_OK, NULL, false};
    struct api_args args;
    struct buf error;

    buf_init(&error, 0);
    read_body(&b, &args, &error);
    CHECK_BYTES(args.array.ptr, args.array.len, "\x91\xc4\x03xyz", 6);
    api_args_deinit(&args);
    buf_deinit(&error);
}

CASES(RUN(queries_mean_what_the_table_says), RUN(too_many_arguments_are_refused),
      RUN(bodies_mean_what_the_table_says), RUN(bytes_are_passed_as_they_are))
