/* login: how people get a token: the service `public/hypha-login` and its pages. A program asks
 * for a key (start) and waits for it (check); a person opens the page with that key, says who they
 * are, and the page reports a token for it (report).
 *
 * The service lives on the hub loop; the pages are served by every loop and know nothing but what
 * is const. While a client of the workspace `public` offers a `hypha-login` of its own, the
 * built-in one is withdrawn (workspaces-and-auth 9, 11). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct api;
struct http_request;
struct http_route;
struct hub;
struct login;
struct manager;

/* Before the loops run. Borrows both for its life, and the configuration of the hub's loop.
 * has_accounts: with accounts of this server. */
struct login *login_new(struct hub *h, struct api *a, bool has_accounts);
void login_free(struct login *l); /* after the loops are joined; takes NULL */
/* Offers the service. Hub loop, after manager_new(). */
void login_open(struct login *l, struct manager *m);
/* The server is about to stop: no more starts, and who waits is told that the login has expired.
 * Harmless when not open. Hub loop. */
void login_drain(struct login *l);
/* Withdraws it; who waits is told that the login has expired. Harmless when not open. Hub loop,
 * before manager_free(). */
void login_close(struct login *l);

/* The pages' rows for the site's table, to stand before those of the API. */
const struct http_route *login_routes(struct login *l, size_t *ret_n);
/* Whether a request may pass as far as logins are concerned: each address starts ten a minute.
 * False: *ret_retry_after_s is set. Any loop. */
bool login_allow(struct login *l, struct http_request *req, unsigned *ret_retry_after_s);
