/* upgrade: the handler of the route that becomes a WebSocket. */
#pragma once

struct http_request;

/* arg: array of peer loops by loop index. Loop of the request. */
void upgrade_on_request(struct http_request *req, void *arg);
