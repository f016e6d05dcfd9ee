/* login_limits: what one address may ask for, whether it comes by a route of ours, by a function
 * that is called over HTTP, or by a connection. The rates themselves: login/rates.h. */
#pragma once
#include <stdbool.h>

#include "base/assert.h"
#include "login/rates.h"

struct feature_call;
struct http_request;
struct login;
struct rpc_call;

/* Takes one of the rates of the address the caller has connected from; what came by HTTP has been
 * counted on its way in. Hub loop. */
MUST_CHECK bool login_rate_take_call(struct login *l, enum login_rate kind,
                                     const struct rpc_call *call, unsigned *ret_retry_after_s);
/* The same for a function that is called by HTTP, and for the route that exchanges a code; hooks,
 * `made` and arg are the login. Loop of the request. False: *ret_retry_after_s is set. */
bool login_allow_call(void *made, struct http_request *req, const struct feature_call *call,
                      unsigned *ret_retry_after_s);
bool login_allow_exchange(struct http_request *req, unsigned *ret_retry_after_s, void *arg);
