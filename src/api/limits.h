/* limits: the two hooks every request passes; `made` is the api. Loop of the request. */
#pragma once
#include <stdbool.h>

struct http_request;

/* Its rate, by verified identity or by address. False: *ret_retry_after_s is set. */
bool api_allow(void *made, struct http_request *req, unsigned *ret_retry_after_s);
void api_on_done(void *made, struct http_request *req); /* its line in the log */
