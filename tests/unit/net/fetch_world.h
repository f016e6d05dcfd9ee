/* fetch_world: requests to a server that a thread of the test plays: it answers each connection
 * with what it was told, and keeps what it was sent. */
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "net/fetch_mail.h"
#include "unit/net/turns.h"

enum { ASKED_MAX = 8192, ANSWERS_MAX = 4 };

struct world {
    struct turns t;
    struct fetcher *f;
    int listener;
    uint16_t port;
    pthread_t thread;
    char url[64];
    /* the server's */
    /* one per connection; NULL = say nothing until the other side ends */
    const char *answers[ANSWERS_MAX];
    int n_answers;
    char asked[ASKED_MAX];
    size_t n_asked;
    /* what came back */
    int n_done;
    struct fetch_reply reply;
    char body[ASKED_MAX], type[64], text[256];
};

static inline void keep(const struct fetch_reply *reply, void *arg)
{
    struct world *w = arg;

    w->n_done++;
    w->reply = *reply;
    CHECK(reply->body.len < sizeof(w->body));
    memcpy(w->body, reply->body.ptr ? reply->body.ptr : "", reply->body.len);
    w->body[reply->body.len] = '\0';
    snprintf(w->type, sizeof(w->type), "%s", reply->content_type);
    snprintf(w->text, sizeof(w->text), "%s", reply->text);
}

/* Reads on until what was read ends in `end`; false at the end of the stream. */
static inline bool read_until(struct world *w, int fd, const char *end)
{
    size_t n_end = strlen(end), from = w->n_asked;

    while (w->n_asked < from + n_end || memcmp(w->asked + w->n_asked - n_end, end, n_end) != 0) {
        if (w->n_asked == ASKED_MAX - 1 || recv(fd, w->asked + w->n_asked, 1, 0) != 1)
            return false;
        w->asked[++w->n_asked] = '\0';
    }
    return true;
}

static inline void *serve(void *arg)
{
    struct world *w = arg;

    for (int i = 0; i < w->n_answers; i++) {
        int fd = accept(w->listener, NULL, NULL);
        if (fd < 0)
            break;
        bool has_request = read_until(w, fd, "\r\n\r\n");
        if (has_request && strstr(w->asked, "Content-Length: 4"))
            (void)read_until(w, fd, "body");
        if (w->answers[i])
            (void)!write(fd, w->answers[i], strlen(w->answers[i]));
        else
            (void)read_until(w, fd, "never");
        close(fd);
    }
    return NULL;
}

static inline void open_world(struct world *w, void *(*play)(void *arg), int n_answers,
                              const char *const *answers)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);

    memset(w, 0, sizeof(*w));
    turns_init(&w->t, 1);
    w->f = fetcher_new(w->t.loop);
    w->n_answers = n_answers;
    for (int i = 0; i < n_answers; i++)
        w->answers[i] = answers[i];
    w->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(bind(w->listener, (struct sockaddr *)&at, sizeof(at)), 0);
    CHECK_INT(listen(w->listener, 8), 0);
    CHECK_INT(getsockname(w->listener, (struct sockaddr *)&at, &len), 0);
    w->port = ntohs(at.sin_port);
    snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%u/here", w->port);
    CHECK_INT(pthread_create(&w->thread, NULL, play, w), 0);
}

static inline void shut(struct world *w)
{
    fetcher_close(w->f);
    shutdown(w->listener, SHUT_RDWR);
    pthread_join(w->thread, NULL);
    close(w->listener);
    CHECK_INT(w->t.loop->metrics.values[METRIC_FETCHES_RUNNING], 0);
    turns_deinit(&w->t);
}

#define OPEN(w, ...)                                                                               \
    open_world((w), serve, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),          \
               (const char *[]){__VA_ARGS__})

static inline void get(struct world *w, struct fetch_request *r)
{
    if (!r->url)
        r->url = w->url;
    CHECK(fetch_start(w->f, r, keep, w) != NULL);
    CHECK_INT(w->n_done, 0);
    TURNS_UNTIL(&w->t, w->n_done == 1);
}
