/* fetch: libcurl's multi-socket interface on the loop: curl tells which sockets it waits for and
 * when it wants to be woken, and is told which are ready. Nothing of it runs between. Completions
 * are read after each such call, outside curl's own callbacks, so `done` may start and cancel
 * requests.
 *
 * The watch of a socket ends before curl closes the descriptor, so a number that is used again
 * never meets an old watch. A lookup that hangs is left to its thread (QUICK_EXIT): waiting for it
 * would block the loop. */
#include "net/fetch.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "net/fetch_state.h"
#include "net/libcurl.h"

enum {
    HTTP_DEADLINE_MS = 10000,
    CONNECT_MS = 300000, /* libcurl's own: the deadline comes first */
    PULLED_WINDOW_S = 60,
    BODY_MAX = 1 << 20,
    IDLE_CONNECTIONS = 4,
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
    list_unlink(&one->tell.link);
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

static void fetch_leave(struct fetch *one)
{
    struct fetcher *f = one->fetcher;

    if (one->is_running) {
        one->is_running = false;
        libcurl()->multi_remove_handle(f->multi, one->easy);
        f->n_running--;
        loop_count(f->loop, METRIC_FETCHES_RUNNING, -1);
    }
}

static void fetch_finish(struct fetch *one)
{
    struct fetch_reply reply = {.outcome = one->outcome, .content_type = "", .text = one->text};
    char *type = NULL;
    long status = 0;

    fetch_leave(one);
    if (one->easy) {
        libcurl()->easy_getinfo(one->easy, CURLINFO_RESPONSE_CODE, &status);
        libcurl()->easy_getinfo(one->easy, CURLINFO_CONTENT_TYPE, &type);
    }
    reply.status = (unsigned)status;
    if (type)
        reply.content_type = type;
    if (one->outcome == FETCH_OK && !one->on_body)
        reply.body = buf_slice(&one->body.b);
    else if (one->outcome != FETCH_CLOSED)
        loop_count(one->fetcher->loop, METRIC_FETCHES_FAILED, 1);
    list_unlink(&one->link);
    one->done(&reply, one->arg);
    fetch_free(one);
}

static size_t fetch_n_unread(const struct fetch *one)
{
    return one->body.b.len - one->n_read;
}

/* curl is done with it. What has come of a body that is pulled is still to be read. */
static void fetch_end(struct fetch *one)
{
    if (one->on_body && one->outcome == FETCH_OK && fetch_n_unread(one))
        fetch_leave(one);
    else
        fetch_finish(one);
}

static enum fetch_outcome fetch_outcome_of(CURLcode code)
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

static void fetch_reap(struct fetcher *f)
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
            one->outcome = fetch_outcome_of(code);
        if (one->outcome != FETCH_OK && !one->text[0])
            (void)snprintf(one->text, sizeof(one->text), "%s", libcurl()->easy_strerror(code));
        fetch_end(one);
    }
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *w = CONTAINER_OF(poll, struct watch, poll);
    struct fetcher *f = w->fetcher;
    int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
                (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0),
        n;

    libcurl()->multi_socket_action(f->multi, w->fd, status < 0 ? CURL_CSELECT_ERR : flags, &n);
    fetch_reap(f);
}

static void fetch_on_timer(uv_timer_t *timer)
{
    struct fetcher *f = timer->data;
    int n;

    libcurl()->multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &n);
    fetch_reap(f);
}

static int on_want_timer(CURLM *multi, long ms, void *arg)
{
    struct fetcher *f = arg;

    (void)multi;
    if (ms < 0)
        uv_timer_stop(&f->timer);
    else
        uv_timer_start(&f->timer, fetch_on_timer, (uint64_t)ms, 0);
    return 0;
}

static void on_watch_closed(uv_handle_t *handle)
{
    mem_free(CONTAINER_OF((uv_poll_t *)handle, struct watch, poll));
}

static struct watch *fetch_watch_new(struct fetcher *f, curl_socket_t fd)
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
        w = fetch_watch_new(f, fd);
    if (!w)
        return -1; /* curl fails what runs */
    return uv_poll_start(&w->poll,
                         (what & CURL_POLL_IN ? UV_READABLE : 0) |
                             (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
                         on_ready)
               ? -1
               : 0;
}

static void tell_failed(struct deferred *d)
{
    struct fetcher *f = CONTAINER_OF(d, struct fetcher, tell);

    while (!list_is_empty(&f->failed))
        fetch_finish(LIST_ENTRY(f->failed.next, struct fetch, link));
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
bool fetch_get_ready(struct fetcher *f)
{
    if (f->multi)
        return true;
    if (!libcurl())
        return false;
    f->multi = libcurl()->multi_init();
    ASSERT(f->multi != NULL);
    libcurl()->multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_want_socket);
    libcurl()->multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
    libcurl()->multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_want_timer);
    libcurl()->multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
    libcurl()->multi_setopt(f->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)FETCH_CONNECTIONS_MAX);
    libcurl()->multi_setopt(f->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                            (long)FETCH_CONNECTIONS_PER_HOST);
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
        fetch_finish(one);
    }
    list_unlink(&f->tell.link);
    if (f->multi)
        libcurl()->multi_cleanup(f->multi);
    uv_close((uv_handle_t *)&f->timer, on_timer_closed);
    return NULL;
}

struct fetch *fetch_cancel(struct fetch *one)
{
    if (one) {
        fetch_leave(one);
        fetch_free(one);
    }
    return NULL;
}

/* ---- a request ---- */

static size_t on_pulled_bytes(struct fetch *one, struct slice bytes)
{
    one->is_paused = fetch_n_unread(one) >= FETCH_WINDOW;
    if (one->is_paused)
        return CURL_WRITEFUNC_PAUSE; /* it brings the same again */
    one->n_body += bytes.len;
    if (one->max_bytes && one->n_body > one->max_bytes) {
        one->outcome = FETCH_TOO_LARGE;
        (void)snprintf(one->text, sizeof(one->text), "the answer is larger than %llu bytes",
                       (unsigned long long)one->max_bytes);
        return 0;
    }
    buf_add_slice(&one->body.b, bytes);
    if (one->body.b.is_failed) {
        (void)snprintf(one->text, sizeof(one->text), "there is no room for the answer");
        return 0;
    }
    one->has_more = true;
    loop_defer(one->fetcher->loop, &one->tell);
    return bytes.len;
}

static size_t fetch_on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
    struct fetch *one = arg;

    if (one->on_body)
        return on_pulled_bytes(one, slice_make(bytes, size * n));
    buf_add(&one->body.b, bytes, size * n);
    if (!one->body.b.is_failed)
        return size * n;
    one->outcome = FETCH_TOO_LARGE;
    (void)snprintf(one->text, sizeof(one->text), "the answer is larger than %zu bytes",
                   one->body.b.cap_bytes);
    return 0;
}

/* At the end of a turn, so that neither curl nor the puller is in the middle of something. */
static void on_tell(struct deferred *d)
{
    struct fetch *one = CONTAINER_OF(d, struct fetch, tell);

    if (one->is_running && one->is_paused && fetch_n_unread(one) <= FETCH_WINDOW / 2) {
        one->is_paused = false;
        libcurl()->easy_pause(one->easy, CURLPAUSE_CONT);
    }
    if (one->has_more) {
        one->has_more = false;
        one->on_body(one, one->arg); /* may have cancelled it */
    } else if (!one->is_running && !fetch_n_unread(one)) {
        fetch_finish(one);
    }
}

struct slice fetch_peek(const struct fetch *one)
{
    return slice_from(buf_slice(&one->body.b), one->n_read);
}

void fetch_read(struct fetch *one, size_t n_bytes)
{
    LOOP_ASSERT(one->fetcher->loop);
    ASSERT(one->on_body && n_bytes <= fetch_n_unread(one));
    one->n_read += n_bytes;
    buf_drop_read(&one->body.b, &one->n_read);
    if ((one->is_paused && fetch_n_unread(one) <= FETCH_WINDOW / 2) ||
        (!one->is_running && !fetch_n_unread(one)))
        loop_defer(one->fetcher->loop, &one->tell);
}

unsigned fetch_status(const struct fetch *one)
{
    long status = 0;

    libcurl()->easy_getinfo(one->easy, CURLINFO_RESPONSE_CODE, &status);
    return (unsigned)status;
}

/* Bytes that would end a line early make another header, or another command, of what follows
 * them. */
static bool is_one_line(const char *text)
{
    return !text || !text[strcspn(text, "\r\n")];
}

bool fetch_is_url_of(const char *url, const char *a, const char *b)
{
    struct slice s = slice_of(url);

    return (slice_is_nocase(slice_to(s, strlen(a)), a) ||
            slice_is_nocase(slice_to(s, strlen(b)), b)) &&
           is_one_line(url);
}

struct fetch *fetch_new(struct fetcher *f, size_t max_bytes, fetch_done *done, void *arg)
{
    struct fetch *one = MEM_NEW(struct fetch);

    LOOP_ASSERT(f->loop);
    list_init(&one->link);
    list_init(&one->tell.link);
    one->tell.run = on_tell;
    one->fetcher = f;
    one->done = done;
    one->arg = arg;
    held_buf_init(&one->body, max_bytes ? max_bytes : BODY_MAX, f->loop->own);
    loop_count(f->loop, METRIC_FETCHES, 1);
    return one;
}

struct fetch *fetch_fail_later(struct fetch *one, enum fetch_outcome outcome, const char *text)
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

struct fetch *fetch_run(struct fetch *one)
{
    struct fetcher *f = one->fetcher;

    if (f->n_running >= FETCHES_MAX)
        return fetch_fail_later(one, FETCH_BUSY, "too many requests are under way");
    if (libcurl()->multi_add_handle(f->multi, one->easy) != CURLM_OK)
        return fetch_fail_later(one, FETCH_FAILED, "the request cannot be started");
    one->is_running = true;
    f->n_running++;
    loop_count(f->loop, METRIC_FETCHES_RUNNING, 1);
    list_link(&f->running, &one->link);
    return one;
}

bool fetch_set_common(struct fetch *one, const char *url, uint32_t deadline_ms, const char *ca_file,
                      bool use_proxy)
{
    one->easy = libcurl()->easy_init();
    return one->easy && SET(one, CURLOPT_PRIVATE, one) && SET(one, CURLOPT_URL, url) &&
           SET(one, CURLOPT_NOSIGNAL, 1L) && SET(one, CURLOPT_QUICK_EXIT, 1L) &&
           SET(one, CURLOPT_ERRORBUFFER, one->text) &&
           SET(one, CURLOPT_TIMEOUT_MS, (long)deadline_ms) &&
           SET(one, CURLOPT_WRITEFUNCTION, fetch_on_bytes) && SET(one, CURLOPT_WRITEDATA, one) &&
           SET(one, CURLOPT_SSL_VERIFYPEER, 1L) && SET(one, CURLOPT_SSL_VERIFYHOST, 2L) &&
           SET(one, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           (!ca_file || SET(one, CURLOPT_CAINFO, ca_file)) &&
           SET(one, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
           (use_proxy || SET(one, CURLOPT_PROXY, ""));
}

static bool fetch_set_headers(struct fetch *one, const struct fetch_request *r)
{
    /* Without this curl waits a second for "100 Continue" before it sends a larger body. */
    one->headers = libcurl()->slist_append(NULL, "Expect:");
    for (size_t i = 0; one->headers && i < r->n_headers; i++) {
        struct curl_slist *grown = is_one_line(r->headers[i])
                                       ? libcurl()->slist_append(one->headers, r->headers[i])
                                       : NULL;
        if (!grown)
            return false;
        one->headers = grown;
    }
    return one->headers && SET(one, CURLOPT_HTTPHEADER, one->headers);
}

static bool set_method(struct fetch *one, const struct fetch_request *r)
{
    if (r->body.ptr && !(SET(one, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len) &&
                         SET(one, CURLOPT_COPYPOSTFIELDS, r->body.ptr)))
        return false;
    if (r->method && strcmp(r->method, "HEAD") == 0)
        return SET(one, CURLOPT_NOBODY, 1L);
    return !r->method || (is_one_line(r->method) && SET(one, CURLOPT_CUSTOMREQUEST, r->method));
}

static bool set_progress(struct fetch *one, const struct fetch_request *r)
{
    bool is_pulled = r->on_body != NULL;
    long rate = r->min_rate ? (long)r->min_rate : is_pulled;
    long window_s = r->rate_window_s ? (long)r->rate_window_s : PULLED_WINDOW_S;

    return SET(one, CURLOPT_CONNECTTIMEOUT_MS, r->connect_ms ? (long)r->connect_ms : CONNECT_MS) &&
           (!rate || (SET(one, CURLOPT_LOW_SPEED_LIMIT, rate) &&
                      SET(one, CURLOPT_LOW_SPEED_TIME, window_s))) &&
           (is_pulled
                ? !r->max_bytes || SET(one, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)r->max_bytes)
                : SET(one, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)one->body.b.cap_bytes));
}

static bool set_http(struct fetch *one, const struct fetch_request *r)
{
    bool is_https = slice_is_nocase(slice_to(slice_of(r->url), 6), "https:");
    const char *protocols = is_https ? "https" : "http,https";

    return SET(one, CURLOPT_PROTOCOLS_STR, protocols) &&
           SET(one, CURLOPT_REDIR_PROTOCOLS_STR, protocols) &&
           SET(one, CURLOPT_FOLLOWLOCATION, r->max_redirects ? 1L : 0L) &&
           SET(one, CURLOPT_MAXREDIRS, (long)r->max_redirects) &&
           SET(one, CURLOPT_USERAGENT, "hyphad") && set_progress(one, r) && set_method(one, r) &&
           fetch_set_headers(one, r);
}

struct fetch *fetch_start(struct fetcher *f, const struct fetch_request *r, fetch_done *done,
                          void *arg)
{
    struct fetch *one = fetch_new(f, r->on_body ? 2 * FETCH_WINDOW : r->max_bytes, done, arg);
    uint32_t deadline_ms = r->deadline_ms || r->on_body ? r->deadline_ms : HTTP_DEADLINE_MS;

    one->on_body = r->on_body;
    one->max_bytes = r->max_bytes;
    if (!fetch_get_ready(f))
        return fetch_fail_later(one, FETCH_FAILED, FETCH_NO_LIBRARY);
    if (!fetch_is_url_of(r->url, "http://", "https://"))
        return fetch_fail_later(one, FETCH_BAD_REQUEST, "not an http or https URL");
    if (!fetch_set_common(one, r->url, deadline_ms, r->ca_file, r->use_proxy) || !set_http(one, r))
        return fetch_fail_later(one, FETCH_BAD_REQUEST, "the request cannot be made");
    return fetch_run(one);
}
