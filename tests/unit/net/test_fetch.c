/* Requests, their answers, and mail. */
#include "unit/net/fetch_world.h"

/* What a mail server says, line by line; nobody is believed, everything accepted. */
static void *serve_mail(void *arg)
{
    struct world *w = arg;
    int fd = accept(w->listener, NULL, NULL);
    const char *hello = "220 mail\r\n", *caps = w->answers[0], *yes = "250 yes\r\n",
               *go = "354 go\r\n";

    (void)!write(fd, hello, strlen(hello));
    while (read_until(w, fd, "\r\n")) {
        const char *line = w->asked + w->n_asked - 2, *answer = yes;
        while (line > w->asked && line[-1] != '\n')
            line--;
        if (strncmp(line, "EHLO", 4) == 0)
            answer = caps;
        else if (strncmp(line, "DATA", 4) == 0)
            answer = go;
        if (strncmp(line, "QUIT", 4) == 0 && w->n_answers > 1)
            answer = w->answers[1];
        (void)!write(fd, answer, strlen(answer));
        if (answer == go && !read_until(w, fd, "\r\n.\r\n"))
            break;
        if (answer == go)
            (void)!write(fd, yes, strlen(yes));
        if (strncmp(line, "QUIT", 4) == 0 && w->n_answers == 1)
            break;
    }
    close(fd);
    return NULL;
}

CASE(an_answer_comes_with_status_type_and_body)
{
    struct world w;

    OPEN(&w, "HTTP/1.1 404 Not Found\r\nContent-Type: text/x\r\nContent-Length: 5\r\n\r\nhello");
    get(&w, &(struct fetch_request){0});
    CHECK_INT(w.reply.outcome, FETCH_OK);
    CHECK_INT(w.reply.status, 404);
    CHECK_TEXT(w.body, "hello");
    CHECK_TEXT(w.type, "text/x");
    CHECK(strncmp(w.asked, "GET /here HTTP/1.1\r\n", 20) == 0);
    CHECK_INT(w.t.loop->metrics.values[METRIC_FETCHES], 1);
    CHECK_INT(w.t.loop->metrics.values[METRIC_FETCHES_FAILED], 0);
    shut(&w);
}

CASE(method_headers_and_body_are_sent)
{
    struct world w;
    const char *headers[] = {"X-One: 1", "Authorization: Bearer x"};

    OPEN(&w, "HTTP/1.1 204 No\r\n\r\n");
    get(&w, &(struct fetch_request){
                .method = "PUT", .headers = headers, .n_headers = 2, .body = SLICE_LIT("body")});
    CHECK_INT(w.reply.status, 204);
    CHECK(strncmp(w.asked, "PUT /here HTTP/1.1\r\n", 20) == 0);
    CHECK(strstr(w.asked, "\r\nX-One: 1\r\n") &&
          strstr(w.asked, "\r\nAuthorization: Bearer x\r\n"));
    CHECK(strstr(w.asked, "\r\n\r\nbody"));
    shut(&w);
}

CASE(a_body_above_the_cap_is_refused)
{
    struct world w;

    OPEN(&w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
             "chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n");
    get(&w, &(struct fetch_request){.max_bytes = 8});
    CHECK_INT(w.reply.outcome, FETCH_TOO_LARGE);
    CHECK_TEXT(w.body, "");
    CHECK_INT(w.t.loop->metrics.values[METRIC_FETCHES_FAILED], 1);
    shut(&w);
}

CASE(a_length_above_the_cap_is_refused_unread)
{
    struct world w;

    OPEN(&w, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    get(&w, &(struct fetch_request){.max_bytes = 99});
    CHECK_INT(w.reply.outcome, FETCH_TOO_LARGE);
    shut(&w);
}

CASE(silence_ends_at_the_deadline)
{
    struct world w;

    OPEN(&w, NULL);
    get(&w, &(struct fetch_request){.deadline_ms = 50});
    CHECK_INT(w.reply.outcome, FETCH_TIMEOUT);
    CHECK(w.text[0]);
    shut(&w);
}

CASE(redirects_are_followed_as_often_as_allowed)
{
    struct world w;
    const char *again =
        "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

    OPEN(&w, again, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!");
    get(&w, &(struct fetch_request){.max_redirects = 1});
    CHECK_INT(w.reply.status, 200);
    CHECK(strstr(w.asked, "GET /there HTTP/1.1"));
    shut(&w);

    OPEN(&w, again, again);
    get(&w, &(struct fetch_request){.max_redirects = 1});
    CHECK_INT(w.reply.outcome, FETCH_FAILED);
    shut(&w);

    OPEN(&w, again);
    get(&w, &(struct fetch_request){0});
    CHECK_INT(w.reply.status, 302);
    shut(&w);

    OPEN(&w, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n");
    get(&w, &(struct fetch_request){.max_redirects = 5});
    CHECK(w.reply.outcome != FETCH_OK);
    shut(&w);
}

CASE(what_cannot_be_sent_is_refused_later_too)
{
    const char *forged[] = {"X: 1\r\nY: 2"};
    struct world w;

    OPEN(&w, "");
    get(&w, &(struct fetch_request){.url = "file:///etc/passwd"});
    CHECK_INT(w.reply.outcome, FETCH_BAD_REQUEST);
    w.n_done = 0;
    get(&w, &(struct fetch_request){.url = "http://"});
    CHECK_INT(w.reply.outcome, FETCH_BAD_REQUEST);
    w.n_done = 0;
    get(&w, &(struct fetch_request){.headers = forged, .n_headers = 1});
    CHECK_INT(w.reply.outcome, FETCH_BAD_REQUEST);
    w.n_done = 0;
    get(&w, &(struct fetch_request){.url = "http://127.0.0.1:1/"});
    CHECK_INT(w.reply.outcome, FETCH_FAILED);
    CHECK_INT(w.reply.status, 0);
    shut(&w);
}

CASE(the_environments_proxy_is_used_only_when_asked_for)
{
    struct world w;
    char proxy[64];

    OPEN(&w, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", w.port);
    setenv("http_proxy", proxy, 1);
    unsetenv("no_proxy");
    unsetenv("NO_PROXY");
    get(&w, &(struct fetch_request){.url = "http://127.0.0.1:1/"});
    CHECK_INT(w.reply.outcome, FETCH_FAILED);
    w.n_done = 0;
    get(&w, &(struct fetch_request){.url = "http://127.0.0.1:1/", .use_proxy = true});
    CHECK_INT(w.reply.outcome, FETCH_OK);
    CHECK(strstr(w.asked, "GET http://127.0.0.1:1/ HTTP/1.1"));
    shut(&w);
}

CASE(cancel_and_close_end_what_runs)
{
    struct world w;

    OPEN(&w, NULL, NULL);
    struct fetch *one = fetch_start(w.f, &(struct fetch_request){.url = w.url}, keep, &w);
    struct fetch *bad = fetch_start(w.f, &(struct fetch_request){.url = "ftp://x"}, keep, &w);
    fetch_cancel(bad);
    TURNS_UNTIL(&w.t, w.t.loop->metrics.values[METRIC_FETCHES_RUNNING] == 1);
    CHECK(fetch_cancel(one) == NULL);
    for (int i = 0; i < 5; i++)
        turns_run(&w.t);
    CHECK_INT(w.n_done, 0);
    fetch_start(w.f, &(struct fetch_request){.url = w.url}, keep, &w);
    turns_run(&w.t);
    shut(&w);
    CHECK_INT(w.n_done, 1);
    CHECK_INT(w.reply.outcome, FETCH_CLOSED);
}

CASE(so_many_at_once_and_no_more)
{
    struct world w;
    struct fetch *all[FETCHES_MAX];

    OPEN(&w, NULL);
    for (int i = 0; i < FETCHES_MAX; i++)
        all[i] = fetch_start(w.f, &(struct fetch_request){.url = w.url}, keep, &w);
    get(&w, &(struct fetch_request){0});
    CHECK_INT(w.reply.outcome, FETCH_BUSY);
    for (int i = 0; i < FETCHES_MAX; i++)
        fetch_cancel(all[i]);
    shut(&w);
}

CASE(mail_goes_out_and_what_could_forge_commands_does_not)
{
    struct world w;
    struct fetch_mail m = {.from = "hub@example.org",
                           .to = "ann@example.org",
                           .allow_plain = true,
                           .text = SLICE_LIT("Subject: x\r\n\r\nhello\r\n.dot\r\n")};

    open_world(&w, serve_mail, 1, (const char *[]){"250 plain\r\n"});
    snprintf(w.url, sizeof(w.url), "smtp://127.0.0.1:%u", w.port);
    m.url = w.url;
    fetch_send_mail(w.f, &m, keep, &w);
    TURNS_UNTIL(&w.t, w.n_done == 1);
    CHECK_INT(w.reply.outcome, FETCH_OK);
    CHECK_INT(w.reply.status, 250);
    CHECK(strstr(w.asked, "MAIL FROM:<hub@example.org>") &&
          strstr(w.asked, "RCPT TO:<ann@example.org>"));
    CHECK(strstr(w.asked, "\r\n\r\nhello\r\n..dot\r\n.\r\n"));
    m.to = "ann@example.org>\r\nRCPT TO:<all@example.org";
    fetch_send_mail(w.f, &m, keep, &w);
    TURNS_UNTIL(&w.t, w.n_done == 2);
    CHECK_INT(w.reply.outcome, FETCH_BAD_REQUEST);
    shut(&w);
}

CASE(a_mail_server_that_does_not_say_goodbye_keeps_nobody_waiting)
{
    struct world w;
    struct fetch_mail m = {.from = "hub@example.org",
                           .to = "ann@example.org",
                           .allow_plain = true,
                           .text = SLICE_LIT("Subject: x\r\n\r\nhello\r\n")};

    open_world(&w, serve_mail, 2, (const char *[]){"250 plain\r\n", ""});
    snprintf(w.url, sizeof(w.url), "smtp://127.0.0.1:%u", w.port);
    m.url = w.url;
    uint64_t began = clock_mono_ms();
    fetch_send_mail(w.f, &m, keep, &w);
    TURNS_UNTIL(&w.t, w.n_done == 1);
    CHECK_INT(w.reply.outcome, FETCH_OK);
    shut(&w);
    CHECK(strstr(w.asked, "QUIT"));
    CHECK(clock_mono_ms() - began < 10000);
}

CASE(a_password_is_not_sent_without_tls)
{
    struct world w;
    struct fetch_mail m = {.from = "hub@example.org",
                           .to = "ann@example.org",
                           .allow_plain = true,
                           .text = SLICE_LIT("\r\nhello\r\n"),
                           .user = "hub",
                           .password = "geheim"};

    open_world(&w, serve_mail, 1, (const char *[]){"250-mail\r\n250 AUTH PLAIN LOGIN\r\n"});
    snprintf(w.url, sizeof(w.url), "smtp://127.0.0.1:%u", w.port);
    m.url = w.url;
    fetch_send_mail(w.f, &m, keep, &w);
    TURNS_UNTIL(&w.t, w.n_done == 1);
    CHECK_INT(w.reply.outcome, FETCH_FAILED);
    CHECK(!strstr(w.asked, "AUTH") && !strstr(w.asked, "hello"));
    shut(&w);
}

CASES(RUN(an_answer_comes_with_status_type_and_body), RUN(method_headers_and_body_are_sent),
      RUN(a_body_above_the_cap_is_refused), RUN(a_length_above_the_cap_is_refused_unread),
      RUN(silence_ends_at_the_deadline), RUN(redirects_are_followed_as_often_as_allowed),
      RUN(what_cannot_be_sent_is_refused_later_too),
      RUN(the_environments_proxy_is_used_only_when_asked_for), RUN(cancel_and_close_end_what_runs),
      RUN(so_many_at_once_and_no_more), RUN(mail_goes_out_and_what_could_forge_commands_does_not),
      RUN(a_mail_server_that_does_not_say_goodbye_keeps_nobody_waiting),
      RUN(a_password_is_not_sent_without_tls))
