/* oauth: the two routes by which the login page reaches the provider the operator has named
 * (auth0_domain): the browser is sent there to sign in, and what it brings back is exchanged for a
 * token by this server, so that the page talks to its own origin only.
 *
 * Requests come on any loop; they are made by the hub loop, which owns the fetcher. */
#pragma once

struct http_request;
struct hub;
struct oauth;

struct oauth *oauth_new(struct hub *h); /* before the loops run; borrows the hub */
void oauth_open(struct oauth *o);       /* hub loop */
/* Exchanges under way are answered as failed. Hub loop; harmless when not open. */
void oauth_close(struct oauth *o);
void oauth_free(struct oauth *o); /* after the loops are joined */

/* Handlers of routes; arg is the oauth. 404 when no provider is named. */
void oauth_on_authorize(struct http_request *req, void *arg);
void oauth_on_token(struct http_request *req, void *arg);
enum { OAUTH_BODY_MAX = 16 * 1024 };
