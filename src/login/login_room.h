/* login_room: how people get a token: the service `public/hypha-login` and its pages. A program asks
 * for a key (start) and waits for it (check); a person opens the page with that key, says who they
 * are, and the page reports a token for it (report).
 *
 * The service lives on the hub loop; the pages are served by every loop and know nothing but what
 * is const. While a client of the workspace `public` offers a `hypha-login` of its own, the
 * built-in one is withdrawn. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>

#include "auth/token.h"
#include "base/buf.h"
#include "http/request.h"
#include "login/other.h"
#include "login/rates.h"
#include "login/session.h"
#include "manager/manager.h"
#include "manager/offer.h"
#include "manager/reply.h"
#include "registry/registry.h"
#include "rpc/rpc.h"

struct api;
struct http_rate;
struct hub;
struct local;
struct oauth;

#define LOGIN_SERVICE "hypha-login"

/* The service with accounts of this server and the one without speak differently in places
 * (workspaces-and-auth 9, 10); the handlers are the same. Const. */
struct login_manner {
    const char *description;
    const char *unknown_class, *unknown_at_check, *unknown_at_report;
    const char *timeout_class;
    bool is_local; /* keys that are read more than once, report says {success} */
};
extern const struct login_manner login_manner_default, login_manner_local;

struct login {
    /* const after it is made */
    struct hub *hub;
    struct api *api;
    const struct login_manner *manner;
    struct http_rate *rate; /* any thread: starts per address */
    struct oauth *oauth;    /* owned */
    /* any thread */
    atomic_bool is_yielding; /* a client offers the service: the pages are its business too */
    /* hub loop only */
    struct manager *manager; /* NULL while closed */
    struct local *local;     /* accounts of this server; NULL without them */
    bool is_draining;        /* no more starts */
    struct sessions sessions;
    struct rpc_method *methods; /* owned: of the service */
    struct manager_service service;
    struct manager_offered *offered; /* NULL while it steps aside, or is closed */
    struct other_login other; /* of a client */
};

typedef void login_handler(struct rpc_call *call, void *arg);

/* login_calls.c, login_report.c: handlers, arg is the login */
login_handler login_do_start, login_do_check, login_do_report, login_do_index, login_do_profile,
    login_do_logout;
/* A number, or a text that is one. */
bool login_read_int(struct slice value, int64_t *ret);
extern const struct rpc_method login_methods[]; /* without accounts */
extern const size_t login_n_methods;

/* Completes the session of that key, if there is one: whoever checks it gets the token. False: no
 * such key. The token is known to be good. Hub loop. */
bool login_session_finish(struct login *l, struct slice key, struct slice token,
                          const struct login_profile *profile);

/* login_token.c: what a reported token is good for. */
enum { LOGIN_LIFE_S = 3600 };
/* A token of the same person for one workspace, which is there or is made for who enters it. No permission that the
 * presented token or ownership does not give; a child does not outlive itself (D-10). The caller
 * frees *ret_token and wipes it. *life_s is cut to what is given. Hub loop. */
MUST_CHECK bool login_mint(struct login *l, const struct token *presented, struct slice workspace,
                           int64_t *life_s, char **ret_token, struct refusal *r);

/* page.c: handlers of routes, arg is the login. Any loop. */
void page_on_login(struct http_request *req, void *arg);   /* /login */
void page_on_bare(struct http_request *req, void *arg);    /* the page without its slash */
void page_on_page(struct http_request *req, void *arg);
void page_on_profile(struct http_request *req, void *arg);
void page_on_file(struct http_request *req, void *arg);
void page_on_other(struct http_request *req, void *arg);   /* everything below that is no page of ours */
/* The login page as the text of one document, what `index` answers. Any loop. */
void login_page_text(const struct login *l, struct buf *out);
