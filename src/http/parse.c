/* parse: llhttp finds the pieces, we keep them and judge the whole. llhttp is built in its loose
 * mode by the distribution (blanks in header names, any byte in targets), so what it lets through
 * is checked again here before anybody sees it.
 *
 * Pieces of a head are appended to one block while it grows, so headers are kept as offsets. The
 * parser pauses twice a request: when the head is complete, so that a refusal costs no body, and
 * when the request is complete, so that the next one of a pipeline is not even looked at before
 * the answer. */
#include "http/parse.h"

#include <llhttp.h>

#include "base/held.h"
#include "base/memory.h"
#include "http/request.h"

enum { PARSE_NEXT_CHUNK = -1 }; /* an outcome between the parser and itself */

struct http_parser {
    llhttp_t ll;
    struct http_parse_caps caps;
    struct account *account; /* of the requests; borrowed */
    struct http_request *req;
    struct http_header_at header; /* the one being read */
    size_t target_len;
    /* of trailers and chunk extensions: both are passed over, and count like a head */
    size_t n_tail_bytes;
    uint64_t n_raw; /* bytes used since the head began */
    size_t body_cap, n_body;
    int outcome; /* why a callback stopped llhttp */
    /* where in the line that begins a chunk the next byte stands; NONE: not in one */
    enum { LINE_NONE, LINE_SIZE, LINE_BLANK, LINE_EXTENSION } line;
    bool in_name, has_header, head_done, keep_body, is_last_chunk;
};

static int parse_stop(struct http_parser *p, int outcome)
{
    p->outcome = outcome;
    return HPE_USER;
}

static int keep_head(struct http_parser *p, const char *at, size_t n)
{
    struct buf *head = &p->req->head.b;

    buf_add(head, at, n);
    if (head->is_failed)
        return parse_stop(p, HTTP_PARSE_NO_MEMORY);
    return head->len > p->caps.head_bytes ? parse_stop(p, HTTP_PARSE_HEAD_TOO_LARGE) : 0;
}

static int on_message_begin(llhttp_t *ll)
{
    struct http_parser *p = ll->data;

    p->req = http_request_new(p->account);
    p->header = (struct http_header_at){0};
    p->target_len = p->n_tail_bytes = p->n_body = p->body_cap = 0;
    p->n_raw = 0;
    p->line = LINE_NONE;
    p->in_name = p->has_header = p->head_done = p->keep_body = false;
    return 0;
}

static int on_url(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = ll->data;

    p->target_len += n;
    return keep_head(p, at, n);
}

static int end_header(struct http_parser *p)
{
    struct http_request *req = p->req;

    if (!p->has_header)
        return 0;
    p->has_header = false;
    if (req->n_headers >= p->caps.n_headers)
        return parse_stop(p, HTTP_PARSE_HEAD_TOO_LARGE);
    if (req->n_headers == req->headers_room) {
        size_t room = req->headers_room ? 2 * req->headers_room : 16;
        struct http_header_at *more = held_resize(req->headers, room * sizeof(*more), p->account);
        if (!more)
            return parse_stop(p, HTTP_PARSE_NO_MEMORY);
        req->headers = more;
        req->headers_room = room;
    }
    req->headers[req->n_headers++] = p->header;
    return 0;
}

static int skip_tail(struct http_parser *p, size_t n)
{
    p->n_tail_bytes += n;
    return p->n_tail_bytes > p->caps.head_bytes ? parse_stop(p, HTTP_PARSE_MALFORMED) : 0;
}

static int on_header_field(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = ll->data;

    if (p->head_done)
        return skip_tail(p, n);
    if (!p->in_name) {
        int r = end_header(p);
        if (r)
            return r;
        p->in_name = p->has_header = true;
        p->header = (struct http_header_at){.name_at = (uint32_t)p->req->head.b.len};
    }
    p->header.name_len += (uint32_t)n;
    return keep_head(p, at, n);
}

static int on_header_field_complete(llhttp_t *ll)
{
    struct http_parser *p = ll->data;

    p->in_name = false;
    if (!p->head_done)
        p->header.value_at = (uint32_t)p->req->head.b.len;
    return 0;
}

static int on_header_value(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = ll->data;

    if (p->head_done)
        return skip_tail(p, n);
    p->header.value_len += (uint32_t)n;
    return keep_head(p, at, n);
}

static bool parse_is_token(struct slice s)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_word && !(c && strchr(marks, c)))
            return false;
    }
    return s.len > 0;
}

static bool is_text(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (((unsigned char)s.ptr[i] < 0x20 && s.ptr[i] != '\t') || s.ptr[i] == 0x7f)
            return false;
    return true;
}

static bool is_target(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= 0x20 ||
            s.ptr[i] >= 0x7f) /* char may be signed: bytes above 0x7f are negative */
            return false;
    return s.len > 0;
}

/* RFC 9112 3.2 and 6.1: one Host; a body's length said once and in one way. */
static bool headers_are_sound(const struct http_request *req)
{
    unsigned n_host = 0, n_coding = 0, n_length = 0;

    for (size_t i = 0; i < req->n_headers; i++) {
        struct slice name, value;
        http_request_header_at(req, i, &name, &value);
        if (!parse_is_token(name) || !is_text(value))
            return false;
        n_host += slice_is_nocase(name, "host");
        n_length += slice_is_nocase(name, "content-length");
        if (slice_is_nocase(name, "transfer-encoding")) {
            n_coding++;
            if (!slice_is_nocase(value, "chunked") || req->is_http10)
                return false;
        }
    }
    return n_host <= 1 && (n_host == 1 || req->is_http10) && n_coding + n_length <= 1;
}

static enum http_method parse_method_of(uint8_t method)
{
    switch (method) {
    case HTTP_GET:
        return HTTP_M_GET;
    case HTTP_HEAD:
        return HTTP_M_HEAD;
    case HTTP_POST:
        return HTTP_M_POST;
    case HTTP_PUT:
        return HTTP_M_PUT;
    case HTTP_PATCH:
        return HTTP_M_PATCH;
    case HTTP_DELETE:
        return HTTP_M_DELETE;
    case HTTP_OPTIONS:
        return HTTP_M_OPTIONS;
    default:
        return HTTP_M_OTHER;
    }
}

static bool wants_websocket(const struct http_request *req)
{
    struct slice value;

    return req->method == HTTP_M_GET && http_request_header(req, "upgrade", &value) &&
           slice_is_nocase(value, "websocket");
}

uint64_t http_parser_body_bytes(const struct http_parser *p)
{
    if (p->ll.flags & F_CHUNKED)
        return HTTP_BODY_UNKNOWN;
    return p->ll.flags & F_CONTENT_LENGTH ? p->ll.content_length : 0;
}

static int on_headers_complete(llhttp_t *ll)
{
    struct http_parser *p = ll->data;
    struct http_request *req = p->req;
    struct slice target = {req->head.b.ptr, p->target_len};

    int r = end_header(p);
    if (r)
        return r;
    p->head_done = true;
    if (ll->http_major != 1 || ll->http_minor > 1)
        return parse_stop(p, HTTP_PARSE_MALFORMED);
    req->is_http10 = ll->http_minor == 0;
    req->method = parse_method_of(ll->method);
    req->wants_close = req->is_http10 || !llhttp_should_keep_alive(ll);
    if (!is_target(target) || !headers_are_sound(req))
        return parse_stop(p, HTTP_PARSE_MALFORMED);
    if (!http_request_settle(req, target))
        return parse_stop(p, HTTP_PARSE_NO_MEMORY);
    /* CONNECT, and upgrades to anything but WebSocket or with a body, are ordinary requests
     * here. */
    req->is_upgrade =
        ll->upgrade && !req->is_http10 && http_parser_body_bytes(p) == 0 && wants_websocket(req);
    if (!req->is_upgrade)
        ll->upgrade = 0;
    p->line = ll->flags & F_CHUNKED ? LINE_SIZE : LINE_NONE;
    p->outcome = HTTP_PARSE_HEAD;
    return HPE_PAUSED;
}

static int parse_on_body(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = ll->data;

    if (n > p->body_cap - p->n_body)
        return parse_stop(p, HTTP_PARSE_BODY_TOO_LARGE);
    p->n_body += n;
    if (p->keep_body && http_request_add_body(p->req, slice_make(at, n)) != HTTP_BODY_OK)
        return parse_stop(p, HTTP_PARSE_NO_MEMORY);
    return 0;
}

static int on_chunk_header(llhttp_t *ll)
{
    struct http_parser *p = ll->data;

    p->is_last_chunk = ll->content_length == 0;
    return 0;
}

static int on_chunk_complete(llhttp_t *ll)
{
    struct http_parser *p = ll->data;

    if (p->is_last_chunk)
        return 0;
    p->line = LINE_SIZE;
    p->outcome = PARSE_NEXT_CHUNK;
    return HPE_PAUSED;
}

static int on_message_complete(llhttp_t *ll)
{
    struct http_parser *p = ll->data;

    p->outcome = HTTP_PARSE_DONE;
    if (ll->upgrade)
        return 0; /* llhttp pauses by itself */
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = parse_on_body,
    .on_message_complete = on_message_complete,
    .on_chunk_header = on_chunk_header,
    .on_chunk_complete = on_chunk_complete,
};

static void parse_reset(struct http_parser *p)
{
    llhttp_init(&p->ll, HTTP_REQUEST, &settings);
    p->ll.data = p;
}

struct http_parser *http_parser_new(struct http_parse_caps caps, struct account *account)
{
    struct http_parser *p = MEM_NEW(struct http_parser);

    p->caps = caps;
    p->account = account;
    parse_reset(p);
    return p;
}

struct http_parser *http_parser_free(struct http_parser *p)
{
    if (p && p->req)
        http_request_end(p->req);
    return mem_free(p);
}

/* RFC 9112 7.1.1: extensions nobody knows are ignored, and we know none; llhttp 8 refuses a list of
 * them. So from the first blank or semicolon behind the size of a chunk to the end of the line
 * nothing reaches llhttp. n_feed: bytes it is to have; n_skip: bytes behind them to pass over.
 * False: no extension looks like this. */
static bool cut_extension(struct http_parser *p, struct slice bytes, size_t *n_feed, size_t *n_skip)
{
    size_t i = 0;

    while (p->line == LINE_SIZE && i < bytes.len && !strchr(" \t;\r\n", bytes.ptr[i]))
        i++;
    *n_feed = i;
    for (; i < bytes.len && p->line != LINE_NONE; i++) {
        char c = bytes.ptr[i];
        if (c == '\r' && p->line != LINE_BLANK) {
            p->line = LINE_NONE;
            break;
        }
        if (c == ';')
            p->line = LINE_EXTENSION;
        else if (p->line != LINE_EXTENSION && (c == ' ' || c == '\t'))
            p->line = LINE_BLANK;
        else if (p->line != LINE_EXTENSION || !is_text(slice_make(&c, 1)))
            return false;
    }
    *n_skip = i - *n_feed;
    if (!*n_skip && p->line == LINE_NONE)
        *n_feed = bytes.len; /* no extension: all in one go */
    return skip_tail(p, *n_skip) == 0;
}

static int parse_feed(struct http_parser *p, const char *bytes, size_t n_bytes, size_t *ret_used)
{
    p->outcome = HTTP_PARSE_MORE;
    llhttp_errno_t err = llhttp_execute(&p->ll, bytes, n_bytes);
    *ret_used = err == HPE_OK ? n_bytes : (size_t)(llhttp_get_error_pos(&p->ll) - bytes);
    if (err == HPE_OK) {
        /* Blanks between name and value reach no callback. */
        p->n_raw += n_bytes;
        bool is_long = p->req && !p->head_done && p->n_raw > p->caps.head_bytes;
        return is_long ? HTTP_PARSE_HEAD_TOO_LARGE : HTTP_PARSE_MORE;
    }
    if (err == HPE_PAUSED) {
        llhttp_resume(&p->ll);
        return p->outcome;
    }
    if (err == HPE_PAUSED_UPGRADE)
        return HTTP_PARSE_UPGRADE;
    return p->outcome > HTTP_PARSE_UPGRADE ? p->outcome : HTTP_PARSE_MALFORMED;
}

int http_parser_feed(struct http_parser *p, const char *bytes, size_t n_bytes, size_t *ret_used)
{
    size_t at = 0;
    int r;

    do {
        size_t n_feed = n_bytes - at, n_skip = 0, used;
        if (p->line != LINE_NONE &&
            !cut_extension(p, slice_make(bytes + at, n_feed), &n_feed, &n_skip)) {
            *ret_used = at;
            return HTTP_PARSE_MALFORMED;
        }
        r = parse_feed(p, bytes + at, n_feed, &used);
        at += used;
        if (r == HTTP_PARSE_MORE)
            at += n_skip;
    } while (r == PARSE_NEXT_CHUNK || (r == HTTP_PARSE_MORE && at < n_bytes));
    *ret_used = at;
    return r;
}

struct http_request *http_parser_request(struct http_parser *p)
{
    return p->req;
}

struct http_request *http_parser_take(struct http_parser *p)
{
    struct http_request *req = p->req;

    p->req = NULL;
    return req;
}

void http_parser_expect_body(struct http_parser *p, size_t cap_bytes, bool keep)
{
    p->body_cap = cap_bytes;
    p->keep_body = keep;
}

void http_parser_ignore_upgrade(struct http_parser *p)
{
    p->ll.upgrade = 0;
    p->req->is_upgrade = false;
}
