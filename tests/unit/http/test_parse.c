#include "http/parse.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "harness/check.h"
#include "harness/payer.h"
#include "http/request.h"

static const struct http_parse_caps caps = {4096, 20};

/* Everything a feed of `text` in two pieces yields, as text. */
static char *parse(const char *text, size_t len, size_t cut)
{
    struct http_parser *p = http_parser_new(caps, payer());
    struct buf out;
    size_t at = 0;
    int outcome = HTTP_PARSE_MORE;

    buf_init(&out, 0);
    while (at < len || outcome == HTTP_PARSE_HEAD) {
        size_t end = at < cut ? cut : len, used = 0;
        /* A copy of its own: reading past the piece is seen by the sanitizer. */
        char *piece = malloc(end - at + 1);
        memcpy(piece, text + at, end - at);
        piece = realloc(piece, end > at ? end - at : 1);
        outcome = http_parser_feed(p, piece, end - at, &used);
        free(piece);
        at += used;
        if (outcome == HTTP_PARSE_HEAD)
            http_parser_expect_body(p, 1000, true);
        if (outcome == HTTP_PARSE_DONE || outcome == HTTP_PARSE_UPGRADE) {
            struct http_request *req = http_parser_take(p);
            buf_add_fmt(&out, "%d|" SLICE_FMT "|" SLICE_FMT "|" SLICE_FMT "|", req->method,
                        SLICE_ARG(req->path), SLICE_ARG(req->query), SLICE_ARG(req->body));
            for (size_t i = 0; i < req->n_headers; i++) {
                struct slice name, value;
                http_request_header_at(req, i, &name, &value);
                buf_add_fmt(&out, SLICE_FMT "=" SLICE_FMT ";", SLICE_ARG(name), SLICE_ARG(value));
            }
            buf_add_text(&out, outcome == HTTP_PARSE_UPGRADE ? "upgrade\n"
                               : req->wants_close            ? "close\n"
                                                             : "\n");
            http_request_end(req);
        }
        if (outcome == HTTP_PARSE_UPGRADE) {
            buf_add_fmt(&out, "rest=%s", text + at);
            break;
        }
        if (outcome > HTTP_PARSE_UPGRADE) {
            buf_add_fmt(&out, "error %d", outcome);
            break;
        }
    }
    http_parser_free(p);
    return buf_take(&out);
}

static const char traffic[] =
    "\r\nGET /a%2Fb?q=%20#f HTTP/1.1\r\nHost:  h \r\nEmpty:\r\nX-Two: 1\r\nX-Two: 2\r\n\r\n"
    "POST /len HTTP/1.1\r\nhost: h\r\nContent-Length: 4\r\n\r\nabcd"
    "PUT /chunks HTTP/1.1\r\nhost: h\r\nTransfer-Encoding: "
    "chunked\r\n\r\n3\r\nabc\r\n02;e=\"v\"\r\nde\r\n0\r\nt: r\r\n\r\n"
    "DELETE /none HTTP/1.1\r\nhost: h\r\n\r\n"
    "GET /ws HTTP/1.1\r\nhost: h\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n\x81rest";
static const char meaning[] = "1|/a/b|q=%20||Host=h;Empty=;X-Two=1;X-Two=2;\n"
                              "4|/len||abcd|host=h;Content-Length=4;\n"
                              "8|/chunks||abcde|host=h;Transfer-Encoding=chunked;\n"
                              "32|/none|||host=h;\n"
                              "1|/ws|||host=h;Connection=Upgrade;Upgrade=WebSocket;upgrade\n"
                              "rest=\x81rest";

CASE(a_cut_at_any_offset_changes_nothing)
{
    for (size_t cut = 0; cut <= sizeof(traffic) - 1; cut++) {
        char *got = parse(traffic, sizeof(traffic) - 1, cut);
        if (strcmp(got, meaning) != 0)
            check_fail(__FILE__, __LINE__, "cut at %zu: %s", cut, got);
        mem_free(got);
    }
}

/* Every broken byte either changes the meaning or is refused; it never crashes. */
CASE(a_flipped_byte_is_survived)
{
    static const char bytes[] = {'\0', '\r', '\n', ' ', ':', '\x7f', '\xff', '9'};
    char *copy = mem_copy(traffic, sizeof(traffic) - 1);

    for (size_t at = 0; at < sizeof(traffic) - 1; at++) {
        for (size_t i = 0; i < sizeof(bytes); i++) {
            char was = copy[at];
            copy[at] = bytes[i];
            mem_free(parse(copy, sizeof(traffic) - 1, at));
            copy[at] = was;
        }
    }
    mem_free(copy);
}

CASE(who_wants_to_close)
{
    static const char *const texts[][2] = {
        {"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n",
         "1|/|||host=h;connection=close;close\n"},
        {"GET / HTTP/1.1\r\nhost: h\r\nConnection: foo, Close\r\n\r\n",
         "1|/|||host=h;Connection=foo, Close;close\n"},
        {"GET / HTTP/1.0\r\n\r\n", "1|/|||close\n"},
        {"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", "1|/|||connection=keep-alive;close\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        char *got = parse(texts[i][0], strlen(texts[i][0]), 0);
        CHECK_TEXT(got, texts[i][1]);
        mem_free(got);
    }
}

static int outcome_of(const char *text)
{
    char *got = parse(text, strlen(text), 0);
    char *at = strstr(got, "error ");
    int outcome = at ? atoi(at + 6) : HTTP_PARSE_MORE;

    mem_free(got);
    return outcome;
}

CASE(caps_have_their_own_outcomes)
{
    struct buf text;

    buf_init(&text, 0);
    buf_add_text(&text, "GET /");
    for (int i = 0; i < 5000; i++)
        buf_add_byte(&text, 'x');
    char *bytes = buf_take(&text);
    CHECK_INT(outcome_of(bytes), HTTP_PARSE_HEAD_TOO_LARGE);
    mem_free(bytes);
    /* Blanks before a value are in no piece llhttp reports, and still count. */
    buf_add_text(&text, "GET / HTTP/1.1\r\nhost:");
    for (int i = 0; i < 5000; i++)
        buf_add_byte(&text, ' ');
    bytes = buf_take(&text);
    CHECK_INT(outcome_of(bytes), HTTP_PARSE_HEAD_TOO_LARGE);
    mem_free(bytes);
    CHECK_INT(outcome_of("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n"),
              HTTP_PARSE_MORE);
    buf_add_text(&text, "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n");
    for (int i = 0; i < 1001; i++)
        buf_add_byte(&text, 'x');
    bytes = buf_take(&text);
    CHECK_INT(outcome_of(bytes), HTTP_PARSE_BODY_TOO_LARGE);
    mem_free(bytes);
    /* Trailers count like a head. */
    buf_add_text(&text, "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n0\r\nt: ");
    for (int i = 0; i < 5000; i++)
        buf_add_byte(&text, 'x');
    bytes = buf_take(&text);
    CHECK_INT(outcome_of(bytes), HTTP_PARSE_MALFORMED);
    mem_free(bytes);
}

/* RFC 9112 7.1.1: a recipient ignores extensions it does not know. req: H-170 */
CASE(chunk_extensions_are_passed_over)
{
    static const char *const good[] = {
        ";a",  ";a=b",          ";a;b", ";a=b;c=d", ";a=b;c",      ";a=\"b;\\\"c\";d=e",
        " ;a", "\t; a = b ; c", ";",    ";;",       "; x=\xc3\xa9"};
    static const char *const bad[] = {" ", " 1", "\t", "x", ";a\x01", ";a\n", "\n", ";a\x7f", ",a"};
    struct buf text;

    for (size_t i = 0; i < ARRAY_LEN(good) + ARRAY_LEN(bad); i++) {
        bool is_good = i < ARRAY_LEN(good);
        const char *extension = is_good ? good[i] : bad[i - ARRAY_LEN(good)];
        buf_init(&text, 0);
        buf_add_fmt(&text,
                    "PUT /x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
                    "1%s\r\na\r\n2%s\r\nbc\r\n0%s\r\n\r\nGET / HTTP/1.1\r\nhost: h\r\n\r\n",
                    extension, extension, extension);
        for (size_t cut = 0; cut <= text.len; cut++) {
            char *got = parse(text.ptr, text.len, cut);
            CHECK_TEXT(got, is_good ? "8|/x||abc|host=h;transfer-encoding=chunked;\n1|/|||host=h;\n"
                                    : "error 4");
            free(got);
        }
        buf_deinit(&text);
    }
    buf_init(&text, 0);
    buf_add_text(&text, "PUT /x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n1;");
    for (int i = 0; i < 5000; i++)
        buf_add_byte(&text, 'x');
    char *bytes = buf_take(&text);
    CHECK_INT(outcome_of(bytes), HTTP_PARSE_MALFORMED);
    mem_free(bytes);
}

CASES(RUN(a_cut_at_any_offset_changes_nothing), RUN(a_flipped_byte_is_survived),
      RUN(who_wants_to_close), RUN(caps_have_their_own_outcomes),
      RUN(chunk_extensions_are_passed_over))
