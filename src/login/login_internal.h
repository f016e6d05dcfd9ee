/* login_internal: how people get a token: the service `public/hypha-login` and its pages. A program
 * asks for a key (start) and waits for it (check); a person opens the page with that key, says who
 * they are, and the page reports a token for it (report).
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
#include "login/external_login.h"
#include "login/rates.h"
#include "login/session.h"
#include "manager/manager.h"
#include "manager/built_in_service.h"
#include "manager/reply.h"
#include "registry/registry.h"
#include "rpc/rpc.h"

struct api;
struct http_rate;
struct hub;
struct local;
struct oauth;

#define LOGIN_SERVICE "hypha-login"

/* The service with accounts of this server and the one without speak differently in places; the
 * handlers are the same. Const. */
struct login_variant {
    const char *description;
    const char *unknown_class, *unknown_at_check, *unknown_at_report;
    const char *timeout_class;
    bool is_local; /* keys that are read more than once, report says {success} */
};

struct login {
    /* const after it is made */
    struct hub *hub;
    struct api *api;
    const struct login_variant *variant;
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
    struct manager_registration *registration; /* NULL while it steps aside, or is closed */
    struct other_login other;                  /* of a client */
};

typedef void login_handler(struct rpc_call *call, void *arg);

/* login_calls.c, login_report.c: handlers, arg is the login */
login_handler login_do_start, login_do_check, login_do_report, login_do_index, login_do_profile,
    login_do_logout;
