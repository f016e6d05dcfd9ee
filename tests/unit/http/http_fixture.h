/* http_fixture: one running loop that serves HTTP on socketpairs. A test speaks raw bytes on its
 * end; every read has a deadline. */
#pragma once
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "harness/check.h"
#include "http/http_conn.h"
#include "http/response.h"
#include "http/serve.h"
#include "loop/loop.h"

enum { FIXTURE_DEADLINE_MS = 10000 };

struct fixture {
    struct loop_set set;
    struct http_site site;
    struct http_loop hl;
};

struct fixture_mail {
    struct mail mail;
    struct fixture *f;
    int fd;
    void (*run)(void *arg);
    void *arg;
    atomic_bool done;
};

static void fixture_run_open(struct loop *l, struct mail *mail)
{
    struct fixture_mail *m = CONTAINER_OF(mail, struct fixture_mail, mail);

    (void)l;
    http_serve(&m->f->hl, m->fd, NULL);
    mem_free(m);
}

static void fixture_start(struct fixture *f, const struct http_route *routes, size_t n_routes)
{
    check_allow_fds(2);
    signal(SIGPIPE, SIG_IGN);
    f->site.routes = (struct http_routes){routes, n_routes};
    if (!f->site.caps.head_bytes)
        f->site.caps = (struct http_caps){.head_bytes = 8192,
                                          .n_headers = 32,
                                          .body_bytes = 100000,
                                          .head_timeout_ms = 5000,
                                          .keepalive_timeout_ms = 5000,
                                          .stall_timeout_ms = 5000};
    CHECK_INT(loop_set_init(&f->set, 1), 0);
    http_loop_init(&f->hl, &f->set.loops[0], &f->site);
    CHECK_INT(loop_set_start(&f->set), 0);
}

/* The client's end of a new connection. */
static int fixture_connect(struct fixture *f)
{
    int fds[2];
    struct fixture_mail *m = MEM_NEW(struct fixture_mail);

    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    m->mail.run = fixture_run_open;
    m->f = f;
    m->fd = fds[1];
    loop_post_outside(&f->set.loops[0], &m->mail);
    return fds[0];
}

static void fixture_run_call(struct loop *l, struct mail *mail)
{
    struct fixture_mail *m = CONTAINER_OF(mail, struct fixture_mail, mail);

    (void)l;
    m->run(m->arg);
    atomic_store(&m->done, true);
}

/* Runs a function on the loop and waits for its end. */
static inline void fixture_call(struct fixture *f, void (*run)(void *arg), void *arg)
{
    struct fixture_mail m = {.mail.run = fixture_run_call, .run = run, .arg = arg};

    loop_post_outside(&f->set.loops[0], &m.mail);
    CHECK_UNTIL(atomic_load(&m.done));
}

static void fixture_close_all(void *arg)
{
    http_loop_close_all(arg);
}

struct fixture_look {
    const struct http_loop *hl;
    size_t n_conns;
};

static void fixture_look(void *arg)
{
    struct fixture_look *look = arg;

    look->n_conns = look->hl->n_conns;
}

/* Connections that are cut end with the turn, and a loop that is told to stop in that turn has no
 * end of it. */
static void fixture_stop(struct fixture *f)
{
    struct fixture_look look = {.hl = &f->hl};

    fixture_call(f, fixture_close_all, &f->hl);
    do
        fixture_call(f, fixture_look, &look);
    while (look.n_conns);
    loop_set_stop(&f->set);
    CHECK_INT(f->hl.n_conns, 0);
    loop_set_drain_after_stop(&f->set);
    http_loop_deinit(&f->hl);
    loop_set_deinit(&f->set);
}

static void fixture_send(int fd, const char *text)
{
    size_t len = strlen(text);

    while (len) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n <= 0)
            check_fail(__FILE__, __LINE__, "cannot send");
        text += n;
        len -= (size_t)n;
    }
}

/* Reads until the text is in, or, for NULL, until the other side has closed. The caller frees
 * what was read. */
static char *fixture_read(int fd, const char *until)
{
    size_t len = 0, room = 1 << 16;
    char *got = mem_new(room);

    while (!until || !strstr(got, until)) {
        struct pollfd p = {fd, POLLIN, 0};
        if (poll(&p, 1, FIXTURE_DEADLINE_MS) != 1)
            check_fail(__FILE__, __LINE__, "no answer in time; so far: %s", got);
        if (room - len < 4096) {
            got = mem_resize(got, room *= 2);
            ASSERT(got);
        }
        ssize_t n = recv(fd, got + len, room - len - 1, 0);
        if (n <= 0 && !until)
            break;
        if (n <= 0)
            check_fail(__FILE__, __LINE__, "closed before \"%s\"; so far: %s", until, got);
        len += (size_t)n;
        got[len] = '\0';
    }
    return got;
}

/* One connection: sends, reads all until the server closes. */
static inline char *fixture_talk(struct fixture *f, const char *text)
{
    int fd = fixture_connect(f);

    fixture_send(fd, text);
    char *got = fixture_read(fd, NULL);
    close(fd);
    return got;
}

static inline void fixture_has(const char *file, int line, const char *text, const char *piece)
{
    if (!text || !strstr(text, piece))
        check_fail(file, line, "\"%s\" is not in:\n%s", piece, text ? text : "");
}

static inline int fixture_count(const char *text, const char *piece)
{
    int n = 0;

    for (const char *at = strstr(text, piece); at; at = strstr(at + 1, piece))
        n++;
    return n;
}

#define HAS(text, piece) fixture_has(__FILE__, __LINE__, (text), (piece))

/* A request that waits until the test says so. */
struct held {
    struct http_ticket ticket;
    atomic_bool is_here;
    atomic_int n_gone, n_drained;
};

static inline void on_hold_gone(void *owner)
{
    struct held *h = owner;

    CHECK(!http_request_resume(h->ticket));
    atomic_fetch_add(&h->n_gone, 1);
}

static inline void on_hold(struct http_request *req, void *arg)
{
    struct held *h = arg;

    h->ticket = http_request_park(req, &(struct http_watch){.owner = h, .on_gone = on_hold_gone});
    atomic_store(&h->is_here, true);
}

/* Answers if there is still somebody to answer. */
static inline void release(void *arg)
{
    struct held *h = arg;
    struct http_request *req = http_request_resume(h->ticket);

    if (req)
        http_respond_text(req, 200, "released");
    CHECK(!http_request_resume(h->ticket));
}

static inline void wait_held(struct held *h)
{
    CHECK_UNTIL(atomic_load(&h->is_here));
}
