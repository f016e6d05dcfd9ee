/* oauth: where a request goes is the operator's word, never the client's: it gives the query of
 * one address and the form of another. An exchange is a mail that goes to the hub loop and comes
 * back with the answer, to the request if its client still waits. */
#include "login/oauth.h"

#include <stdatomic.h>

#include "base/memory.h"
#include "config/config.h"
#include "http/location.h"
#include "http/request.h"
#include "http/response.h"
#include "net/fetch.h"
#include "peer/hub.h"

enum { EXCHANGES_MAX = 100, ANSWER_MAX = 64 * 1024 };

struct oauth {
    struct hub *hub;         /* const after oauth_new */
    atomic_uint n_exchanges; /* any thread */
    struct fetcher *fetcher; /* hub loop; NULL while closed */
};

struct exchange {
    struct mail mail;
    struct oauth *oauth;
    struct loop *asker;
    struct http_ticket ticket;
    char *url; /* owned */
    const char *type;
    struct held_buf body; /* the form on its way there, the answer on its way back */
    unsigned status;      /* 503: the asker's account has no room for it, as `why` says */
    struct account_refusal why;
};

struct oauth *oauth_new(struct hub *h)
{
    struct oauth *o = MEM_NEW(struct oauth);

    o->hub = h;
    atomic_init(&o->n_exchanges, 0);
    return o;
}

void oauth_free(struct oauth *o)
{
    mem_free(o);
}

void oauth_open(struct oauth *o)
{
    LOOP_ASSERT(o->hub->loop);
    o->fetcher = fetcher_new(o->hub->loop);
}

void oauth_close(struct oauth *o)
{
    o->fetcher = fetcher_close(o->fetcher);
}

static bool has_provider(struct http_request *req)
{
    const struct config *c = loop_config(req->loop);

    if (c->auth0_domain && *c->auth0_domain)
        return true;
    http_respond_error(req, 404, HTTP_F2, SLICE_LIT("No login provider is configured"));
    return false;
}

void oauth_on_authorize(struct http_request *req, void *arg)
{
    struct location to;

    (void)arg;
    if (!has_provider(req))
        return;
    location_there(&to, loop_config(req->loop)->auth0_domain);
    location_add_path(&to, SLICE_LIT("/authorize"));
    location_add_query(&to, req->query);
    http_respond_redirect(req, 307, &to);
}

/* ---- exchanges ---- */

static void oauth_respond(struct http_request *req, const struct exchange *x)
{
    if (x->status == 503)
        http_respond_no_room(req, &x->why, "There is no room for the login");
    else if (x->status == 502)
        http_respond_error(req, 502, HTTP_F1, buf_slice(&x->body.b));
    else
        http_respond(req, x->status, "application/json", buf_slice(&x->body.b), SLICE_LIT(""));
}

static void oauth_run_answer(struct loop *l, struct mail *mail)
{
    struct exchange *x = CONTAINER_OF(mail, struct exchange, mail);
    struct http_request *req = http_request_resume(x->ticket);

    atomic_fetch_sub_explicit(&x->oauth->n_exchanges, 1, memory_order_relaxed);
    loop_count(l, METRIC_LOGIN_EXCHANGES, -1);
    if (x->status == 502 || x->status == 503)
        loop_count(l, METRIC_LOGIN_EXCHANGES_REFUSED, 1);
    if (req)
        oauth_respond(req, x);
    if (x->body.b.ptr) /* a token, or what one is made of */
        explicit_bzero(x->body.b.ptr, x->body.b.len);
    held_buf_deinit(&x->body);
    mem_free(x->url);
    mem_free(x);
}

static void oauth_send_back(struct exchange *x)
{
    x->mail.run = oauth_run_answer;
    loop_post(x->oauth->hub->loop, x->asker, &x->mail);
}

static void exchange_fail(struct exchange *x, const char *text)
{
    x->status = 502;
    buf_clear(&x->body.b);
    buf_add_text(&x->body.b, text);
    oauth_send_back(x);
}

static void exchange_fail_for_room(struct exchange *x)
{
    x->status = 503;
    x->why = account_refusal(x->body.b.account);
    oauth_send_back(x);
}

/* The provider's refusals pass with their status; its troubles are ours. */
static void oauth_on_fetched(const struct fetch_reply *reply, void *arg)
{
    struct exchange *x = arg;
    bool is_answer = reply->outcome == FETCH_OK && reply->status >= 200 && reply->status < 500 &&
                     (reply->status < 300 || reply->status >= 400);

    if (!is_answer) {
        exchange_fail(x, "The login provider cannot be reached");
        return;
    }
    x->status = reply->status;
    held_buf_set(&x->body, reply->body);
    if (x->body.b.is_failed)
        exchange_fail_for_room(x);
    else
        oauth_send_back(x);
}

static void run_exchange(struct loop *l, struct mail *mail)
{
    struct exchange *x = CONTAINER_OF(mail, struct exchange, mail);
    const char *const headers[] = {x->type, "Accept: application/json"};
    struct fetch_request request = {.method = "POST",
                                    .url = x->url,
                                    .headers = headers,
                                    .n_headers = 2,
                                    .body = buf_slice(&x->body.b),
                                    .max_bytes = ANSWER_MAX,
                                    .ca_file = loop_config(l)->ca_file};

    if (x->body.b.is_failed)
        exchange_fail_for_room(x);
    else if (x->oauth->fetcher)
        (void)fetch_start(x->oauth->fetcher, &request, oauth_on_fetched, x);
    else
        exchange_fail(x, "The server is going down");
}

static const char *content_type(const struct http_request *req)
{
    struct slice type;

    if (!http_request_header(req, "Content-Type", &type))
        return NULL;
    if (slice_starts(type, "application/x-www-form-urlencoded"))
        return "Content-Type: application/x-www-form-urlencoded";
    return slice_starts(type, "application/json") ? "Content-Type: application/json" : NULL;
}

void oauth_on_token(struct http_request *req, void *arg)
{
    struct oauth *o = arg;
    const char *type = content_type(req);
    struct buf url;

    if (!has_provider(req))
        return;
    if (!type) {
        http_respond_error(req, 415, HTTP_F1, SLICE_LIT("A form is expected"));
        return;
    }
    if (atomic_fetch_add_explicit(&o->n_exchanges, 1, memory_order_relaxed) >= EXCHANGES_MAX) {
        atomic_fetch_sub_explicit(&o->n_exchanges, 1, memory_order_relaxed);
        loop_count(req->loop, METRIC_LOGIN_EXCHANGES_REFUSED, 1);
        req->refused_by = "exchanges";
        http_respond_error(req, 503, HTTP_F1, SLICE_LIT("Too many logins are under way"));
        return;
    }
    struct exchange *x = MEM_NEW(struct exchange);
    loop_count(req->loop, METRIC_LOGIN_EXCHANGES, 1);
    x->oauth = o;
    x->asker = req->loop;
    x->ticket = http_request_park(req, &(struct http_watch){0});
    x->type = type;
    buf_init(&url, 0);
    buf_add_fmt(&url, "https://%s/oauth/token", loop_config(req->loop)->auth0_domain);
    x->url = buf_take(&url);
    held_buf_init(&x->body, 0, account_shared(req->account)); /* two loops write it */
    buf_add_slice(&x->body.b, req->body);
    x->mail.run = run_exchange;
    loop_post(req->loop, o->hub->loop, &x->mail);
}
