/* stream_post: the handler of POST /rpc. */
#pragma once

struct http_request;

/* arg: array of peer loops by loop index. Loop of the request. */
void stream_on_post(struct http_request *req, void *arg);
