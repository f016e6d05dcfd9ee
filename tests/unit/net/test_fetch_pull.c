/* Answers that are pulled: as they come, paused and resumed, cut, given up; on any loop. */
#include "unit/net/fetch_world.h"

enum { BIG = 3 << 20 };

static char big_byte(size_t i)
{
    return (char)(i * 7 + (i >> 9));
}

/* One answer that is far longer than what anybody holds. */
static void *serve_big(void *arg)
{
    static char bytes[BIG];
    struct world *w = arg;
    int fd = accept(w->listener, NULL, NULL);
    char head[100];

    for (size_t i = 0; i < BIG; i++)
        bytes[i] = big_byte(i);
    if (fd < 0 || !read_until(w, fd, "\r\n\r\n"))
        return NULL;
    int n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BIG);
    (void)!send(fd, head, (size_t)n, MSG_NOSIGNAL);
    for (size_t at = 0; at < BIG;) {
        ssize_t sent = send(fd, bytes + at, BIG - at, MSG_NOSIGNAL);
        if (sent <= 0)
            break;
        at += (size_t)sent;
    }
    close(fd);
    return NULL;
}

struct puller {
    struct world w;
    struct fetch *one;
    size_t n_read, n_told, n_most; /* n_most: of bytes that were held */
    bool is_paused, cancels;
    unsigned status;
};

static void pull(struct puller *p)
{
    struct slice bytes = fetch_peek(p->one);

    p->n_most = bytes.len > p->n_most ? bytes.len : p->n_most;
    if (p->is_paused)
        return;
    for (size_t i = 0; i < bytes.len; i++)
        CHECK(bytes.ptr[i] == big_byte(p->n_read + i));
    p->n_read += bytes.len;
    fetch_read(p->one, bytes.len);
}

static void on_body(struct fetch *one, void *arg)
{
    struct puller *p = CONTAINER_OF((struct world *)arg, struct puller, w);

    CHECK(one == p->one);
    CHECK_INT(p->w.n_done, 0);
    p->n_told++;
    p->status = fetch_status(one);
    if (p->cancels)
        p->one = fetch_cancel(one);
    else
        pull(p);
}

static void pull_from(struct puller *p, void *(*play)(void *arg), struct fetch_request *r,
                      const char *answer)
{
    memset(p, 0, sizeof(*p));
    open_world(&p->w, play, 1, &answer);
    r->url = p->w.url;
    r->on_body = on_body;
    p->one = fetch_start(p->w.f, r, keep, &p->w);
}

CASE(an_answer_is_pulled_and_whoever_waits_stops_the_other_side)
{
    static struct puller p;

    pull_from(&p, serve_big, &(struct fetch_request){0}, NULL);
    p.is_paused = true;
    TURNS_UNTIL(&p.w.t, p.n_most >= FETCH_WINDOW);
    CHECK_INT(p.status, 200);
    size_t n_told = p.n_told;
    for (int i = 0; i < 50; i++)
        turns_run(&p.w.t);
    CHECK(p.n_told <= n_told + 1);
    CHECK(fetch_peek(p.one).len < FETCH_WINDOW + 64 * 1024);
    CHECK_INT(p.w.n_done, 0);
    p.is_paused = false;
    pull(&p);
    TURNS_UNTIL(&p.w.t, p.w.n_done == 1);
    CHECK_INT(p.w.reply.outcome, FETCH_OK);
    CHECK_INT(p.n_read, BIG);
    CHECK_TEXT(p.w.body, "");
    shut(&p.w);
}

/* The other side has sent all and gone; the reader has not read. */
CASE(what_has_come_is_read_before_the_end_is_told)
{
    static struct puller p;

    pull_from(&p, serve, &(struct fetch_request){0},
              "HTTP/1.1 201 Made\r\nContent-Length: 1\r\n\r\nx");
    p.is_paused = true;
    TURNS_UNTIL(&p.w.t, p.n_told == 1);
    for (int i = 0; i < 50; i++)
        turns_run(&p.w.t);
    CHECK_INT(p.w.n_done, 0);
    fetch_read(p.one, fetch_peek(p.one).len);
    CHECK_INT(p.w.n_done, 0); /* never from within a call */
    TURNS_UNTIL(&p.w.t, p.w.n_done == 1);
    CHECK_INT(p.w.reply.status, 201);
    shut(&p.w);
}

CASE(a_pulled_answer_is_cancelled_closed_or_cut)
{
    static struct puller p;

    pull_from(&p, serve_big, &(struct fetch_request){0}, NULL);
    p.cancels = true;
    TURNS_UNTIL(&p.w.t, !p.one);
    for (int i = 0; i < 20; i++)
        turns_run(&p.w.t);
    CHECK_INT(p.w.n_done, 0);
    CHECK_INT(p.n_told, 1);
    shut(&p.w);

    pull_from(&p, serve_big, &(struct fetch_request){0}, NULL);
    p.is_paused = true;
    TURNS_UNTIL(&p.w.t, p.n_most >= FETCH_WINDOW);
    shut(&p.w); /* paused */
    CHECK_INT(p.w.reply.outcome, FETCH_CLOSED);
    CHECK_INT(p.w.n_done, 1);

    pull_from(&p, serve, &(struct fetch_request){0},
              "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    TURNS_UNTIL(&p.w.t, p.w.n_done == 1);
    CHECK_INT(p.w.reply.outcome, FETCH_FAILED);
    shut(&p.w);

    pull_from(&p, serve_big, &(struct fetch_request){.max_bytes = BIG - 1}, NULL);
    TURNS_UNTIL(&p.w.t, p.w.n_done == 1);
    CHECK_INT(p.w.reply.outcome, FETCH_TOO_LARGE);
    shut(&p.w);
}

static void turns_for(struct turns *t, uint64_t ms)
{
    uint64_t end = uv_hrtime() / 1000000 + ms;

    while (uv_hrtime() / 1000000 < end) {
        struct pollfd p = {uv_backend_fd(&t->loop->uv), POLLIN, 0};
        turns_run(t);
        (void)poll(&p, 1, 5);
    }
}

CASE(who_sends_too_little_is_given_up_and_who_is_not_read_is_not)
{
    static struct puller p;

    pull_from(&p, serve, &(struct fetch_request){.min_rate = 1000, .rate_window_s = 1}, NULL);
    TURNS_UNTIL(&p.w.t, p.w.n_done == 1);
    CHECK_INT(p.w.reply.outcome, FETCH_TIMEOUT);
    shut(&p.w);

    pull_from(&p, serve_big, &(struct fetch_request){.min_rate = 1000, .rate_window_s = 1}, NULL);
    p.is_paused = true;
    TURNS_UNTIL(&p.w.t, p.n_most >= FETCH_WINDOW);
    turns_for(&p.w.t, 2500);
    CHECK_INT(p.w.n_done, 0);
    p.is_paused = false;
    pull(&p);
    TURNS_UNTIL(&p.w.t, p.w.n_done == 1);
    CHECK_INT(p.w.reply.outcome, FETCH_OK);
    CHECK_INT(p.n_read, BIG);
    shut(&p.w);
}

/* A server whose queue is full answers no SYN. */
CASE(a_connection_has_a_deadline_of_its_own)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    struct world w;
    int full = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fds[8];
    char url[64];

    OPEN(&w, NULL);
    CHECK_INT(bind(full, (struct sockaddr *)&at, len), 0);
    CHECK_INT(listen(full, 0), 0);
    CHECK_INT(getsockname(full, (struct sockaddr *)&at, &len), 0);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (struct sockaddr *)&at, len);
    }
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ntohs(at.sin_port));
    get(&w, &(struct fetch_request){.url = url, .connect_ms = 200, .deadline_ms = 60000});
    CHECK_INT(w.reply.outcome, FETCH_TIMEOUT);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    close(full);
    shut(&w);
}

/* ---- loops of their own ---- */

struct crew {
    struct mail mail;
    const char *url;
    struct loop *loop;
    struct fetcher *f;
    atomic_uint status;
    atomic_bool is_closed;
};

static void crew_done(const struct fetch_reply *reply, void *arg)
{
    atomic_store(&((struct crew *)arg)->status, reply->status);
}

static void crew_start(struct loop *l, struct mail *mail)
{
    struct crew *c = CONTAINER_OF(mail, struct crew, mail);

    c->f = fetcher_new(l);
    (void)fetch_start(c->f, &(struct fetch_request){.url = c->url}, crew_done, c);
}

static void crew_stop(struct loop *l, struct mail *mail)
{
    struct crew *c = CONTAINER_OF(mail, struct crew, mail);

    (void)l;
    c->f = fetcher_close(c->f);
    atomic_store(&c->is_closed, true);
}

CASE(each_loop_fetches_for_itself)
{
    enum { N = 3 };
    static struct crew crews[N];
    struct world w;
    struct loop_set set;

    OPEN(&w, "HTTP/1.1 203 One\r\n\r\n", "HTTP/1.1 203 Two\r\n\r\n", "HTTP/1.1 203 Three\r\n\r\n");
    CHECK_INT(loop_set_init(&set, N), 0);
    CHECK_INT(loop_set_start(&set), 0);
    for (int i = 0; i < N; i++) {
        crews[i].url = w.url;
        crews[i].mail.run = crew_start;
        loop_post_outside(&set.loops[i], &crews[i].mail);
    }
    for (int i = 0; i < N; i++) {
        CHECK_UNTIL(atomic_load(&crews[i].status));
        CHECK_INT(atomic_load(&crews[i].status), 203);
        crews[i].mail = (struct mail){.run = crew_stop};
        loop_post_outside(&set.loops[i], &crews[i].mail);
    }
    for (int i = 0; i < N; i++)
        CHECK_UNTIL(atomic_load(&crews[i].is_closed));
    loop_set_stop(&set);
    loop_set_deinit(&set);
    shut(&w);
}

CASES(RUN(an_answer_is_pulled_and_whoever_waits_stops_the_other_side),
      RUN(what_has_come_is_read_before_the_end_is_told),
      RUN(a_pulled_answer_is_cancelled_closed_or_cut),
      RUN(who_sends_too_little_is_given_up_and_who_is_not_read_is_not),
      RUN(a_connection_has_a_deadline_of_its_own), RUN(each_loop_fetches_for_itself))
