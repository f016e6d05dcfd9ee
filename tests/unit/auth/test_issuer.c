/* The keys of an issuer that a thread of the test plays, over plain HTTP on a port of its own;
 * hours pass by moving the times that are remembered. */
#include "auth/issuer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "net/fetch.h"
#include "unit/auth/vectors.h"
#include "unit/net/turns.h"

#define KEY(id) "{\"kty\":\"RSA\",\"kid\":\"" id "\",\"n\":\"" VECTOR_N "\",\"e\":\"AQAB\"}"

enum mode { DESCRIBED, WITHOUT_DOCUMENT, DESCRIBES_ANOTHER, BROKEN, SILENT };

struct world {
    struct turns t;
    struct fetcher *f;
    struct issuer i;
    char url[64];
    int listener;
    pthread_t thread;
    atomic_int mode, n_asked;
    _Atomic(const char *) keys;
    /* the last answer */
    int n_done, outcome;
    char id[JWKS_ID_MAX], name[JWKS_URL_MAX];
};

static void answer(struct world *w, int fd, const char *path)
{
    bool is_document = strstr(path, "openid-configuration");
    char body[4096] = "", head[128];
    int mode = atomic_load(&w->mode), status = 200;

    if (mode == BROKEN)
        status = 500;
    else if (is_document && mode == WITHOUT_DOCUMENT)
        status = 404;
    else if (is_document)
        snprintf(body, sizeof(body), "{\"issuer\":\"%s%s\",\"jwks_uri\":\"%s/keys\"}", w->url,
                 mode == DESCRIBES_ANOTHER ? "/x" : "", w->url);
    else
        snprintf(body, sizeof(body), "{\"keys\":[%s]}", atomic_load(&w->keys));
    snprintf(head, sizeof(head),
             "HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", status,
             strlen(body));
    (void)!write(fd, head, strlen(head));
    (void)!write(fd, body, strlen(body));
}

static void *serve(void *arg)
{
    struct world *w = arg;
    char asked[2048];
    int fd;

    while ((fd = accept(w->listener, NULL, NULL)) >= 0) {
        size_t n = 0;
        ssize_t r;
        while (n < sizeof(asked) - 1 && (r = recv(fd, asked + n, sizeof(asked) - 1 - n, 0)) > 0) {
            n += (size_t)r;
            asked[n] = '\0';
            if (strstr(asked, "\r\n\r\n"))
                break;
        }
        atomic_fetch_add(&w->n_asked, 1);
        if (atomic_load(&w->mode) == SILENT)
            (void)recv(fd, asked, 1, 0);
        else
            answer(w, fd, asked);
        close(fd);
    }
    return NULL;
}

static void open_world(struct world *w, enum mode mode)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);

    memset(w, 0, sizeof(*w));
    turns_init(&w->t, 1);
    w->f = fetcher_new(w->t.loop);
    atomic_store(&w->mode, mode);
    atomic_store(&w->keys, KEY("one"));
    w->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(bind(w->listener, (struct sockaddr *)&at, sizeof(at)), 0);
    CHECK_INT(listen(w->listener, 8), 0);
    CHECK_INT(getsockname(w->listener, (struct sockaddr *)&at, &len), 0);
    snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%u", ntohs(at.sin_port));
    issuer_init(&w->i, w->t.loop, w->f, w->url, NULL);
    CHECK_INT(pthread_create(&w->thread, NULL, serve, w), 0);
}

static void shut(struct world *w)
{
    issuer_deinit(&w->i);
    fetcher_close(w->f);
    shutdown(w->listener, SHUT_RDWR);
    pthread_join(w->thread, NULL);
    close(w->listener);
    turns_deinit(&w->t);
}

static void keep(int outcome, const struct jwk *key, const char *name, void *arg)
{
    struct world *w = arg;

    w->n_done++;
    w->outcome = outcome;
    snprintf(w->id, sizeof(w->id), "%s", key ? key->id : "");
    snprintf(w->name, sizeof(w->name), "%s", name ? name : "");
    CHECK((outcome == ISSUER_OK) == (key && name));
}

/* Asks, and waits for the answer. */
static void ask(struct world *w, const char *id, int wanted)
{
    w->n_done = 0;
    issuer_find_key(&w->i, id, keep, w);
    TURNS_UNTIL(&w->t, w->n_done == 1);
    CHECK_INT(w->outcome, wanted);
}

/* Asks what must be answered without asking anybody. */
static void ask_at_once(struct world *w, const char *id, int wanted)
{
    int n = atomic_load(&w->n_asked);

    w->n_done = 0;
    issuer_find_key(&w->i, id, keep, w);
    CHECK_INT(w->n_done, 1);
    CHECK_INT(w->outcome, wanted);
    CHECK_INT(atomic_load(&w->n_asked), n);
}

/* req: A-037 D-38 */
CASE(keys_are_fetched_once_and_kept)
{
    struct world w;

    open_world(&w, DESCRIBED);
    ask(&w, "one", ISSUER_OK);
    CHECK_TEXT(w.id, "one");
    CHECK_TEXT(w.name, w.url);
    ask_at_once(&w, "one", ISSUER_OK);
    CHECK_INT(w.n_asked, 2);
    CHECK_INT(w.i.version, 1);
    shut(&w);
}

CASE(many_who_wait_ask_once)
{
    struct world w;

    open_world(&w, DESCRIBED);
    for (int i = 0; i < 50; i++)
        issuer_find_key(&w.i, i % 2 ? "one" : "two", keep, &w);
    TURNS_UNTIL(&w.t, w.n_done == 50);
    CHECK_INT(w.n_asked, 2);
    shut(&w);
}

CASE(without_a_document_keys_are_at_the_usual_place)
{
    struct world w;
    char name[80];

    open_world(&w, WITHOUT_DOCUMENT);
    ask(&w, "one", ISSUER_OK);
    snprintf(name, sizeof(name), "%s/", w.url);
    CHECK_TEXT(w.name, name);
    shut(&w);
}

CASE(a_document_of_another_issuer_is_not_believed)
{
    struct world w;

    open_world(&w, DESCRIBES_ANOTHER);
    ask(&w, "one", ISSUER_UNREACHABLE);
    CHECK_INT(w.n_asked, 1);
    ask_at_once(&w, "one", ISSUER_UNREACHABLE);
    w.i.tried_ms -= ISSUER_RETRY_MS;
    atomic_store(&w.mode, DESCRIBED);
    ask(&w, "one", ISSUER_OK);
    shut(&w);
}

/* req: A-037 D-38 */
CASE(an_unknown_id_asks_once_a_minute)
{
    struct world w;

    open_world(&w, DESCRIBED);
    ask(&w, "one", ISSUER_OK);
    atomic_store(&w.keys, KEY("two"));
    ask(&w, "two", ISSUER_OK);
    CHECK_INT(w.n_asked, 4);
    CHECK_INT(w.i.version, 2);
    ask_at_once(&w, "one", ISSUER_UNKNOWN_KEY);
    for (int i = 0; i < 100; i++)
        ask_at_once(&w, "made-up", ISSUER_UNKNOWN_KEY);
    w.i.asked_ms -= ISSUER_UNKNOWN_MS;
    ask(&w, "made-up", ISSUER_UNKNOWN_KEY);
    CHECK_INT(w.n_asked, 6);
    ask_at_once(&w, "made-up", ISSUER_UNKNOWN_KEY);
    shut(&w);
}

CASE(old_keys_serve_on_while_new_ones_are_fetched)
{
    struct world w;

    open_world(&w, DESCRIBED);
    ask(&w, "one", ISSUER_OK);
    w.i.got_ms -= ISSUER_FRESH_MS;
    ask_at_once(&w, "one", ISSUER_OK);
    TURNS_UNTIL(&w.t, w.i.version == 2);
    ask_at_once(&w, "one", ISSUER_OK);
    CHECK(!w.i.fetch);
    shut(&w);
}

CASE(keys_survive_an_outage_but_not_for_ever)
{
    struct world w;

    open_world(&w, DESCRIBED);
    ask(&w, "one", ISSUER_OK);
    atomic_store(&w.mode, BROKEN);
    w.i.got_ms -= ISSUER_FRESH_MS;
    ask_at_once(&w, "one", ISSUER_OK);
    TURNS_UNTIL(&w.t, !w.i.fetch);
    ask_at_once(&w, "one", ISSUER_OK);
    CHECK(!w.i.fetch);
    w.i.tried_ms -= ISSUER_UNKNOWN_MS;
    ask_at_once(&w, "one", ISSUER_OK);
    CHECK(w.i.fetch);
    TURNS_UNTIL(&w.t, !w.i.fetch);
    w.i.got_ms -= ISSUER_STALE_MS;
    w.i.tried_ms -= ISSUER_RETRY_MS;
    ask(&w, "one", ISSUER_UNREACHABLE);
    CHECK_INT(w.t.loop->metrics.values[METRIC_ISSUER_FAILURES], 3);
    shut(&w);
}

CASE(who_waits_is_bounded_and_told_of_the_end)
{
    struct world w;

    open_world(&w, SILENT);
    for (int i = 0; i < ISSUER_WAITING_MAX; i++)
        issuer_find_key(&w.i, "one", keep, &w);
    TURNS_UNTIL(&w.t, w.n_asked == 1);
    CHECK_INT(w.n_done, 0);
    ask_at_once(&w, "one", ISSUER_BUSY);
    shut(&w);
    CHECK_INT(w.n_done, ISSUER_WAITING_MAX + 1);
    CHECK_INT(w.outcome, ISSUER_UNREACHABLE);
}

CASES(RUN(keys_are_fetched_once_and_kept), RUN(many_who_wait_ask_once),
      RUN(without_a_document_keys_are_at_the_usual_place),
      RUN(a_document_of_another_issuer_is_not_believed), RUN(an_unknown_id_asks_once_a_minute),
      RUN(old_keys_serve_on_while_new_ones_are_fetched),
      RUN(keys_survive_an_outage_but_not_for_ever), RUN(who_waits_is_bounded_and_told_of_the_end))
