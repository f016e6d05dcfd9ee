/* fetch: libcurl's multi-socket interface on the loop: curl tells which sockets it waits for and when it wants to be woken, and
 * is told which are ready. Nothing of it runs between. Completions are read after each such call, outside curl's own callbacks,
 * so `done` may start and cancel requests.
 *
 * The watch of a socket ends before curl closes the descriptor, so a number that is used again never meets an old watch.
 * A lookup that hangs is left to its thread (QUICK_EXIT): waiting for it would block the loop. */
#include "net/fetch.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "net/libcurl.h"

enum {
    HTTP_DEADLINE_MS = 10000,
    MAIL_DEADLINE_MS = 30000,
    BODY_MAX = 1 << 20,
    IDLE_CONNECTIONS = 4,
    MAIL_SOCKETS = 4,       /* of one mail: an attempt for each kind of address */
};

static const char NO_LIBRARY[] = "libcurl.so.4 is not installed";

struct fetcher {
    struct loop *loop;
    CURLM *multi;                   /* NULL before the first request */
    uv_timer_t timer;
    struct list running;            /* struct fetch */
    struct list failed;             /* struct fetch: never started, to be told at the end of the turn */
    struct deferred tell;
    size_t n_running;
};

struct fetch {
    struct list link;
    struct fetcher *fetcher;
    CURL *easy;                     /* NULL: never started */
    struct curl_slist *headers;     /* owned; of a mail: the recipient */
    struct held_buf body;
    char *mail;                     /* owned: what is being uploaded */
    size_t mail_len, mail_sent;
    curl_socket_t sockets[MAIL_SOCKETS];    /* of a mail: open ones */
    unsigned n_sockets;
    enum fetch_outcome outcome;     /* OK until something else is known */
    fetch_done *done;
    void *arg;
    char text[CURL_ERROR_SIZE];
};

struct watch {
    uv_poll_t poll;
    struct fetcher *fetcher;
    curl_socket_t fd;
};

/* ---- the loop's side ---- */

static void fetch_free(struct fetch *one)
{
    list_unlink(&one->link);
    if (one->easy)
        libcurl()->easy_cleanup(one->easy);
    if (one->headers)
        libcurl()->slist_free_all(one->headers);
    held_buf_deinit(&one->body);
    if (one->mail)
        explicit_bzero(one->mail, one->mail_len);
    mem_free(one->mail);
    mem_free(one);
}

static void leave(struct fetch *one)
{
    struct fetcher *f = one->fetcher;

    list_unlink(&one->link);
    if (one->easy) {
        libcurl()->multi_remove_handle(f->multi, one->easy);
        f->n_running--;
        loop_count(f->loop, METRIC_FETCHES_RUNNING, -1);
    }
}

static void finish(struct fetch *one)
{
    struct fetch_reply reply = {.outcome = one->outcome, .content_type = "", .text = one->text};
    char *type = NULL;
    long status = 0;

    leave(one);
    if (one->easy) {
        libcurl()->easy_getinfo(one->easy, CURLINFO_RESPONSE_CODE, &status);
        libcurl()->easy_getinfo(one->easy, CURLINFO_CONTENT_TYPE, &type);
    }
    reply.status = (unsigned)status;
    if (type)
        reply.content_type = type;
    if (one->outcome == FETCH_OK)
        reply.body = buf_slice(&one->body.b);
    else if (one->outcome != FETCH_CLOSED)
        loop_count(one->fetcher->loop, METRIC_FETCHES_FAILED, 1);
    one->done(&reply, one->arg);
    fetch_free(one);
}

static enum fetch_outcome outcome_of(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return FETCH_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return FETCH_TIMEOUT;
    case CURLE_FILESIZE_EXCEEDED:
        return FETCH_TOO_LARGE;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return FETCH_BAD_REQUEST;
    default:
        return FETCH_FAILED;
    }
}

static void reap(struct fetcher *f)
{
    CURLMsg *msg;
    int n_left;

    while ((msg = libcurl()->multi_info_read(f->multi, &n_left))) {
        struct fetch *one = NULL;
        CURLcode code = msg->data.result;

        if (msg->msg != CURLMSG_DONE)
            continue;
        libcurl()->easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&one);
        if (one->outcome == FETCH_OK)
            one->outcome = outcome_of(code);
        if (one->outcome != FETCH_OK && !one->text[0])
            (void)snprintf(one->text, sizeof(one->text), "%s", libcurl()->easy_strerror(code));
        finish(one);
    }
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *w = CONTAINER_OF(poll, struct watch, poll);
    struct fetcher *f = w->fetcher;
    int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0), n;

    libcurl()->multi_socket_action(f->multi, w->fd, status < 0 ? CURL_CSELECT_ERR : flags, &n);
    reap(f);
}

static void on_timer(uv_timer_t *timer)
{
    struct fetcher *f = timer->data;
    int n;

    libcurl()->multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &n);
    reap(f);
}

static int on_want_timer(CURLM *multi, long ms, void *arg)
{
    struct fetcher *f = arg;

    (void)multi;
    if (ms < 0)
        uv_timer_stop(&f->timer);
    else
        uv_timer_start(&f->timer, on_timer, (uint64_t)ms, 0);
    return 0;
}

static void on_watch_closed(uv_handle_t *handle)
{
    mem_free(CONTAINER_OF((uv_poll_t *)handle, struct watch, poll));
}

static struct watch *watch_new(struct fetcher *f, curl_socket_t fd)
{
    struct watch *w = MEM_NEW(struct watch);

    w->fetcher = f;
    w->fd = fd;
    if (uv_poll_init_socket(&f->loop->uv, &w->poll, fd)) {
        mem_free(w);
        return NULL;
    }
    libcurl()->multi_assign(f->multi, fd, w);
    return w;
}

static int on_want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct fetcher *f = arg;
    struct watch *w = socket_arg;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w) {
            libcurl()->multi_assign(f->multi, fd, NULL);
            uv_poll_stop(&w->poll);
            uv_close((uv_handle_t *)&w->poll, on_watch_closed);
        }
        return 0;
    }
    if (!w)
        w = watch_new(f, fd);
    if (!w)
        return -1;      /* curl fails what runs */
    return uv_poll_start(&w->poll, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0), on_ready) ? -1 : 0;
}

static void tell_failed(struct deferred *d)
{
    struct fetcher *f = CONTAINER_OF(d, struct fetcher, tell);

    while (!list_is_empty(&f->failed))
        finish(LIST_ENTRY(f->failed.next, struct fetch, link));
}

struct fetcher *fetcher_new(struct loop *loop)
{
    struct fetcher *f = MEM_NEW(struct fetcher);

    LOOP_ASSERT(loop);
    f->loop = loop;
    list_init(&f->running);
    list_init(&f->failed);
    list_init(&f->tell.link);
    f->tell.run = tell_failed;
    f->timer.data = f;
    ASSERT(uv_timer_init(&loop->uv, &f->timer) == 0);
    return f;
}

/* Before the first request: a server that fetches nothing does not load the library. */
static bool get_ready(struct fetcher *f)
{
    if (f->multi)
        return true;
    if (!libcurl() || libcurl()->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)      /* counted */
        return false;
    f->multi = libcurl()->multi_init();
    ASSERT(f->multi != NULL);
    libcurl()->multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_want_socket);
    libcurl()->multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
    libcurl()->multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_want_timer);
    libcurl()->multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
    libcurl()->multi_setopt(f->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)FETCH_CONNECTIONS_MAX);
    libcurl()->multi_setopt(f->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)FETCH_CONNECTIONS_PER_HOST);
    libcurl()->multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
    return true;
}

static void on_timer_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

struct fetcher *fetcher_close(struct fetcher *f)
{
    if (!f)
        return NULL;
    LOOP_ASSERT(f->loop);
    tell_failed(&f->tell);
    while (!list_is_empty(&f->running)) {
        struct fetch *one = LIST_ENTRY(f->running.next, struct fetch, link);
        one->outcome = FETCH_CLOSED;
        finish(one);
    }
    list_unlink(&f->tell.link);
    if (f->multi) {
        libcurl()->multi_cleanup(f->multi);
        libcurl()->global_cleanup();
    }
    uv_close((uv_handle_t *)&f->timer, on_timer_closed);
    return NULL;
}

struct fetch *fetch_cancel(struct fetch *one)
{
    if (one) {
        leave(one);
        fetch_free(one);
    }
    return NULL;
}

/* ---- a request ---- */

static size_t on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
    struct fetch *one = arg;

    buf_add(&one->body.b, bytes, size * n);
    if (!one->body.b.is_failed)
        return size * n;
    one->outcome = FETCH_TOO_LARGE;
    (void)snprintf(one->text, sizeof(one->text), "the answer is larger than %zu bytes", one->body.b.cap_bytes);
    return 0;
}

/* Bytes that would end a line early make another header, or another command, of what follows them. */
static bool is_one_line(const char *text)
{
    return !text || !text[strcspn(text, "\r\n")];
}

static bool is_url_of(const char *url, const char *a, const char *b)
{
    struct slice s = slice_of(url);

    return (slice_is_nocase(slice_to(s, strlen(a)), a) || slice_is_nocase(slice_to(s, strlen(b)), b)) && is_one_line(url);
}

static struct fetch *fetch_new(struct fetcher *f, size_t max_bytes, fetch_done *done, void *arg)
{
    struct fetch *one = MEM_NEW(struct fetch);

    LOOP_ASSERT(f->loop);
    list_init(&one->link);
    one->fetcher = f;
    one->done = done;
    one->arg = arg;
    held_buf_init(&one->body, max_bytes ? max_bytes : BODY_MAX, f->loop->own);
    loop_count(f->loop, METRIC_FETCHES, 1);
    return one;
}

static struct fetch *fail_later(struct fetch *one, enum fetch_outcome outcome, const char *text)
{
    struct fetcher *f = one->fetcher;

    if (one->easy)
        libcurl()->easy_cleanup(one->easy);
    one->easy = NULL;
    one->outcome = outcome;
    (void)snprintf(one->text, sizeof(one->text), "%s", text);
    list_link(&f->failed, &one->link);
    loop_defer(f->loop, &f->tell);
    return one;
}

static struct fetch *run(struct fetch *one)
{
    struct fetcher *f = one->fetcher;

    if (f->n_running >= FETCHES_MAX)
        return fail_later(one, FETCH_BUSY, "too many requests are under way");
    if (libcurl()->multi_add_handle(f->multi, one->easy) != CURLM_OK)
        return fail_later(one, FETCH_FAILED, "the request cannot be started");
    f->n_running++;
    loop_count(f->loop, METRIC_FETCHES_RUNNING, 1);
    list_link(&f->running, &one->link);
    return one;
}

/* A failed curl_easy_setopt is out of memory, or an option this libcurl was built without: then the request must not run, for
 * the option may have been the one that protects it. */
#define SET(one, option, value) (libcurl()->easy_setopt((one)->easy, (option), (value)) == CURLE_OK)

static bool set_common(struct fetch *one, const char *url, uint32_t deadline_ms, const char *ca_file, bool use_proxy)
{
    one->easy = libcurl()->easy_init();
    return one->easy && SET(one, CURLOPT_PRIVATE, one) && SET(one, CURLOPT_URL, url) && SET(one, CURLOPT_NOSIGNAL, 1L) &&
           SET(one, CURLOPT_QUICK_EXIT, 1L) && SET(one, CURLOPT_ERRORBUFFER, one->text) &&
           SET(one, CURLOPT_TIMEOUT_MS, (long)deadline_ms) && SET(one, CURLOPT_WRITEFUNCTION, on_bytes) &&
           SET(one, CURLOPT_WRITEDATA, one) && SET(one, CURLOPT_SSL_VERIFYPEER, 1L) && SET(one, CURLOPT_SSL_VERIFYHOST, 2L) &&
           SET(one, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) && (!ca_file || SET(one, CURLOPT_CAINFO, ca_file)) &&
           SET(one, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) && (use_proxy || SET(one, CURLOPT_PROXY, ""));
}

static bool set_headers(struct fetch *one, const struct fetch_request *r)
{
    /* Without this curl waits a second for "100 Continue" before it sends a larger body. */
    one->headers = libcurl()->slist_append(NULL, "Expect:");
    for (size_t i = 0; one->headers && i < r->n_headers; i++) {
        struct curl_slist *grown = is_one_line(r->headers[i]) ? libcurl()->slist_append(one->headers, r->headers[i]) : NULL;
        if (!grown)
            return false;
        one->headers = grown;
    }
    return one->headers && SET(one, CURLOPT_HTTPHEADER, one->headers);
}

static bool set_method(struct fetch *one, const struct fetch_request *r)
{
    if (r->body.ptr && !(SET(one, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len) && SET(one, CURLOPT_COPYPOSTFIELDS, r->body.ptr)))
        return false;
    if (r->method && strcmp(r->method, "HEAD") == 0)
        return SET(one, CURLOPT_NOBODY, 1L);
    return !r->method || (is_one_line(r->method) && SET(one, CURLOPT_CUSTOMREQUEST, r->method));
}

static bool set_http(struct fetch *one, const struct fetch_request *r)
{
    bool is_https = slice_is_nocase(slice_to(slice_of(r->url), 6), "https:");
    const char *protocols = is_https ? "https" : "http,https";

    return SET(one, CURLOPT_PROTOCOLS_STR, protocols) && SET(one, CURLOPT_REDIR_PROTOCOLS_STR, protocols) &&
           SET(one, CURLOPT_FOLLOWLOCATION, r->max_redirects ? 1L : 0L) && SET(one, CURLOPT_MAXREDIRS, (long)r->max_redirects) &&
           SET(one, CURLOPT_USERAGENT, "hyphad") && SET(one, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)one->body.b.cap_bytes) &&
           set_method(one, r) && set_headers(one, r);
}

struct fetch *fetch_start(struct fetcher *f, const struct fetch_request *r, fetch_done *done, void *arg)
{
    struct fetch *one = fetch_new(f, r->max_bytes, done, arg);

    if (!get_ready(f))
        return fail_later(one, FETCH_FAILED, NO_LIBRARY);
    if (!is_url_of(r->url, "http://", "https://"))
        return fail_later(one, FETCH_BAD_REQUEST, "not an http or https URL");
    if (!set_common(one, r->url, r->deadline_ms ? r->deadline_ms : HTTP_DEADLINE_MS, r->ca_file, r->use_proxy) || !set_http(one, r))
        return fail_later(one, FETCH_BAD_REQUEST, "the request cannot be made");
    return run(one);
}

/* ---- mail ---- */

static size_t on_want_mail(char *room, size_t size, size_t n, void *arg)
{
    struct fetch *one = arg;
    size_t part = one->mail_len - one->mail_sent;

    if (part > size * n)
        part = size * n;
    memcpy(room, one->mail + one->mail_sent, part);
    one->mail_sent += part;
    return part;
}

/* curl says QUIT and then blocks until the server has answered. Nobody needs that answer: the end of what can be read gives it
 * one. For this a mail has its connection for itself, and its sockets are known. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct fetch *one = arg;

    (void)purpose;
    if (one->n_sockets == MAIL_SOCKETS)
        return CURL_SOCKET_BAD;
    curl_socket_t fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
    if (fd != CURL_SOCKET_BAD)
        one->sockets[one->n_sockets++] = fd;
    return fd;
}

static int on_close_socket(void *arg, curl_socket_t fd)
{
    struct fetch *one = arg;

    for (unsigned i = 0; i < one->n_sockets; i++) {
        if (one->sockets[i] == fd)
            one->sockets[i--] = one->sockets[--one->n_sockets];
    }
    return close(fd);
}

static int on_said(CURL *easy, curl_infotype type, char *bytes, size_t n, void *arg)
{
    struct fetch *one = arg;

    (void)easy;
    if (type != CURLINFO_HEADER_OUT || !slice_starts(slice_make(bytes, n), "QUIT"))
        return 0;
    for (unsigned i = 0; i < one->n_sockets; i++)
        shutdown(one->sockets[i], SHUT_RD);
    return 0;
}

static bool set_mail_connection(struct fetch *one)
{
    return SET(one, CURLOPT_FRESH_CONNECT, 1L) && SET(one, CURLOPT_FORBID_REUSE, 1L) &&
           SET(one, CURLOPT_OPENSOCKETFUNCTION, on_open_socket) && SET(one, CURLOPT_OPENSOCKETDATA, one) &&
           SET(one, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket) && SET(one, CURLOPT_CLOSESOCKETDATA, one) &&
           SET(one, CURLOPT_DEBUGFUNCTION, on_said) && SET(one, CURLOPT_DEBUGDATA, one) && SET(one, CURLOPT_VERBOSE, 1L);
}

static bool is_address(const char *text)
{
    size_t n = text ? strcspn(text, " \t\r\n<>") : 0;

    return n && !text[n] && strchr(text, '@');
}

static bool set_mail(struct fetch *one, const struct fetch_mail *m)
{
    bool plain_will_do = m->allow_plain && !m->password;

    one->mail = mem_copy(m->text.ptr, m->text.len);
    one->mail_len = m->text.len;
    one->headers = libcurl()->slist_append(NULL, m->to);
    return one->headers && set_mail_connection(one) && SET(one, CURLOPT_PROTOCOLS_STR, "smtp,smtps") &&
           SET(one, CURLOPT_USE_SSL, (long)(plain_will_do ? CURLUSESSL_TRY : CURLUSESSL_ALL)) && SET(one, CURLOPT_MAIL_FROM, m->from) &&
           SET(one, CURLOPT_MAIL_RCPT, one->headers) && SET(one, CURLOPT_UPLOAD, 1L) && SET(one, CURLOPT_READFUNCTION, on_want_mail) &&
           SET(one, CURLOPT_READDATA, one) && (!m->user || SET(one, CURLOPT_USERNAME, m->user)) &&
           (!m->password || SET(one, CURLOPT_PASSWORD, m->password));
}

struct fetch *fetch_send_mail(struct fetcher *f, const struct fetch_mail *m, fetch_done *done, void *arg)
{
    struct fetch *one = fetch_new(f, 0, done, arg);

    if (!get_ready(f))
        return fail_later(one, FETCH_FAILED, NO_LIBRARY);
    if (!is_url_of(m->url, "smtp://", "smtps://"))
        return fail_later(one, FETCH_BAD_REQUEST, "not an smtp or smtps URL");
    if (!is_address(m->from) || !is_address(m->to))
        return fail_later(one, FETCH_BAD_REQUEST, "not a mail address");
    if (!set_common(one, m->url, m->deadline_ms ? m->deadline_ms : MAIL_DEADLINE_MS, m->ca_file, false) || !set_mail(one, m))
        return fail_later(one, FETCH_BAD_REQUEST, "the mail cannot be sent");
    return run(one);
}
