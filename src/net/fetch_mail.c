/* fetch_mail: a mail is an upload that libcurl reads from us, on a connection of its own. */
#include "net/fetch_mail.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/fetch_state.h"
#include "net/libcurl.h"

enum { MAIL_DEADLINE_MS = 30000 };

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

/* curl says QUIT and then blocks until the server has answered. Nobody needs that answer: the end
 * of what can be read gives it one. For this a mail has its connection for itself, and its sockets
 * are known. */
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
           SET(one, CURLOPT_OPENSOCKETFUNCTION, on_open_socket) &&
           SET(one, CURLOPT_OPENSOCKETDATA, one) &&
           SET(one, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket) &&
           SET(one, CURLOPT_CLOSESOCKETDATA, one) && SET(one, CURLOPT_DEBUGFUNCTION, on_said) &&
           SET(one, CURLOPT_DEBUGDATA, one) && SET(one, CURLOPT_VERBOSE, 1L);
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
    return one->headers && set_mail_connection(one) &&
           SET(one, CURLOPT_PROTOCOLS_STR, "smtp,smtps") &&
           SET(one, CURLOPT_USE_SSL, (long)(plain_will_do ? CURLUSESSL_TRY : CURLUSESSL_ALL)) &&
           SET(one, CURLOPT_MAIL_FROM, m->from) && SET(one, CURLOPT_MAIL_RCPT, one->headers) &&
           SET(one, CURLOPT_UPLOAD, 1L) && SET(one, CURLOPT_READFUNCTION, on_want_mail) &&
           SET(one, CURLOPT_READDATA, one) && (!m->user || SET(one, CURLOPT_USERNAME, m->user)) &&
           (!m->password || SET(one, CURLOPT_PASSWORD, m->password));
}

struct fetch *fetch_send_mail(struct fetcher *f, const struct fetch_mail *m, fetch_done *done,
                              void *arg)
{
    struct fetch *one = fetch_new(f, 0, done, arg);

    if (!fetch_get_ready(f))
        return fetch_fail_later(one, FETCH_FAILED, FETCH_NO_LIBRARY);
    if (!fetch_is_url_of(m->url, "smtp://", "smtps://"))
        return fetch_fail_later(one, FETCH_BAD_REQUEST, "not an smtp or smtps URL");
    if (!is_address(m->from) || !is_address(m->to))
        return fetch_fail_later(one, FETCH_BAD_REQUEST, "not a mail address");
    if (!fetch_set_common(one, m->url, m->deadline_ms ? m->deadline_ms : MAIL_DEADLINE_MS,
                          m->ca_file, false) ||
        !set_mail(one, m))
        return fetch_fail_later(one, FETCH_BAD_REQUEST, "the mail cannot be sent");
    return fetch_run(one);
}
