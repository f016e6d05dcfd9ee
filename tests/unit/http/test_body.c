/* Bodies that are pulled, over sockets: as they come, paused and resumed, answered early, broken
 * off at every moment. */
#include "http_fixture.h"

#include "http/body.h"
#include "http/gzip.h"

/* Who reads the body of one request. Of the loop, but for the atomics. */
struct reader {
    struct http_ticket ticket;
    bool is_paused;    /* takes nothing until it is told to */
    bool drops_broken; /* ends without an answer */
    bool answers_at_once;
    size_t answers_after; /* bytes; 0: at the end */
    uint64_t sum;
    atomic_size_t n_read;
    atomic_int n_begun, n_gone, n_broken, n_whole;
};

static struct reader reader;

static uint64_t add_to(uint64_t sum, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        sum = sum * 31 + (unsigned char)bytes.ptr[i];
    return sum;
}

static void answer(struct http_request *req, struct reader *r)
{
    SCRATCH_BUF(text, 0);

    buf_add_fmt(&text, "n=%zu sum=%llx", atomic_load(&r->n_read), (unsigned long long)r->sum);
    http_respond(req, 200, "text/plain", buf_slice(&text), (struct slice){NULL, 0});
}

static void take(struct http_request *req, struct reader *r)
{
    struct slice bytes;

    for (;;) {
        enum http_body_state state = http_body_peek(req, &bytes);
        if (state == HTTP_BODY_BROKEN) {
            atomic_fetch_add(&r->n_broken, 1);
            if (r->drops_broken)
                http_request_drop(req);
            else
                http_body_refuse(req);
            return;
        }
        r->sum = add_to(r->sum, bytes);
        atomic_fetch_add(&r->n_read, bytes.len);
        http_body_read(req, bytes.len);
        if (state == HTTP_BODY_WHOLE ||
            (r->answers_after && atomic_load(&r->n_read) >= r->answers_after)) {
            atomic_fetch_add(&r->n_whole, state == HTTP_BODY_WHOLE);
            answer(req, r);
            return;
        }
        if (!bytes.len)
            return;
    }
}

static void on_body(struct http_request *req, void *owner)
{
    struct reader *r = owner;
    struct slice bytes;

    if (!r->is_paused || http_body_peek(req, &bytes) == HTTP_BODY_BROKEN)
        take(req, r);
}

static void on_gone(void *owner)
{
    struct reader *r = owner;

    CHECK(!http_request_resume(r->ticket));
    atomic_fetch_add(&r->n_gone, 1);
}

static void on_pull(struct http_request *req, void *arg)
{
    struct reader *r = arg;

    CHECK_INT(req->body.len, 0);
    atomic_fetch_add(&r->n_begun, 1);
    if (r->answers_at_once) {
        http_respond_text(req, 403, "no");
        return;
    }
    r->ticket = http_request_park(
        req, &(struct http_watch){.owner = r, .on_gone = on_gone, .on_body = on_body});
    if (!r->is_paused)
        take(req, r); /* a body that is empty is told by nobody */
}

static void go_on(void *arg)
{
    struct reader *r = arg;
    struct http_request *req = http_request_resume(r->ticket);

    r->is_paused = false;
    if (req)
        take(req, r);
}

static void on_whole(struct http_request *req, void *arg)
{
    SCRATCH_BUF(text, 0);

    (void)arg;
    buf_add_fmt(&text, "n=%zu sum=%llx", req->body.len, (unsigned long long)add_to(0, req->body));
    http_respond(req, 200, "text/plain", buf_slice(&text), (struct slice){NULL, 0});
}

static const struct http_route routes[] = {
    {HTTP_M_GET | HTTP_M_POST, "/pull", on_pull, &reader, HTTP_ROUTE_PULLED, 8 << 20},
    {HTTP_M_GET | HTTP_M_POST, "/raw", on_pull, &reader, HTTP_ROUTE_PULLED | HTTP_ROUTE_AS_SENT,
     8 << 20},
    {HTTP_M_POST, "/small", on_pull, &reader, HTTP_ROUTE_PULLED, 1000},
    {HTTP_M_POST, "/whole", on_whole, NULL, 0, 8 << 20},
};

#define START()                                                                                    \
    static struct fixture f;                                                                       \
    fixture_start(&f, routes, ARRAY_LEN(routes))

static void set_reader(void *how)
{
    reader = *(const struct reader *)how;
}

/* On the loop, which reads it. */
static void reset(struct fixture *f, struct reader how)
{
    fixture_call(f, set_reader, &how);
}

static void wait_for(atomic_int *n)
{
    CHECK_UNTIL(atomic_load(n));
}

static void send_bytes(int fd, const char *bytes, size_t n_bytes)
{
    while (n_bytes) {
        ssize_t n = send(fd, bytes, n_bytes, MSG_NOSIGNAL);
        if (n <= 0)
            check_fail(__FILE__, __LINE__, "cannot send");
        bytes += n;
        n_bytes -= (size_t)n;
    }
}

/* Something that neither repeats nor packs well. */
static char *some_bytes(size_t n)
{
    char *bytes = mem_new(n + 1);
    uint64_t x = 88172645463325252u;

    for (size_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        bytes[i] = (char)(x >> 11);
    }
    return bytes;
}

static void check_answer(const char *got, const char *bytes, size_t n_bytes)
{
    char want[80];

    (void)snprintf(want, sizeof(want), "n=%zu sum=%llx", n_bytes,
                   (unsigned long long)add_to(0, slice_make(bytes, n_bytes)));
    HAS(got, want);
}

/* A request with this body, in this coding; what it was answered with. */
static char *post(struct fixture *f, const char *path, const char *header, struct slice body)
{
    int fd = fixture_connect(f);
    char head[300];

    (void)snprintf(
        head, sizeof(head),
        "POST %s HTTP/1.1\r\nhost: h\r\nconnection: close\r\n%scontent-length: %zu\r\n\r\n", path,
        header, body.len);
    fixture_send(fd, head);
    send_bytes(fd, body.ptr, body.len);
    char *got = fixture_read(fd, NULL);
    close(fd);
    return got;
}

CASE(a_body_is_read_as_it_comes_and_the_next_request_follows)
{
    enum { N = 3 << 20 };
    START();
    char *bytes = some_bytes(N);
    int fd = fixture_connect(&f);

    reset(&f, (struct reader){0});
    fixture_send(fd, "POST /pull HTTP/1.1\r\nhost: h\r\ncontent-length: 3145728\r\n\r\n");
    wait_for(&reader.n_begun); /* before a byte of it is there */
    send_bytes(fd, bytes, 1000);
    CHECK_UNTIL(atomic_load(&reader.n_read) >= 1000); /* and before the rest is */
    send_bytes(fd, bytes + 1000, N - 1000);
    char *got = fixture_read(fd, "sum=");
    HAS(got, "HTTP/1.1 200 ");
    CHECK(!strstr(got, "connection: close"));
    free(got);
    reset(&f, (struct reader){0});
    fixture_send(fd, "POST /pull HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\nconnection: "
                     "close\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    got = fixture_read(fd, NULL);
    check_answer(got, "hello", 5);
    free(got);
    close(fd);
    reset(&f, (struct reader){0});
    got = fixture_talk(&f, "GET /pull HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    check_answer(got, "", 0);
    free(got);
    mem_free(bytes);
    fixture_stop(&f);
}

/* The reader, and the whole-body routes, see the same whatever the cuts are. */
CASE(where_a_body_is_cut_makes_no_difference)
{
    START();
    SCRATCH_BUF(packed, 0);
    char *bytes = some_bytes(300);

    CHECK(http_gzip(slice_make(bytes, 300), &packed));
    for (size_t cut = 0; cut <= packed.len; cut += 7) {
        static const char *const paths[] = {"/pull", "/whole"};
        for (size_t k = 0; k < ARRAY_LEN(paths); k++) {
            int fd = fixture_connect(&f);
            SCRATCH_BUF(text, 0);
            reset(&f, (struct reader){0});
            buf_add_fmt(&text,
                        "POST %s HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-encoding: "
                        "gzip\r\ntransfer-encoding: chunked\r\n\r\n",
                        paths[k]);
            if (cut)
                buf_add_fmt(&text, "%zx\r\n", cut);
            buf_add_slice(&text, slice_to(buf_slice(&packed), cut));
            buf_add_text(&text, cut ? "\r\n" : "");
            send_bytes(fd, text.ptr, text.len);
            buf_clear(&text);
            if (cut < packed.len) {
                buf_add_fmt(&text, "%zx\r\n", packed.len - cut);
                buf_add_slice(&text, slice_from(buf_slice(&packed), cut));
                buf_add_text(&text, "\r\n");
            }
            buf_add_text(&text, "0\r\n\r\n");
            send_bytes(fd, text.ptr, text.len);
            char *got = fixture_read(fd, NULL);
            check_answer(got, bytes, 300);
            free(got);
            close(fd);
        }
    }
    mem_free(bytes);
    fixture_stop(&f);
}

/* As many bytes as go without waiting for long. */
static size_t send_while_it_goes(int fd, const char *bytes, size_t n_bytes)
{
    size_t sent = 0;

    while (sent < n_bytes) {
        struct pollfd p = {fd, POLLOUT, 0};
        if (poll(&p, 1, 300) != 1)
            break;
        ssize_t n = send(fd, bytes + sent, n_bytes - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            sent += (size_t)n;
    }
    return sent;
}

CASE(who_does_not_read_stops_the_sender_and_may_go_on)
{
    /* the kernel holds some, too */
    enum { N = 6 << 20, HELD_MOST = HTTP_BODY_WINDOW + 4 * 64 * 1024 + (1 << 20) };
    static struct fixture f = {.site.caps = {.head_bytes = 8192,
                                             .n_headers = 32,
                                             .body_bytes = 8 << 20,
                                             .head_timeout_ms = 5000,
                                             .keepalive_timeout_ms = 5000,
                                             .stall_timeout_ms = 100}};
    fixture_start(&f, routes, ARRAY_LEN(routes));
    char *bytes = some_bytes(N);
    int fd = fixture_connect(&f);

    reset(&f, (struct reader){.is_paused = true});
    fixture_send(
        fd,
        "POST /pull HTTP/1.1\r\nhost: h\r\ncontent-length: 6291456\r\nconnection: close\r\n\r\n");
    size_t sent = send_while_it_goes(fd, bytes, N);
    CHECK(sent >= HTTP_BODY_WINDOW);
    CHECK(sent < HELD_MOST);
    check_take_us(350000, "it is not the client that is slow: three times the patience for those");
    CHECK_INT(atomic_load(&reader.n_broken), 0);
    CHECK_INT(atomic_load(&reader.n_gone), 0);
    fixture_call(&f, go_on, &reader);
    send_bytes(fd, bytes + sent, N - sent);
    char *got = fixture_read(fd, NULL);
    check_answer(got, bytes, N);
    free(got);
    close(fd);
    mem_free(bytes);
    fixture_stop(&f);
}

CASE(an_answer_before_the_end_closes_the_connection)
{
    START();
    char *bytes = some_bytes(1 << 20);
    static const size_t when[] = {0, 1, 70000};

    for (size_t i = 0; i < ARRAY_LEN(when); i++) {
        int fd = fixture_connect(&f);
        reset(&f, (struct reader){.answers_at_once = !when[i], .answers_after = when[i]});
        fixture_send(fd, "POST /pull HTTP/1.1\r\nhost: h\r\ncontent-length: 2000000\r\n\r\n");
        (void)send_while_it_goes(fd, bytes, 100000);
        char *got = fixture_read(fd, when[i] ? "sum=" : "\r\n\r\nno");
        HAS(got, "connection: close\r\n");
        free(got);
        close(fd);
    }
    /* Who waits to be told to go on is not told, and need not send. */
    int fd = fixture_connect(&f);
    reset(&f, (struct reader){.answers_at_once = true});
    fixture_send(fd, "POST /pull HTTP/1.1\r\nhost: h\r\ncontent-length: 2000000\r\nexpect: "
                     "100-continue\r\n\r\n");
    char *got = fixture_read(fd, "\r\n\r\nno");
    CHECK(!strstr(got, "100 Continue"));
    free(got);
    close(fd);
    fd = fixture_connect(&f);
    reset(&f, (struct reader){0});
    fixture_send(fd, "POST /pull HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\nexpect: "
                     "100-continue\r\nconnection: close\r\n\r\n");
    free(fixture_read(fd, "100 Continue\r\n\r\n"));
    fixture_send(fd, "abc");
    got = fixture_read(fd, NULL);
    check_answer(got, "abc", 3);
    free(got);
    close(fd);
    mem_free(bytes);
    fixture_stop(&f);
}

CASE(who_hangs_up_at_any_byte_is_told_of_once)
{
    static const char text[] = "POST /pull HTTP/1.1\r\nhost: h\r\ntransfer-encoding: "
                               "chunked\r\n\r\n4\r\nabcd\r\n3\r\nefg\r\n0\r\n\r\n";
    size_t head = (size_t)(strstr(text, "\r\n\r\n") - text) + 4;
    START();

    for (size_t n = head; n < sizeof(text) - 1; n++) {
        for (int is_paused = 0; is_paused < 2; is_paused++) {
            int fd = fixture_connect(&f);
            reset(&f, (struct reader){.is_paused = is_paused});
            send_bytes(fd, text, n);
            wait_for(&reader.n_begun);
            if (n % 2)
                shutdown(fd, SHUT_WR);
            else
                close(fd);
            wait_for(&reader.n_gone);
            if (n % 2)
                close(fd);
            fixture_call(&f, go_on, &reader);
            CHECK_INT(atomic_load(&reader.n_gone), 1);
            CHECK_INT(atomic_load(&reader.n_broken), 0);
            CHECK_INT(atomic_load(&reader.n_whole), 0);
        }
    }
    fixture_stop(&f);
}

CASE(a_body_that_breaks_off_is_told_once_and_refused)
{
    static struct fixture f = {.site.caps = {.head_bytes = 8192,
                                             .n_headers = 32,
                                             .body_bytes = 8 << 20,
                                             .head_timeout_ms = 5000,
                                             .keepalive_timeout_ms = 5000,
                                             .stall_timeout_ms = 100}};
    static const struct {
        const char *request, *answer;
    } rows[] = {
        {"POST /pull HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nslow", "HTTP/1.1 408 "},
        {"POST /pull HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\nno "
         "size\r\n",
         "HTTP/1.1 400 "},
        {"POST /small HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3e7\r\n",
         "HTTP/1.1 408 "},
        {"POST /small HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n400\r\nit "
         "need not be there, but its first bytes",
         NULL},
        {"POST /pull HTTP/1.1\r\nhost: h\r\ncontent-encoding: gzip\r\ncontent-length: "
         "30\r\n\r\nthis is no gzip, whatever says",
         "HTTP/1.1 400 "},
        {"POST /pull HTTP/1.1\r\nhost: h\r\ncontent-encoding: gzip\r\ncontent-length: "
         "10\r\n\r\n\x1f\x8b\x08\x01\x01\x01\x01\x01\x01\x03",
         "HTTP/1.1 400 "},
    };

    fixture_start(&f, routes, ARRAY_LEN(routes));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (int drops = 0; drops < 2; drops++) {
            int fd = fixture_connect(&f);
            reset(&f, (struct reader){.drops_broken = drops, .is_paused = i == 0});
            send_bytes(fd, rows[i].request, strlen(rows[i].request));
            if (!rows[i].answer) {
                char *rest = some_bytes(2000);
                send_bytes(fd, rest, 1024);
                mem_free(rest);
            }
            wait_for(&reader.n_broken);
            shutdown(fd, SHUT_WR);
            char *got = fixture_read(fd, NULL);
            if (drops)
                CHECK_TEXT(got, "");
            else
                HAS(got, rows[i].answer ? rows[i].answer : "HTTP/1.1 413 ");
            free(got);
            close(fd);
            CHECK_INT(atomic_load(&reader.n_broken), 1);
            CHECK_INT(atomic_load(&reader.n_gone), 0);
            CHECK_INT(atomic_load(&reader.n_whole), 0);
        }
    }
    fixture_stop(&f);
}

CASE(gzip_is_unpacked_as_it_is_read_and_held_to_the_cap)
{
    enum { N = 5 << 20 };
    START();
    SCRATCH_BUF(packed, 0);
    char *bytes = mem_new(N + 1);

    memset(bytes, 'z', N);
    CHECK(http_gzip(slice_make(bytes, N), &packed));
    reset(&f, (struct reader){0});
    char *got = post(&f, "/pull", "content-encoding: gzip\r\n", buf_slice(&packed));
    check_answer(got, bytes, N);
    free(got);
    reset(&f, (struct reader){0});
    got = post(&f, "/raw", "content-encoding: gzip\r\n", buf_slice(&packed));
    check_answer(got, packed.ptr, packed.len);
    free(got);
    reset(&f, (struct reader){0});
    got = post(&f, "/small", "content-encoding: gzip\r\n", SLICE_LIT(""));
    check_answer(got, "", 0);
    free(got);
    for (size_t cut = 1; cut < packed.len; cut += packed.len / 8) {
        reset(&f, (struct reader){0});
        got = post(&f, "/pull", "content-encoding: gzip\r\n", slice_to(buf_slice(&packed), cut));
        HAS(got, "corrupt gzip data");
        free(got);
        CHECK_INT(atomic_load(&reader.n_broken), 1);
    }
    buf_clear(&packed);
    CHECK(http_gzip(slice_make(bytes, 100000), &packed));
    CHECK(packed.len < 1000);
    reset(&f, (struct reader){0});
    got = post(&f, "/small", "content-encoding: gzip\r\n", buf_slice(&packed));
    HAS(got, "HTTP/1.1 413 ");
    free(got);
    mem_free(bytes);
    fixture_stop(&f);
}

CASES(RUN(a_body_is_read_as_it_comes_and_the_next_request_follows),
      RUN(where_a_body_is_cut_makes_no_difference),
      RUN(who_does_not_read_stops_the_sender_and_may_go_on),
      RUN(an_answer_before_the_end_closes_the_connection),
      RUN(who_hangs_up_at_any_byte_is_told_of_once),
      RUN(a_body_that_breaks_off_is_told_once_and_refused),
      RUN(gzip_is_unpacked_as_it_is_read_and_held_to_the_cap))
